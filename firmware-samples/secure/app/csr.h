/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The unit's certificate signing request: PKCS#10 (RFC 2986) in DER, with the chip's ID as the subject's serialNumber and
 * the proof of the one-time secret as challengePassword (RFC 2985, 5.4.1).
 */
#ifndef CSR_H
#define CSR_H

#include <stdbool.h>
#include <stdint.h>

enum { CSR_NONCE_BYTES = 32, CSR_MAX_BYTES = 300 };

/* Builds it for the unit's P-256 key and the CA's nonce.  Returns its length; 0 when there is no key or no secret, or no
 * signature came out. */
uint32_t csr_build(const uint8_t nonce[CSR_NONCE_BYTES], uint8_t csr[CSR_MAX_BYTES]);

#endif
