/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * MPS2 with AN385: no flash; a part of the SSRAM at 0 stands in for it.  It keeps its contents over a reset, not
 * over a loss of power.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define LAYOUT_PAGE_BYTES 0x400u

#define LAYOUT_BOOT     0x00000000u /* 48 KiB */
#define LAYOUT_SLOT0    0x00100000u
#define LAYOUT_SLOT1    0x00140000u
#define LAYOUT_SLOT_PAGES 256u
#define LAYOUT_STATE    0x00180000u /* two pages */
#define LAYOUT_LOG      0x00180800u
#define LAYOUT_LOG_PAGES 4u
#define LAYOUT_IDENTITY 0x00182000u /* a page, written at provisioning only */
#define LAYOUT_IDENTITY_BYTES 0x400u
#define LAYOUT_KEYS     0x00182400u /* a page: app/key_page.h */
#define LAYOUT_CERTIFICATE_A 0x00182800u /* a page each, written by the application at enrolment */
#define LAYOUT_CERTIFICATE_B 0x00182C00u

#define LAYOUT_COUNTER       0x00183000u
#define LAYOUT_COUNTER_WORDS 32u

#define LAYOUT_RELAY 0x20000000u

/* The word after it: where the text with the bootloader's version is, for the application. */
#define LAYOUT_BOOT_VERSION 0x20000004u

/* SYSCLK. */
#define CHIP_TICK_HZ 25000000u

#endif
