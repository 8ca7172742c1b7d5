/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The registers of the nRF51822 that bootloader and application use beside those of ../hello-microbit/nrf51.h,
 * named as in the nRF51 Series Reference Manual, version 3.0.
 */
#ifndef SECURE_NRF51_H
#define SECURE_NRF51_H

#include "../../../hello-microbit/nrf51.h"

/* 6 Non-volatile memory controller (NVMC) */
typedef struct {
    volatile uint32_t RESERVED0[256];
    const volatile uint32_t READY;
    volatile uint32_t RESERVED1[64];
    volatile uint32_t CONFIG;
    volatile uint32_t ERASEPAGE;
} nrf51_nvmc;

NRF51_REGISTER_AT(nrf51_nvmc, READY, 0x400);
NRF51_REGISTER_AT(nrf51_nvmc, CONFIG, 0x504);
NRF51_REGISTER_AT(nrf51_nvmc, ERASEPAGE, 0x508);

#define NVMC_CONFIG_Ren 0u
#define NVMC_CONFIG_Wen 1u
#define NVMC_CONFIG_Een 2u

/* 21 Random number generator (RNG) */
typedef struct {
    volatile uint32_t TASKS_START;
    volatile uint32_t TASKS_STOP;
    volatile uint32_t RESERVED0[62];
    volatile uint32_t EVENTS_VALRDY;
    volatile uint32_t RESERVED1[256];
    volatile uint32_t CONFIG;
    const volatile uint32_t VALUE;
} nrf51_rng;

NRF51_REGISTER_AT(nrf51_rng, EVENTS_VALRDY, 0x100);
NRF51_REGISTER_AT(nrf51_rng, CONFIG, 0x504);
NRF51_REGISTER_AT(nrf51_rng, VALUE, 0x508);

#define RNG_CONFIG_DERCEN_Enabled 1u

/* 8 User information configuration registers (UICR) */
#define NRF_UICR_RBPCONF  (*(const volatile uint32_t *)0x10001004u)
#define UICR_RBPCONF_PALL 0xFF00u

#define NRF_RNG  ((nrf51_rng *)0x4000D000u)
#define NRF_NVMC ((nrf51_nvmc *)0x4001E000u)

#endif
