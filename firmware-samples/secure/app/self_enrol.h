/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A trial aid: an application that carries out a whole enrolment at its start, without a line, so that a rig can cut the
 * power at each of its flash operations.  Its signing request stands in for the certificate.
 */
#ifndef SELF_ENROL_H
#define SELF_ENROL_H

/* Says what it found, makes and writes what is missing, says what there is then:
 *
 *   enrol: found key N cert N copies N spent N
 *   enrol: end key N cert N copies N spent N
 *
 * key and cert are CRC-32 of the public point and of the first whole copy, 0 if there is none. */
void self_enrol(void);

#endif
