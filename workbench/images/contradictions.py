"""What the values of a profile must agree on.  Pure: a profile's tables in, findings with reasons out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workbench.images.profile_file import Authentication, ProfileFile
from workbench.toml_file import Problem

_TIER_METHOD: Final[dict[str, Authentication]] = {
    "1": "none",
    "1+": "mac",
    "2": "signature",
    "3": "signature",
}
_ASYMMETRIC: Final = frozenset({"ecies-p256", "ecies-x25519", "rsa-oaep-2048"})


def contradictions(file: ProfileFile) -> list[Problem]:
    """Every contradiction, in the order of the file; an empty list where the profile can hold."""
    return [
        *_tier(file),
        *_authenticity(file),
        *_encryption(file),
        *_compression(file),
        *_keys(file),
        *_rollback(file),
        *_proof(file),
        *_consent(file),
    ]


def _tier(file: ProfileFile) -> Iterator[Problem]:
    tier, method = file.profile.tier, file.authenticity.method
    if method != _TIER_METHOD[tier]:
        why = (
            f"tier {tier} means {_TIER_METHOD[tier]!r}; with {method!r} its name would promise something else"
        )
        yield Problem("authenticity.method", repr(method), why)
    scope = file.keys.symmetric
    if tier == "1" and scope != "fleet":
        why = "tier 1 shares one secret in the fleet; with a secret for each unit it is tier 1+"
        yield Problem("keys.symmetric", repr(scope), why)
    if (file.keys.storage == "tpm") != (tier == "3"):
        why = "tier 3 keeps its keys in a TPM, and no other tier has one"
        yield Problem("keys.storage", repr(file.keys.storage), why)
    if file.proof.measured_boot and tier != "3":
        yield Problem("proof.measured_boot", "true", "needs the registers of a TPM, which is tier 3")


def _authenticity(file: ProfileFile) -> Iterator[Problem]:
    method, algorithm = file.authenticity.method, file.authenticity.algorithm
    if method == "signature" and algorithm is None:
        yield Problem("authenticity.algorithm", "(absent)", "a signature needs an algorithm")
    if method != "signature" and algorithm is not None:
        why = f"must be left out: method {method!r} signs nothing"
        yield Problem("authenticity.algorithm", repr(algorithm), why)
    if file.authenticity.chain and method != "signature":
        why = "certificates say whose signature it is; without a signature they vouch for nothing"
        yield Problem("authenticity.chain", "true", why)
    if method == "mac" and file.keys.symmetric != "unit":
        why = "a MAC needs a secret of the unit's own: whoever reads out a shared one can sign for all units"
        yield Problem("keys.symmetric", repr(file.keys.symmetric), why)


def _encryption(file: ProfileFile) -> Iterator[Problem]:
    encryption, keys = file.encryption, file.keys
    if encryption.required and encryption.method == "none":
        why = "no key unwraps anything with method 'none', so every image would be refused"
        yield Problem("encryption.required", "true", why)
    if file.authenticity.method == "none" and not encryption.required:
        why = (
            "nothing authenticates the image, and the shared key is all that stands in an attacker's way: "
            "an image in the clear would be taken from anybody"
        )
        yield Problem("encryption.required", "false", why)
    if encryption.method == "aes-kw" and keys.symmetric == "none":
        why = "AES key wrap needs a secret that maker and device share: 'fleet' or 'unit'"
        yield Problem("keys.symmetric", "'none'", why)
    if encryption.method == "aes-kw" and encryption.bits != 128:
        why = "the key encryption key has 16 bytes, which is weaker than the key it would wrap"
        yield Problem("encryption.bits", str(encryption.bits), why)
    if encryption.method in _ASYMMETRIC and file.authenticity.method != "signature":
        why = "anybody can encrypt to a public key: without a signature it would take images from anybody"
        yield Problem("encryption.method", repr(encryption.method), why)


def _compression(file: ProfileFile) -> Iterator[Problem]:
    method = file.compression.method
    if method != "none" and file.authenticity.method == "none":
        why = "a decompressor would work on bytes that nobody vouches for; authenticate, or leave it out"
        yield Problem("compression.method", repr(method), why)


def _keys(file: ProfileFile) -> Iterator[Problem]:
    keys, encryption = file.keys, file.encryption
    used = encryption.method == "aes-kw" or file.authenticity.method == "mac"
    if keys.symmetric != "none" and not used:
        why = "nothing in this profile uses a shared secret; one that is not needed must not be on the device"
        yield Problem("keys.symmetric", repr(keys.symmetric), why)
    if keys.symmetric == "unit" and file.authenticity.method == "none":
        why = (
            "a secret for each unit, but nothing authenticates: images would be made for each unit and still "
            "not be told from others'; use the MAC (tier 1+), or 'fleet'"
        )
        yield Problem("keys.symmetric", "'unit'", why)


def _rollback(file: ProfileFile) -> Iterator[Problem]:
    counter, tier = file.rollback.counter, file.profile.tier
    if counter == "none" and tier != "1":
        why = (
            f"tier {tier} promises that no image with a known hole comes back, and only a counter keeps that"
        )
        yield Problem("rollback.counter", "'none'", why)
    if counter == "tpm" and tier != "3":
        yield Problem("rollback.counter", "'tpm'", "a counter in a TPM belongs to tier 3")
    if counter == "none" and file.rollback.allow_version_downgrade:
        why = (
            "without a counter and with older versions allowed, nothing stops a rollback; forbid one of them"
        )
        yield Problem("rollback.allow_version_downgrade", "true", why)


def _proof(file: ProfileFile) -> Iterator[Problem]:
    challenge, keys = file.proof.challenge, file.keys
    if challenge == "hmac-sha256" and keys.symmetric == "none":
        yield Problem("proof.challenge", repr(challenge), "needs a secret that the workbench knows too")
    if challenge == "ecdsa-p256" and keys.device_key == "none":
        yield Problem("keys.device_key", "'none'", "signing a challenge needs a key pair on the device")
    if challenge != "ecdsa-p256" and keys.device_key != "none":
        why = "a key pair that no challenge uses; must be 'none', or proof.challenge 'ecdsa-p256'"
        yield Problem("keys.device_key", repr(keys.device_key), why)


def _consent(file: ProfileFile) -> Iterator[Problem]:
    consent = file.consent
    if consent.max_deferrals and consent.severity != "mandatory":
        why = f"only a mandatory release counts deferrals; severity is {consent.severity!r}"
        yield Problem("consent.max_deferrals", str(consent.max_deferrals), why)
