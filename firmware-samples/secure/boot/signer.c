/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * BearSSL's minimal engine (X.509 path validation, RFC 5280 section 6 without policies and names) says whether the
 * chain ends at the root.  It knows nothing of what a certificate is for: that is read here, from the leaf, once its
 * signature was found good.
 *
 * The device has no clock.  Certificates have to be valid at the time that the signer claims to have signed; the
 * floor, which rises with each confirmed image, keeps a signer whose certificate ran out from claiming times ever
 * further back.
 */
#include "signer.h"

#include <bearssl_ec.h>
#include <bearssl_hash.h>
#include <bearssl_rsa.h>
#include <string.h>

#include "bytes.h"
#include "crypto.h"
#include "der.h"

#if WB_CHAIN

/* Leaf and intermediates; also bounds the time that a chain takes. */
enum { CHAIN_LIMIT = 4 };

enum { SECONDS_PER_DAY = 86400 };
enum { DAYS_TO_1970 = 719528 }; /* BearSSL counts from 0000-01-01 */

static br_x509_minimal_context engine;

/* --- Root and chain --- */

static bool root_load(br_x509_trust_anchor *root)
{
    struct bytes dn;
    struct bytes key;

    memset(root, 0, sizeof(*root));
    if (!provision_find(PROVISION_ROOT_DN, 0, &dn) || dn.length == 0u) {
        return false;
    }
    /* BearSSL's structures are not const-correct; it only reads through these. */
    root->dn.data = (unsigned char *)(uintptr_t)dn.data;
    root->dn.len = dn.length;
    root->flags = BR_X509_TA_CA;
#if WB_SIG_ECDSA_P256
    if (!provision_find(PROVISION_ROOT_EC, 65, &key)) {
        return false;
    }
    root->pkey.key_type = BR_KEYTYPE_EC;
    root->pkey.key.ec.curve = BR_EC_secp256r1;
    root->pkey.key.ec.q = (unsigned char *)(uintptr_t)key.data;
    root->pkey.key.ec.qlen = key.length;
#else
    static uint8_t exponent[4];

    if (!provision_find(PROVISION_ROOT_RSA, 260, &key)) {
        return false;
    }
    for (unsigned int i = 0; i < 4u; i++) {
        exponent[i] = key.data[259u - i];
    }
    root->pkey.key_type = BR_KEYTYPE_RSA;
    root->pkey.key.rsa.n = (unsigned char *)(uintptr_t)key.data;
    root->pkey.key.rsa.nlen = 256;
    root->pkey.key.rsa.e = exponent;
    root->pkey.key.rsa.elen = sizeof(exponent);
#endif
    return true;
}

static void engine_prepare(const br_x509_trust_anchor *root, uint64_t time)
{
    br_x509_minimal_init(&engine, &br_sha256_vtable, root, 1);
    br_x509_minimal_set_hash(&engine, br_sha256_ID, &br_sha256_vtable);
#if WB_SIG_ECDSA_P256
    br_x509_minimal_set_ecdsa(&engine, &br_ec_p256_m15, br_ecdsa_i15_vrfy_asn1);
#else
    br_x509_minimal_set_rsa(&engine, br_rsa_i15_pkcs1_vrfy);
#endif
    br_x509_minimal_set_time(&engine, (uint32_t)(time / SECONDS_PER_DAY) + DAYS_TO_1970,
                             (uint32_t)(time % SECONDS_PER_DAY));
}

/* Feeds the certificates; REASON_NONE when they chain to the root. */
static enum reason chain_run(struct bytes chain, const br_x509_trust_anchor *root, uint64_t time)
{
    const br_x509_class **const x509 = &engine.vtable;
    struct der certificate;

