"""Whether a device's token is to be believed: held against what was asked and what is known.  Pure.

    seen = verify_eat(token, asked, known, now_s)

Nothing in a token is looked at before its signature, made with the key that the ledger has of the unit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.attest.claims import UEID_RAND, Claims, read_claims
from workbench.identity.attest.cose import Cose, Key, decode_cose, verify_cose
from workbench.identity.attest.errors import ASK_AGAIN, EatRefused
from workbench.images.tlvs import Version, VersionInvalid

KID_BYTES: Final = 8
FRESH_S: Final = 60.0
"""How long an answer may take; a slow core signs for seconds."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: a nonce that was never used, and when it was sent, in seconds of any clock that runs on."""

    nonce: bytes
    at_s: float


@dataclass(frozen=True, slots=True)
class Last:
    """What an earlier token that was believed said: nothing goes back behind it."""

    counter: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of the unit.

    `chip_id` has 8 bytes as the chip's words lie in memory.  `key` is the ledger's: a P-256 key, or the
    challenge key of a unit of tier 1 or 1+.  `image`, `version`, `profile`, `locked`, `origin`: what the unit
    must run and be; None where that is not known.  `counter` is the lowest security counter that is accepted.
    """

    chip_id: bytes
    key: Key = field(repr=False)
    image: bytes | None = None
    version: str | None = None
    profile: str | None = None
    locked: bool | None = None
    origin: str | None = None
    slot: int = 0
    counter: int = 0
    last: Last | None = None
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Attested:
    """A token that was believed."""

    claims: Claims
    kind: str
    """"sign1" or "mac0"."""
    sha256: str

    @property
    def last(self) -> Last:
        """What is to be remembered of it."""
        app = self.claims.app
        assert app is not None
        return Last(self.claims.counter, app.version)

    def as_json(self) -> dict[str, Any]:
        """For records."""
        app, said = self.claims.app, self.claims
        assert app is not None
        return {
            "chip": said.chip_id[::-1].hex(),
            "image_sha256": app.digest.hex(),
            "version": app.version,
            "slot": said.slot,
            "counter": said.counter,
            "profile": said.profile,
            "confirmed": said.confirmed,
            "lifecycle": f"{said.lifecycle:#06x}",
            "locked": said.locked,
            "debug": said.debug,
            "origin": said.origin,
            "ueid": said.ueid.hex(),
            "proof": self.kind,
            "eat_sha256": self.sha256,
        }


def verify_eat(token: bytes, asked: Asked, known: Known, now_s: float) -> Attested:
    """What the device attests.  Raises EatRefused: its `reason` is one of

    cose-form, cose-algorithm, other-key, signature, claims, profile, nonce, stale, chip, ueid, origin,
    lifecycle, unit-profile, slot, image, version, counter-downgraded, version-downgraded, not-confirmed.
    """
    cose = decode_cose(token)
    _refuse_other_key(cose, known.key)
    verify_cose(cose, known.key)
    claims = read_claims(cose.payload)
    _refuse_old(claims, asked, now_s)
    _refuse_foreign(claims, known)
    _refuse_lifecycle(claims, known)
    _refuse_other_software(claims, known)
    _refuse_downgrade(claims, known)
    return Attested(claims, cose.kind, hashlib.sha256(token).hexdigest())


def key_id(key: Key) -> bytes:
    """The key ID that a device puts into its tokens: first bytes of its key's fingerprint."""
    return fingerprint(key)[:KID_BYTES]


def fingerprint(key: Key) -> bytes:
    """SHA-256 of the uncompressed point, or of the symmetric key."""
    if isinstance(key, bytes):
        return hashlib.sha256(key).digest()
    return hashlib.sha256(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)).digest()


def ueid_of(key: Key) -> bytes:
    """The unit's name, made of its key as RFC 9783 makes instance IDs: hashed twice where it is secret."""
    name = fingerprint(key)
    return bytes([UEID_RAND]) + (hashlib.sha256(name).digest() if isinstance(key, bytes) else name)


