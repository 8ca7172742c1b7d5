/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * SMP group 64, ids 4 to 7: the unit's enrolment and its attestation.  Maps of CBOR; what is marked ? may be absent.
 *
 *   4 enrol, read          {} -> {"state": "none" | "secret" | "key" | "cert" | "done", "origin": "none" | "on-chip" |
 *                          "injected", "pub"?: 65 bytes, "certs": [bool, bool], "repaired": [bool, bool],
 *                          "health": bool}
 *                            state     none: nothing; secret: the probe's enrolment record is there and whole; key: a
 *                                      key of its own is there; cert: a whole copy of a certificate, too; done: committed
 *                            origin    of the unit's own key; injected: PROVISION_DEVICE_KEY or PROVISION_UNIT_SECRET
 *                            pub       04 X Y, of the P-256 key if there is one
 *                            certs     whether copy A, B is whole, now
 *                            repaired  whether it was written anew from the other one since the start
 *                            health    whether the source of random numbers passes its tests (the first request waits
 *                                      for them: 1024 samples)
 *   4 enrol, write         {"act": "generate"} -> as read.  From "secret"; a unit that has a key keeps it, and answers
 *                          as read; a unit without the probe's record gets none
 *                          {"act": "commit"} -> as read.  Overwrites the one-time secret, and freezes key and
 *                          certificate.  Needs both copies whole and alike; a unit with PROVISION_UNIT_SECRET and without
 *                          a P-256 key needs none.  Once more: nothing happens
 *   5 csr, write           {"nonce": 32 bytes} -> {"csr": bytes}: PKCS#10, DER, at most 300 bytes: subject serialNumber
 *                          (PrintableString) the chip's ID in 16 small hexadecimal digits in the order of the bytes of
 *                          identity's "chip"; one attribute, challengePassword (PrintableString), 64 small hexadecimal
 *                          digits of HMAC-SHA256(one-time secret, "WBENROL1" | nonce | chip ID (8) | 04 X Y (65));
 *                          ecdsa-with-SHA256.  The same request has the same answer, byte for byte
 *   6 certificate, read    {"off": n} -> {"off": n, "len": of the whole, "data": up to 512 bytes, "copy": 0 | 1}
 *   6 certificate, write   {"off": n, "data": bytes, "len"?: n, "sha"?: 32 bytes} -> {"off": how many there are now,
 *                          "match"?: true}.  The first piece (off 0) has len and sha; the last one writes both copies
 *                          and has match.  Pieces are kept in RAM until then: after a reset begin at 0.  A piece with
 *                          another off changes nothing, and the answer says where to go on.  The same certificate
 *                          again: nothing is written.  Refused: not DER of that length, not with this unit's key in it
 *   7 eat, write           {"nonce": 8 to 64 bytes} -> {"eat": bytes}: COSE_Sign1 (tag 18, ES256) or, with
 *                          PROVISION_UNIT_SECRET, COSE_Mac0 (tag 17, HMAC 256/256): eat.h has the claims.  A unit with
 *                          the fleet's key only has none: NO_KEY
 *
 * Errors are enum smp_own_error: NO_KEY (6), FAILED (7), ENROL_STATE (9): a unit with
 * PROVISION_UNIT_SECRET gets no key; NO_SECRET (10): no
 * enrolment record of the probe; RANDOM (11): the source of random numbers failed its tests; FLASH (12): what was
 * written does not read back, or the key that was there is damaged; FROZEN (13): committed; NO_CERTIFICATE (14); CERTIFICATE (15): hash, DER or key differ.
 *
 * No answer carries a byte of the key page but the public key.
 */
#ifndef ENROL_H
#define ENROL_H

/* Repairs the certificate's copies, and looks at what holds until the next start.  Called once, before any request. */
void enrol_start(void);

#endif
