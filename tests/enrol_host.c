/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The whole secure application on the machine that runs the tests, under its sanitizers, with a chip that is a file:
 * the an385's memory map, flash that clears bits only, and a power cut at a chosen operation, which ends the process.
 * Reads commands from stdin, answers each on stdout.  Numbers are u32, little-endian.
 *
 *   'P' length bytes           a packet of SMP: the frames that answer it, as length and bytes
 *   'C' operations torn seed   cut the power at that flash operation from now; torn: 0 or 1
 *   'N' kind                   noise from now on: 0 good, 1 stands still, 2 none comes
 *   'B' address mask           from now on no write clears those bits of that word: a worn cell
 *   'R' address length         memory
 *   'W' address length bytes   memory, as a debug probe writes it
 *   'H' length bytes           fresh health tests over samples: how many they took before they failed
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app.h"
#include "chip.h"
#include "enrol.h"
#include "health.h"
#include "smp.h"

enum { OUTPUT_BYTES = 1 << 16, FLASH_AT = 0x100000, FLASH_BYTES = 0x90000, RAM_AT = 0x20000000, CUT = 7 };

static uint8_t output[OUTPUT_BYTES];
static uint32_t output_length;
static uint32_t operations_left;
static uint32_t torn;
static uint32_t noise_kind;
static uint32_t noise = 1;
static uint32_t ticks;
static uint32_t worn_at;
static uint32_t worn;

/* --- The chip ------------------------------------------------------------------------------------------------ */

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Whether this operation is the one that the power goes in. */
static bool last_operation(void)
{
    return operations_left > 0u && --operations_left == 0u;
}

static void lose_power(void)
{
    _exit(CUT);
}

void flash_erase_page(uint32_t address)
{
    uint8_t *const page = (uint8_t *)(uintptr_t)address;
    const bool last = last_operation();

    if (address % LAYOUT_PAGE_BYTES != 0u || address < FLASH_AT || address >= FLASH_AT + FLASH_BYTES) {
        abort();
    }
    for (uint32_t i = 0; i < LAYOUT_PAGE_BYTES; i++) {
        page[i] |= last && torn ? (uint8_t)next(&noise) : 0xFFu;
    }
    if (last) {
        lose_power();
    }
}

void flash_write_words(uint32_t address, const uint32_t *words, size_t count)
{
    uint32_t *const to = (uint32_t *)(uintptr_t)address;

    if (address % 4u != 0u || address < FLASH_AT || address + 4u * count > FLASH_AT + FLASH_BYTES) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        if (words[i] == UINT32_MAX) {
            continue;
        }
        const bool last = last_operation();
        const uint32_t kept = address + 4u * i == worn_at ? worn : 0u;

        to[i] &= kept | (last && torn ? words[i] | next(&noise) : words[i]);
        if (last) {
            lose_power();
        }
    }
}

void random_raw_start(void)
{
}

bool random_raw(uint8_t *sample)
{
    *sample = noise_kind == 1u ? 0x5A : (uint8_t)(next(&noise) >> 11);
    return noise_kind != 2u;
}

void random_raw_stop(void)
{
}

void random_bytes(uint8_t *to, size_t count)
{
    while (count-- > 0u) {
        *to++ = (uint8_t)next(&noise);
    }
}

bool chip_locked(void)
{
    return false;
}

void chip_id(uint8_t id[8])
{
    memcpy(id, "\1\2\3\4\5\6\7\10", 8);
}

uint32_t chip_ticks(void)
{
    return ticks++;
}

void uart_put(uint8_t byte)
{
    (void)byte;
}

/* --- The line ------------------------------------------------------------------------------------------------ */

static uint32_t read_number(void)
{
    uint8_t bytes[4];

    if (fread(bytes, sizeof bytes, 1, stdin) != 1) {
        exit(0);
    }
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void say_number(uint32_t value)
{
    for (unsigned int i = 0; i < 4u; i++) {
        putchar((int)(value >> (8u * i) & 0xFFu));
    }
}

static void collect(uint8_t byte)
{
    if (output_length == OUTPUT_BYTES) {
        abort();
    }
    output[output_length++] = byte;
}

/* In memory of exactly this size, so that a read beyond it is seen. */
static uint8_t *read_bytes(uint32_t *length)
{
    *length = read_number();
    uint8_t *const data = malloc(*length > 0u ? *length : 1u);

    if (data == NULL || (*length > 0u && fread(data, *length, 1, stdin) != 1)) {
        exit(1);
    }
    return data;
}

static void packet(void)
{
    uint32_t length;
    uint8_t *const data = read_bytes(&length);

    output_length = 0;
    (void)smp_handle(data, length, collect);
    say_number(output_length);
    fwrite(output, 1, output_length, stdout);
    free(data);
}

static void write_memory(void)
{
    const uint32_t address = read_number();
    uint32_t length;
    uint8_t *const data = read_bytes(&length);

    memcpy((void *)(uintptr_t)address, data, length);
    free(data);
    say_number(length);
}

static void read_memory(void)
{
    const uint32_t address = read_number();
    const uint32_t length = read_number();

    fwrite((const void *)(uintptr_t)address, 1, length, stdout);
}

static void health(void)
{
    uint32_t length;
    uint32_t taken = 0;
    uint8_t *const data = read_bytes(&length);
    struct health tests = {0};

    while (taken < length && health_take(&tests, data[taken])) {
        taken++;
    }
    if (taken < length && health_take(&tests, (uint8_t)taken)) {
        abort();
    }
    say_number(taken);
    free(data);
}

static void cut(void)
{
    operations_left = read_number();
    torn = read_number();
    noise = read_number() | 1u;
}

static void map(uint32_t at, size_t size, const char *file)
{
    const int descriptor = file != NULL ? open(file, O_RDWR) : -1;
    void *const wanted = (void *)(uintptr_t)at;
    const int flags = MAP_FIXED_NOREPLACE | (file != NULL ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);

    if ((file != NULL && descriptor < 0) || mmap(wanted, size, PROT_READ | PROT_WRITE, flags, descriptor, 0) != wanted) {
        perror("the chip's memory");
        exit(1);
    }
}

int main(int count, char **arguments)
{
    if (count != 3) {
        return 1;
    }
    map(FLASH_AT, FLASH_BYTES, arguments[1]);
    map(RAM_AT, 0x1000, NULL);
    noise = (uint32_t)strtoul(arguments[2], NULL, 10) | 1u;
    running_start();
    enrol_start();
    selftest_run();
    for (int command = getchar(); command != EOF; command = getchar()) {
        switch (command) {
        case 'P':
            packet();
            break;
        case 'C':
            cut();
            break;
        case 'N':
            noise_kind = read_number();
            break;
        case 'B':
            worn_at = read_number();
            worn = read_number();
            break;
        case 'R':
            read_memory();
            break;
        case 'W':
            write_memory();
            break;
        case 'H':
            health();
            break;
        default:
            return 1;
        }
        fflush(stdout);
    }
    return 0;
}
