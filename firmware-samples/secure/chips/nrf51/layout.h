/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * nRF51822-QFAA: 256 KiB of flash in pages of 1 KiB, 16 KiB of RAM (nRF51 Series Reference Manual 3.0,
 * chapter 5).  Addresses here, in memory.ld and in targets/microbit-v1.toml are the same.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define LAYOUT_PAGE_BYTES 0x400u

#define LAYOUT_BOOT     0x00000000u /* 48 KiB */
#define LAYOUT_SLOT0    0x0000C000u
#define LAYOUT_SLOT1    0x00025000u
#define LAYOUT_SLOT_PAGES 100u
#define LAYOUT_CERTIFICATE_A 0x0003E000u /* a page each, written by the application at enrolment */
#define LAYOUT_CERTIFICATE_B 0x0003E400u
#define LAYOUT_STATE    0x0003E800u /* two pages */
#define LAYOUT_LOG      0x0003F000u
#define LAYOUT_LOG_PAGES 2u
#define LAYOUT_IDENTITY 0x0003F800u /* a page, written at provisioning only */
#define LAYOUT_IDENTITY_BYTES 0x400u
#define LAYOUT_KEYS     0x0003FC00u /* a page: app/key_page.h */

/* UICR customer words: write-once, survive everything but an erase of the whole chip. */
#define LAYOUT_COUNTER       0x10001080u
#define LAYOUT_COUNTER_WORDS 32u

/* First word of RAM: holds RELAY_ON while the bootloader's vectors relay to the application's.  The 16 bytes
 * belong to the bootloader for good. */
#define LAYOUT_RELAY 0x20000000u

/* The word after it: where the text with the bootloader's version is, for the application. */
#define LAYOUT_BOOT_VERSION 0x20000004u

/* TIMER0 at 16 MHz / 2^3. */
#define CHIP_TICK_HZ 2000000u

#endif