    engine_prepare(root, time);
    (*x509)->start_chain(x509, NULL);
    for (unsigned int count = 0; chain.length != 0u; count++) {
        if (count == CHAIN_LIMIT || !der_expect(&chain, DER_SEQUENCE, &certificate)) {
            return REASON_SIGNER_CHAIN;
        }
        (*x509)->start_cert(x509, certificate.whole.length);
        (*x509)->append(x509, certificate.whole.data, certificate.whole.length);
        (*x509)->end_cert(x509);
    }
    switch ((*x509)->end_chain(x509)) {
    case 0:
        return REASON_NONE;
    case BR_ERR_X509_EXPIRED: /* or not yet valid */
        return REASON_SIGNER_TIME;
    case BR_ERR_X509_FORBIDDEN_KEY_USAGE:
        return REASON_SIGNER_PURPOSE;
    default:
        return REASON_SIGNER_CHAIN;
    }
}

/* --- What the leaf is for --- */

static const uint8_t oid_key_usage[] = {0x55, 0x1D, 0x0F};
static const uint8_t oid_basic_constraints[] = {0x55, 0x1D, 0x13};
static const uint8_t oid_ext_key_usage[] = {0x55, 0x1D, 0x25};
static const uint8_t oid_code_signing[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03};

static bool is_oid(const struct bytes *found, const uint8_t *wanted, uint32_t length)
{
    return found->length == length && memcmp(found->data, wanted, length) == 0;
}

/* Subject public key and extensions of a certificate, RFC 5280 section 4.1. */
static bool leaf_open(struct bytes chain, struct der *public_key, struct bytes *extensions)
{
    struct der certificate;
    struct der part;
    struct der list;

    if (!der_expect(&chain, DER_SEQUENCE, &certificate) || !der_expect(&certificate.content, DER_SEQUENCE, &part)) {
        return false;
    }
    struct bytes tbs = part.content;

    /* version, serial, algorithm, issuer, validity, subject, key */
    if (!der_expect(&tbs, DER_CONTEXT_0, &part) || !der_expect(&tbs, DER_INTEGER, &part)
        || !der_expect(&tbs, DER_SEQUENCE, &part) || !der_expect(&tbs, DER_SEQUENCE, &part)
        || !der_expect(&tbs, DER_SEQUENCE, &part) || !der_expect(&tbs, DER_SEQUENCE, &part)
        || !der_expect(&tbs, DER_SEQUENCE, public_key)) {
        return false;
    }
    while (der_next(&tbs, &part)) {
        if (part.tag == DER_CONTEXT_3 && der_expect(&part.content, DER_SEQUENCE, &list)) {
            *extensions = list.content;
            return true;
        }
    }
    return false;
}

enum { MALFORMED = 2 };

/* How often an extension is there, and its value.  MALFORMED when twice, or when the list cannot be read. */
static unsigned int extension_find(struct bytes list, const uint8_t oid[3], struct bytes *value)
{
    struct der extension;
    struct der part;
    unsigned int count = 0;

    while (list.length != 0u) {
        if (!der_expect(&list, DER_SEQUENCE, &extension) || !der_expect(&extension.content, DER_OID, &part)) {
            return MALFORMED;
        }
        const bool wanted = is_oid(&part.content, oid, 3);

        if (!der_next(&extension.content, &part)
            || (part.tag == DER_BOOLEAN && !der_next(&extension.content, &part)) || part.tag != DER_OCTET_STRING) {
            return MALFORMED;
        }
        if (wanted) {
            *value = part.content;
            count++;
        }
    }
    return count <= 1u ? count : MALFORMED;
}

static bool may_sign(struct bytes extensions)
{
    struct bytes value;
    struct der usage;

    return extension_find(extensions, oid_key_usage, &value) == 1u && der_expect(&value, DER_BIT_STRING, &usage)
        && usage.content.length >= 2u && (usage.content.data[1] & 0x80u) != 0u;
}

static bool may_sign_code(struct bytes extensions)
{
    struct bytes value;
    struct der purposes;
    struct der purpose;
    bool found = false;

    if (extension_find(extensions, oid_ext_key_usage, &value) != 1u || !der_expect(&value, DER_SEQUENCE, &purposes)) {
        return false;
    }
    while (purposes.content.length != 0u) {
        if (!der_expect(&purposes.content, DER_OID, &purpose)) {
            return false;
        }
        found = found || is_oid(&purpose.content, oid_code_signing, sizeof(oid_code_signing));
    }
    return found;
}

