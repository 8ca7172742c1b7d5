"""An attestation token is believed only if it is fresh, this unit's, and not behind what was seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.attest_lab import ASKED, KEY, MACED, SECRET, SIGNED, claims, component, maced, signed
from workbench.errors import Blame
from workbench.identity.attest.claims import UEID_RAND
from workbench.identity.attest.cose import MAX_TOKEN_BYTES
from workbench.identity.attest.errors import EatRefused
from workbench.identity.attest.verify import FRESH_S, Known, Last, key_id, verify_eat

OTHER = ec.generate_private_key(ec.SECP256R1())
POINT = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OLD = hashlib.sha256(b"an old question").digest()
GOOD = signed(claims())
LAST = Last(counter=4, version="1.2.3")

CASES: dict[str, tuple[str, Callable[[], bytes], Known]] = {
    "nothing": ("cose-form", lambda: b"", SIGNED),
    "noise": ("cose-form", lambda: bytes(range(40)), SIGNED),
    "something behind it": ("cose-form", lambda: GOOD + b"\x00", SIGNED),
    "cut short": ("cose-form", lambda: GOOD[:-1], SIGNED),
    "too large": ("cose-form", lambda: bytes(MAX_TOKEN_BYTES + 1), SIGNED),
    "no tag": ("cose-form", lambda: cbor2.dumps(cbor2.loads(GOOD).value), SIGNED),
    "tag of COSE_Encrypt0": ("cose-form", lambda: signed(claims(), tag=16), SIGNED),
    "a CWT's tag around it": ("cose-form", lambda: b"\xd8\x3d" + GOOD, SIGNED),
    "length in a longer form": ("cose-form", lambda: b"\xd8\x12" + GOOD[1:], SIGNED),
    "indefinite length": ("cose-form", lambda: GOOD[:1] + b"\x9f" + GOOD[2:] + b"\xff", SIGNED),
    "no signature": ("cose-form", lambda: _with(3, b""), SIGNED),
    "signature in DER": ("cose-form", lambda: _with(3, b"\x30" + bytes(69)), SIGNED),
    "payload elsewhere": ("cose-form", lambda: _with(2, None), SIGNED),
    "algorithm HMAC in COSE_Sign1": (
        "cose-algorithm",
        lambda: signed(claims(), protected=b"\xa1\x01\x05"),
        SIGNED,
    ),
    "algorithm ES384": ("cose-algorithm", lambda: signed(claims(), protected=b"\xa1\x01\x38\x22"), SIGNED),
    "no algorithm": ("cose-algorithm", lambda: signed(claims(), protected=b"\xa0"), SIGNED),
    "empty protected header": ("cose-algorithm", lambda: signed(claims(), protected=b""), SIGNED),
    "critical header": (
        "cose-algorithm",
        lambda: signed(claims(), protected=b"\xa2\x01\x26\x02\x81\x01"),
        SIGNED,
    ),
    "algorithm where nothing protects it": (
        "cose-algorithm",
        lambda: signed(claims(), headers={1: -7, 4: key_id(KEY.public_key())}),
        SIGNED,
    ),
    "key ID that is a text": ("cose-algorithm", lambda: signed(claims(), headers={4: "key"}), SIGNED),
    "another unit's key": ("other-key", lambda: signed(claims(), OTHER), SIGNED),
    "another unit's key under this one's ID": (
        "signature",
        lambda: signed(claims(), OTHER, headers={4: key_id(KEY.public_key())}),
        SIGNED,
    ),
    "another unit's key without an ID": ("signature", lambda: signed(claims(), OTHER, headers={}), SIGNED),
    "payload changed": ("signature", lambda: GOOD.replace(b"1.2.3", b"9.2.3"), SIGNED),
    "MAC made with the public key": (
        "signature",
        lambda: _without_kid(maced(claims(), POINT)),
        SIGNED,
    ),
    "signature where a MAC is due": ("signature", lambda: signed(claims(MACED), headers={}), MACED),
    "MAC of another unit": ("other-key", lambda: maced(claims(MACED), bytes(32)), MACED),
    "MAC of another unit under this one's ID": (
        "signature",
        lambda: _with(3, bytes(32), maced(claims(MACED))),
        MACED,
    ),
    "claims that are no map": ("claims", lambda: signed([1, 2]), SIGNED),
    "claim twice": ("claims", lambda: signed(cbor2.dumps(claims())[:-1] + b"\x00"), SIGNED),
    "claim left out": ("claims", lambda: signed(_less(-70002)), SIGNED),
    "claim that nobody knows": ("claims", lambda: signed(claims() | {-70099: 1}), SIGNED),
    "counter that is no number": ("claims", lambda: signed(claims(counter=True)), SIGNED),
    "counter below zero": ("claims", lambda: signed(claims(counter=-1)), SIGNED),
    "no application": ("claims", lambda: signed(claims(components=[component(kind="boot")])), SIGNED),
    "no component": ("claims", lambda: signed(claims(components=[])), SIGNED),
    "hash cut short": ("claims", lambda: signed(claims(components=[component(digest=b"x")])), SIGNED),
    "version that is none": (
        "claims",
        lambda: signed(claims(components=[component(version="new")])),
        SIGNED,
    ),
    "escape sequence in a text": ("claims", lambda: signed(claims(profile="\x1b[2J")), SIGNED),
    "another profile of EAT": ("profile", lambda: signed(claims(eat_profile="tag:psacertified.org")), SIGNED),
    "old answer": ("nonce", lambda: signed(claims(nonce=OLD)), SIGNED),
    "nonce cut short": ("nonce", lambda: signed(claims(nonce=OLD[:8])), SIGNED),
    "another chip": ("chip", lambda: signed(claims(chip=bytes(8))), SIGNED),
    "another name": ("ueid", lambda: signed(claims(ueid=bytes([UEID_RAND]) + bytes(32))), SIGNED),
    "key from elsewhere": ("origin", lambda: signed(claims(origin="injected")), SIGNED),
    "not locked": ("lifecycle", lambda: signed(claims(lifecycle=0x2000)), SIGNED),
    "locked before its time": ("lifecycle", lambda: GOOD, replace(SIGNED, locked=False)),
    "another security profile": ("unit-profile", lambda: signed(claims(profile="tier-1")), SIGNED),
    "another slot": ("slot", lambda: signed(claims(slot=1)), SIGNED),
    "another image": ("image", lambda: signed(claims(components=[component(digest=bytes(32))])), SIGNED),
    "another version": (
        "version",
        lambda: signed(claims(components=[component(version="1.2.4")])),
        SIGNED,
    ),
    "on trial": ("not-confirmed", lambda: signed(claims(confirmed=False)), SIGNED),
    "counter below the release's": ("counter-downgraded", lambda: signed(claims(counter=3)), SIGNED),
    "counter below the last one": (
        "counter-downgraded",
        lambda: GOOD,
        replace(SIGNED, last=Last(counter=5, version="1.0.0")),
    ),
    "older version than the last one": (
        "version-downgraded",
        lambda: GOOD,
        replace(SIGNED, last=Last(counter=4, version="1.2.4")),
    ),
}


def _with(part: int, value: Any, token: bytes = GOOD) -> bytes:
    found = cbor2.loads(token)
    parts = list(found.value)
    parts[part] = value
    return cbor2.dumps(cbor2.CBORTag(found.tag, parts))


def _without_kid(token: bytes) -> bytes:
    return _with(1, {}, token)


def _less(claim: int) -> dict[int, Any]:
    said = claims()
    del said[claim]
    return said


@pytest.mark.parametrize(("token", "known"), [(GOOD, SIGNED), (maced(claims(MACED)), MACED)])
def test_a_right_token_is_believed_and_remembered(token: bytes, known: Known) -> None:
    seen = verify_eat(token, ASKED, replace(known, last=LAST), ASKED.at_s + 1)
    assert seen.last == LAST
    assert seen.as_json()["image_sha256"] == known.image.hex() if known.image else False
    assert seen.claims.locked


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_token_is_refused_with_its_reason(case: str) -> None:
    reason, make, known = CASES[case]
    with pytest.raises(EatRefused) as refused:
        verify_eat(make(), ASKED, known, ASKED.at_s + 1)
    assert (refused.value.reason, refused.value.blame) == (reason, Blame.TRUST)
    assert refused.value.action


@pytest.mark.parametrize("late_s", [-1.0, FRESH_S + 1])
def test_an_answer_that_was_held_back_is_refused(late_s: float) -> None:
    with pytest.raises(EatRefused) as refused:
        verify_eat(GOOD, ASKED, SIGNED, ASKED.at_s + late_s)
    assert refused.value.reason == "stale"


def test_a_newer_version_with_a_lower_number_needs_a_higher_counter() -> None:
    known = replace(SIGNED, last=Last(counter=3, version="2.0.0"))
    assert verify_eat(GOOD, ASKED, known, ASKED.at_s).last == LAST


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed(at: int, change: int) -> None:
    changed = GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :]
    with pytest.raises(EatRefused):
        verify_eat(changed, ASKED, SIGNED, ASKED.at_s)


@given(st.binary(max_size=MAX_TOKEN_BYTES + 10))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(EatRefused):
        verify_eat(data, ASKED, MACED, ASKED.at_s)


@given(
    st.recursive(
        st.integers() | st.binary(max_size=40) | st.text(max_size=8) | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(), inner, max_size=4),
    )
)
def test_any_claims_are_refused_however_well_signed(said: Any) -> None:
    with pytest.raises(EatRefused) as refused:
        verify_eat(signed(cbor2.dumps(said)), ASKED, SIGNED, ASKED.at_s)
    assert refused.value.reason in ("claims", "profile", "cose-form")


def test_the_key_of_a_unit_tells_no_secret() -> None:
    token = maced(claims(MACED))
    assert SECRET not in token
    assert hashlib.sha256(SECRET).digest() not in token