def _refuse_other_key(cose: Cose, key: Key) -> None:
    """The key ID proves nothing; but where it names another key, that is the better word than a wrong
    signature.
    """
    if cose.kid is not None and cose.kid != key_id(key):
        raise EatRefused(
            "other-key",
            "the token names another key than the ledger has of this unit",
            cause="another device answered, or the unit was given another key",
        )


def _refuse_old(claims: Claims, asked: Asked, now_s: float) -> None:
    if claims.nonce != asked.nonce:
        raise EatRefused(
            "nonce",
            "the token answers another question than was asked",
            cause="an old answer that was sent again",
        )
    if not 0 <= now_s - asked.at_s <= FRESH_S:
        raise EatRefused(
            "stale",
            f"the answer came {now_s - asked.at_s:.0f} s after the question",
            cause="an answer that was held back, or a line that stalls",
            action=ASK_AGAIN,
        )


def _refuse_foreign(claims: Claims, known: Known) -> None:
    if claims.chip_id != known.chip_id:
        raise EatRefused(
            "chip",
            f"the token is of chip {claims.chip_id[::-1].hex()}, not {known.chip_id[::-1].hex()}",
            cause="the unit's key is on another chip: a clone",
        )
    if claims.ueid != ueid_of(known.key):
        raise EatRefused("ueid", "the token's name is not that of the unit's key")
    if known.origin is not None and claims.origin != known.origin:
        raise EatRefused(
            "origin", f"the device says that its key is {claims.origin}, and the ledger {known.origin}"
        )


def _refuse_lifecycle(claims: Claims, known: Known) -> None:
    if known.locked is not None and claims.locked != known.locked:
        told, wanted = (("locked" if yes else "not locked") for yes in (claims.locked, known.locked))
        raise EatRefused(
            "lifecycle",
            f"the device says that it is {told}, and the ledger that it is {wanted}",
            cause="the unit was erased and set up anew, or its lock was never set",
        )


def _refuse_other_software(claims: Claims, known: Known) -> None:
    app = claims.app
    if app is None:
        raise EatRefused("claims", "the token does not say which application runs")
    if known.profile is not None and claims.profile != known.profile:
        raise EatRefused("unit-profile", f"the unit has security profile {claims.profile}")
    if claims.slot != known.slot:
        raise EatRefused("slot", f"the application runs from slot {claims.slot}, not {known.slot}")
    if known.image is not None and app.digest != known.image:
        raise EatRefused(
            "image",
            f"the device runs image {app.digest.hex()[:16]}…",
            cause="other firmware than is recorded",
        )
    if known.version is not None and not _same(app.version, known.version):
        raise EatRefused("version", f"the device runs version {app.version}, not {known.version}")
    if known.confirmed and not claims.confirmed:
        raise EatRefused(
            "not-confirmed", "the application runs on trial only", action="confirm the update, then ask again"
        )


def _refuse_downgrade(claims: Claims, known: Known) -> None:
    last = known.last
    floor = max(known.counter, last.counter if last is not None else 0)
    if claims.counter < floor:
        raise EatRefused(
            "counter-downgraded",
            f"the security counter is {claims.counter}, and was {floor} before",
            cause="an older image was put into the unit, or its counter was reset",
        )
    app = claims.app
    assert app is not None
    if last is not None and _order(app.version) < _order(last.version) and claims.counter <= last.counter:
        raise EatRefused(
            "version-downgraded",
            f"the device runs version {app.version}, and ran {last.version} before",
            cause="an older image was put into the unit",
            action="if the older version is meant, say so in the ledger; else put the unit aside",
        )


def _order(version: str) -> Version:
    try:
        return Version.parse(version)
    except VersionInvalid as error:
        raise EatRefused("claims", error.what) from error


def _same(told: str, wanted: str) -> bool:
    return _order(told) == _order(wanted)
