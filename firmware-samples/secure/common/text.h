/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Text on the UART.  Lines end with CR LF.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

struct image_version;

void text_put(const char *text);
void text_number(uint32_t value);
void text_version(const struct image_version *version); /* 1.2.3, 1.2.3+4 when there is a build number */
void text_end(void);

#endif
