"""Whether a device runs the release: what it says, what it signs, and what its flash holds.  Pure.

Every `verify_*` raises UpdateNotVerified or returns what to record.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from workbench.images.format import ENCRYPTED, parse
from workbench.images.refusals import ImageRefused
from workbench.images.verify import verify_hash
from workbench.updates.device import ChallengeAnswer, Identity, Images
from workbench.updates.errors import UpdateNotVerified
from workbench.updates.release import Release, same_version
from workbench.wires.smp_errors import SmpGarbled
from workbench.wires.smp_message import read_map

DOMAIN: Final = b"WBCHAL1"
NONCE_BYTES: Final = 32

HmacKey = bytes
ChallengeKey = HmacKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class Statement:
    """What a device signed, once it fits what was asked."""

    alg: str
    chip: str
    version: str
    counter: int
    key_checked: bool
    """Whether the signature was held against a key; without one the answer proves nothing."""


def fresh_nonce() -> bytes:
    """A nonce that was never used."""
    return secrets.token_bytes(NONCE_BYTES)


def verify_images(release: Release, images: Images, *, confirmed: bool) -> dict[str, Any]:
    """Version, hash, slot and confirmation, as the device lists them."""
    active = images.active
    if active is None:
        raise UpdateNotVerified("the device does not say which image runs")
    if not release.matches(active.hash):
        told = "no hash" if active.hash is None else f"hash {active.hash.hex()[:16]}…"
        raise UpdateNotVerified(f"the device runs {active.version} with {told}, not {_named(release)}")
    if not same_version(active.version, release.version):
        raise UpdateNotVerified(
            f"the device calls the release {active.version}, and the image says {release.version}"
        )
    if active.slot != 0:
        raise UpdateNotVerified(f"the release runs from slot {active.slot}, not from slot 0")
    if confirmed and not active.confirmed:
        raise UpdateNotVerified(
            f"the device runs {_named(release)} on trial only",
            cause="it was not confirmed, or forgot that it was",
        )
    return active.as_json()


def verify_identity(release: Release, identity: Identity) -> dict[str, Any]:
    """That the device's identity says the same as its list of images."""
    if not release.matches(identity.hash) or not same_version(identity.version, release.version):
        raise UpdateNotVerified(
            f"the device's identity names {identity.version} with {identity.hash.hex()[:16]}…"
        )
    return identity.as_json()


def verify_challenge(
    release: Release, answer: ChallengeAnswer, nonce: bytes, chip: bytes, key: ChallengeKey | None
) -> Statement:
    """That the answer is to this challenge, of this device, about the release, and signed with `key`."""
    if key is not None:
        _verify_signature(answer, key)
    try:
        said = read_map(answer.statement)
    except SmpGarbled as error:
        raise UpdateNotVerified("the signed statement cannot be read", cause=error.what) from error
    expected = {"nonce": nonce, "chip": chip, "hash": release.digest[:32], "slot": 0}
    for name, value in expected.items():
        if said.get(name) != value:
            raise UpdateNotVerified(
                f"the answer to a challenge is about another {name}",
                cause="an old answer, or another device's",
            )
    version, counter = said.get("version"), said.get("counter")
    if not isinstance(version, str) or not same_version(version, release.version):
        raise UpdateNotVerified("the answer to a challenge is about another version")
    counter = counter if isinstance(counter, int) else 0
    return Statement(answer.alg, chip.hex(), version, counter, key is not None)


def verify_possession(answer: ChallengeAnswer, nonce: bytes, chip: bytes, key: ChallengeKey) -> Statement:
    """That the answer is to this challenge, of this chip, and made with `key`, whatever it runs."""
    _verify_signature(answer, key)
    try:
        said = read_map(answer.statement)
    except SmpGarbled as error:
        raise UpdateNotVerified("the signed statement cannot be read", cause=error.what) from error
    if said.get("nonce") != nonce or said.get("chip") != chip:
        raise UpdateNotVerified(
            "the answer to a challenge is another device's, or to another challenge",
            cause="an old answer, or another device's",
        )
    version, counter = said.get("version"), said.get("counter")
    return Statement(
        answer.alg,
        chip.hex(),
        version[:64] if isinstance(version, str) else "",
        counter if isinstance(counter, int) else 0,
        True,
    )


def verify_slot_bytes(release: Release, slot: bytes) -> str:
    """That a slot's bytes, read through the debug port, are the release's; says how that was seen.

    A device decrypts what it installs: for an encrypted image the hash of what lies there decides, which is
    over the plain payload.
    """
    if not release.encrypted:
        if slot[: len(release.data)] != release.data:
            pairs = enumerate(zip(slot, release.data, strict=False))
            at = next((i for i, (a, b) in pairs if a != b), len(slot))
            raise UpdateNotVerified(f"the slot's byte {at:#x} is not the release's")
        return "bytes"
    try:
        found = parse(slot[: len(release.data)])
        digest = verify_hash(found)[1]
    except ImageRefused as error:
        raise UpdateNotVerified(f"the slot holds no sound image: {error.what}") from error
    if digest != release.digest or found.header.flags & ~ENCRYPTED != release.image.header.flags & ~ENCRYPTED:
        raise UpdateNotVerified("the slot holds another image than the release")
    return "hash"


def _verify_signature(answer: ChallengeAnswer, key: ChallengeKey) -> None:
    signed = DOMAIN + answer.statement
    if isinstance(key, bytes):
        good = answer.alg == "HS256" and hmac.compare_digest(answer.sig, hmac.digest(key, signed, "sha256"))
    else:
        good = answer.alg == "ES256" and _is_signature(key, answer.sig, signed)
    if not good:
        raise UpdateNotVerified(
            f"the answer to the challenge ({answer.alg[:8]}) was not made with this device's key",
            cause="another device than the one that was provisioned, or other keys than those it has",
        )


def _is_signature(key: ec.EllipticCurvePublicKey, sig: bytes, signed: bytes) -> bool:
    if len(sig) != 64:
        return False
    r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _named(release: Release) -> str:
    return f"{release.version} with hash {release.digest.hex()[:16]}…"
