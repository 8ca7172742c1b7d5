/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * FILL_BYTES of content that looks random, is the same in every build, and never compresses to nothing or
 * looks like erased flash: the words of Marsaglia's xorshift32 generator (shifts 13, 17, 5), seeded with 1.
 */
    .section .fill, "a", %progbits
    .balign 4
    .set state, 1
    .rept FILL_BYTES / 4
    .set state, (state ^ (state << 13)) & 0xFFFFFFFF
    .set state, state ^ (state >> 17)
    .set state, (state ^ (state << 5)) & 0xFFFFFFFF
    .word state
    .endr