/* Basic constraints: not there, empty, or cA FALSE (which DER leaves out). */
static bool is_no_ca(struct bytes extensions)
{
    struct bytes value;
    struct der constraints;
    struct der ca;
    const unsigned int count = extension_find(extensions, oid_basic_constraints, &value);

    if (count != 1u) {
        return count == 0u;
    }
    return der_expect(&value, DER_SEQUENCE, &constraints)
        && (constraints.content.length == 0u
            || (der_expect(&constraints.content, DER_BOOLEAN, &ca) && ca.content.length == 1u
                && ca.content.data[0] == 0u && constraints.content.length == 0u));
}

/* --- Key --- */

/* The key hash TLV is a hint for devices with several keys.  Here it has to be right, so that no byte of an image
 * can change unnoticed: SHA-256 of the SubjectPublicKeyInfo, for RSA of the RSAPublicKey in it. */
static enum reason key_hash_check(const struct image *image, const struct der *public_key)
{
    struct bytes hashed = public_key->whole;
    struct bytes wanted;
    br_sha256_context context;
    uint8_t hash[32];

    if (!image_find_tlv(image, TLV_KEYHASH, &wanted) || wanted.length != sizeof(hash)) {
        return REASON_TLV;
    }
#if WB_SIG_RSA2048
    struct bytes content = public_key->content;
    struct der part;

    if (!der_expect(&content, DER_SEQUENCE, &part) || !der_expect(&content, DER_BIT_STRING, &part)
        || part.content.length < 1u) {
        return REASON_SIGNER_CHAIN;
    }
    hashed.data = part.content.data + 1;
    hashed.length = part.content.length - 1u;
#endif
    br_sha256_init(&context);
    br_sha256_update(&context, hashed.data, hashed.length);
    br_sha256_out(&context, hash);
    return crypto_equal(hash, wanted.data, sizeof(hash)) ? REASON_NONE : REASON_SIGNATURE;
}

static bool key_fits(const br_x509_pkey *key)
{
#if WB_SIG_ECDSA_P256
    return key != NULL && key->key_type == BR_KEYTYPE_EC && key->key.ec.curve == BR_EC_secp256r1
        && key->key.ec.qlen == 65u;
#else
    return key != NULL && key->key_type == BR_KEYTYPE_RSA && key->key.rsa.nlen == 256u;
#endif
}

static enum reason leaf_check(const struct image *image, struct bytes chain)
{
    struct der public_key;
    struct bytes extensions;

    if (!leaf_open(chain, &public_key, &extensions)) {
        return REASON_SIGNER_PURPOSE;
    }
    if (!may_sign(extensions) || !may_sign_code(extensions) || !is_no_ca(extensions)) {
        return REASON_SIGNER_PURPOSE;
    }
    return key_hash_check(image, &public_key);
}

enum reason signer_check(const struct image *image, uint64_t floor, const br_x509_pkey **key)
{
    struct bytes chain;
    static br_x509_trust_anchor root; /* read until the chain has been validated */
    uint64_t time;

    *key = NULL;
    if (!image_find_tlv(image, TLV_SIGNER_CHAIN, &chain) || !image_signing_time(image, &time)) {
        return REASON_TLV;
    }
    if (!root_load(&root)) {
        return REASON_NOT_PROVISIONED;
    }
    if (time < floor || time / SECONDS_PER_DAY > UINT32_MAX / 2u) {
        return REASON_SIGNER_TIME;
    }
    enum reason reason = chain_run(chain, &root, time);

    if (reason == REASON_NONE) {
        reason = leaf_check(image, chain);
    }
    if (reason == REASON_NONE) {
        const br_x509_pkey *const leaf = engine.vtable->get_pkey(&engine.vtable, NULL);

        if (key_fits(leaf)) {
            *key = leaf;
        } else {
            reason = REASON_SIGNER_CHAIN;
        }
    }
    return reason;
}

#endif
