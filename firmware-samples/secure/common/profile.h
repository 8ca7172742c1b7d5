/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the security profile demands.  The build defines it from the profile's file; what it leaves out is off.
 * Included in front of every file.
 */
#ifndef PROFILE_H
#define PROFILE_H

/* The image's signature: one of these at most. */
#ifndef WB_SIG_ECDSA_P256
#define WB_SIG_ECDSA_P256 0
#endif
#ifndef WB_SIG_RSA2048
#define WB_SIG_RSA2048 0
#endif

/* The signer's certificates chain to the provisioned root.  Signatures come with it: there is no other key. */
#ifndef WB_CHAIN
#define WB_CHAIN 0
#endif

/* HMAC with a key of this unit. */
#ifndef WB_MAC
#define WB_MAC 0
#endif

/* Ways of wrapping the key of an encrypted image. */
#ifndef WB_ENC_KW
#define WB_ENC_KW 0
#endif
#ifndef WB_ENC_ECIES_P256
#define WB_ENC_ECIES_P256 0
#endif

/* No plain image comes in. */
#ifndef WB_ENC_REQUIRED
#define WB_ENC_REQUIRED 0
#endif

/* Images carry a security counter, which may not fall. */
#ifndef WB_COUNTER
#define WB_COUNTER 1
#endif

/* An older version may come in, at the same security counter. */
#ifndef WB_ALLOW_VERSION_DOWNGRADE
#define WB_ALLOW_VERSION_DOWNGRADE 0
#endif

_Static_assert(WB_SIG_ECDSA_P256 + WB_SIG_RSA2048 == WB_CHAIN, "one kind of signature with a chain, or none");
_Static_assert(!(WB_MAC && WB_CHAIN), "a MAC or signatures");

#endif
