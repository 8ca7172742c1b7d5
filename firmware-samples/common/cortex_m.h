/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Core registers and instructions that Cortex-M0 and Cortex-M3 share, named as in the Armv6-M Architecture
 * Reference Manual (DDI 0419), sections B1.5 (exceptions), B3.2 (SCB) and B3.4 (NVIC).
 */
#ifndef COMMON_CORTEX_M_H
#define COMMON_CORTEX_M_H

#include <stdint.h>

typedef void (*exception_handler)(void);

/* Vector table, B1.5.3.  Only the entries that both cores have are named; an interrupt without a handler
 * stays 0, which no core can branch to: it ends in HardFault. */
struct vector_table {
    uint32_t *initial_sp;
    exception_handler reset;
    exception_handler nmi;
    exception_handler hard_fault;
    exception_handler reserved_4_to_10[7]; /* on Armv7-M the other faults, which are never enabled here */
    exception_handler svcall;
    exception_handler reserved_12_13[2];
    exception_handler pendsv;
    exception_handler systick;
    exception_handler irq[32];
};

#define NVIC_ISER (*(volatile uint32_t *)0xE000E100u)
#define NVIC_ICER (*(volatile uint32_t *)0xE000E180u)
#define NVIC_ISPR (*(volatile uint32_t *)0xE000E200u)
#define SCB_AIRCR (*(volatile uint32_t *)0xE000ED0Cu)

#define SCB_AIRCR_VECTKEY     (0x05FAu << 16)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)

static inline void irq_mask(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
}

static inline void irq_unmask(void)
{
    __asm__ volatile("cpsie i" ::: "memory");
}

/* Sleeps until an interrupt is pending, even one that irq_mask() holds back. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("dsb\n\twfi" ::: "memory");
}

static inline void data_barrier(void)
{
    __asm__ volatile("dsb" ::: "memory");
}

#endif
