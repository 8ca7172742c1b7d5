/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The program: says who it is, echoes lines, and obeys a few commands.
 *
 *   boot      NAME VERSION build BUILDID chip CHIPID
 *   LINE      echo: LINE
 *   ?id       id: CHIPID                  16 hexadecimal digits
 *   ?build    build: BUILDID              12 hexadecimal digits, the start of the linker's build ID
 *   ?reset    resetting                   then a system reset, and the banner
 *   ?crash    fault: HardFault pc … lr …  then nothing until a reset
 *
 * Every line ends with CR LF.  A line that cannot be used is answered by `error: …`.
 */
#ifndef COMMON_HELLO_H
#define COMMON_HELLO_H

#include "port.h"

__attribute__((noreturn)) void hello_main(const struct port *port);

#endif
