"""A microcontroller's request is certified only if every check holds; each check is shown to matter by
removing it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import AttributeOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.mcu_request_lab import (
    CHIP,
    KEY,
    NONCE,
    NOW,
    POLICY,
    SECRET,
    Told,
    csr_of,
    point_of,
    right,
    spki_of,
)
from workbench.errors import Blame
from workbench.identity.mcu.checks import CHECKS, read_csr
from workbench.identity.mcu.errors import McuRefused
from workbench.identity.mcu.request import enrolment_mac

OTHER = bytes.fromhex("8899aabbccddeeff")
STRANGER = ec.generate_private_key(ec.SECP256R1())
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def name(*attributes: tuple[x509.ObjectIdentifier, str], rdns: bool = True) -> x509.Name:
    single = [x509.NameAttribute(oid, text) for oid, text in attributes]
    return x509.Name(single) if rdns else x509.Name([x509.RelativeDistinguishedName(single)])


def flipped(der: bytes, at: int) -> bytes:
    at %= len(der)
    return der[:at] + bytes([der[at] ^ 1]) + der[at + 1 :]


def reason_of(act: Callable[[], object]) -> str | None:
    """Why it is refused, None where it is not."""
    try:
        act()
    except McuRefused as refused:
        return refused.reason
    return None


def key_number(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


SERIAL = NameOID.SERIAL_NUMBER
CASES: dict[str, tuple[str, Callable[[], Told]]] = {
    "request ID is no UUID": ("request-id", lambda: right(request_id="request 1")),
    "request ID in another form": (
        "request-id",
        lambda: right(request_id=right().request.request_id.upper()),
    ),
    "no serial number": ("serial", lambda: right(serial="")),
    "serial number with a line break": ("serial", lambda: right(serial="S1\nS2")),
    "serial number too long for a certificate": ("serial", lambda: right(serial="S" * 65)),
    "serial number of another product": (
        "serial",
        lambda: replace(right(), policy=replace(POLICY, serial_pattern="K[0-9]{4}")),
    ),
    "model that is not made here": ("model", lambda: right(model="micro-2")),
    "model with a control character": (
        "model",
        lambda: replace(right(model="micro\x1b1"), policy=replace(POLICY, models=None)),
    ),
    "no station": ("station", lambda: right(station="")),
    "station's name too long": ("station", lambda: right(station="s" * 65)),
    "station's clock behind": ("station-time", lambda: replace(right(), now=NOW + timedelta(seconds=121))),
    "station's clock ahead": ("station-time", lambda: replace(right(), now=NOW - timedelta(seconds=121))),
    "chip without an ID": ("chip-id", lambda: right(chip_id=bytes(8), csr=csr_of(chip=bytes(8)))),
    "chip with an erased ID": ("chip-id", lambda: right(chip_id=b"\xff" * 8, csr=csr_of(chip=b"\xff" * 8))),
    "chip with a short ID": ("chip-id", lambda: right(chip_id=CHIP[:7], csr=csr_of(chip=CHIP[:7]))),
    "nonce taken back": ("nonce", lambda: replace(right(csr=csr_of(nonce=b"")), nonce=b"")),
    "nonce of zeros": ("nonce", lambda: replace(right(csr=csr_of(nonce=bytes(32))), nonce=bytes(32))),
    "secret taken back": ("secret", lambda: replace(right(csr=csr_of(secret=b"")), secret=b"")),
    "secret of an erased page": (
        "secret",
        lambda: replace(right(csr=csr_of(secret=b"\xff" * 32)), secret=b"\xff" * 32),
    ),
    "key from outside of the chip": ("key-origin", lambda: right(key_origin="injected")),
    "key from nobody knows where": (
        "key-origin",
        lambda: replace(right(key_origin="?"), policy=replace(POLICY, origins=frozenset({"?"}))),
    ),
    "key on P-384": (
        "csr-curve",
        lambda: right(csr=csr_of(ec.generate_private_key(ec.SECP384R1()), algorithm=SHA384())),
    ),
    "key on secp256k1": ("csr-curve", lambda: right(csr=csr_of(ec.generate_private_key(ec.SECP256K1())))),
    "RSA key": (
        "csr-curve",
        lambda: right(csr=csr_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))),
    ),
    "signed with SHA-384": ("csr-signature-algorithm", lambda: right(csr=csr_of(algorithm=SHA384()))),
    "signature changed": ("csr-signature", lambda: right(csr=flipped(csr_of(), -1))),
    "subject changed after signing": (
        "csr-signature",
        lambda: right(csr=csr_of(chip=OTHER).replace(OTHER.hex().encode(), CHIP.hex().encode())),
    ),
    "request of another chip": ("csr-subject", lambda: right(csr=csr_of(chip=OTHER))),
    "chip's ID in another order": (
        "csr-subject",
        lambda: right(csr=csr_of(subject=name((SERIAL, CHIP[::-1].hex())))),
    ),
    "subject with a name besides": (
        "csr-subject",
        lambda: right(csr=csr_of(subject=name((SERIAL, CHIP.hex()), (NameOID.COMMON_NAME, "root")))),
    ),
    "subject with two values in one RDN": (
        "csr-subject",
        lambda: right(
            csr=csr_of(subject=name((SERIAL, CHIP.hex()), (NameOID.COMMON_NAME, "root"), rdns=False))
        ),
    ),
    "subject of another kind": (
        "csr-subject",
        lambda: right(csr=csr_of(subject=name((NameOID.COMMON_NAME, CHIP.hex())))),
    ),
    "no subject": ("csr-subject", lambda: right(csr=csr_of(subject=x509.Name([])))),
    "no attribute": ("csr-attributes", lambda: right(csr=csr_of(attributes=()))),
    "asks to be a CA": ("csr-attributes", lambda: right(csr=csr_of(extensions=True))),
    "attribute of another kind": (
        "csr-attributes",
        lambda: right(csr=csr_of(attributes=((AttributeOID.UNSTRUCTURED_NAME, b"x"),))),
    ),
    "old request, sent again for a new nonce": (
        "enrolment-mac",
        lambda: replace(right(), nonce=hashlib.sha256(b"the next nonce").digest()),
    ),
    "one-time secret of another request": (
        "enrolment-mac",
        lambda: replace(right(), secret=hashlib.sha256(b"the next secret").digest()),
    ),
    "key put in on the way": (
        "enrolment-mac",
        lambda: right(csr=csr_of(STRANGER, mac=enrolment_mac(SECRET, NONCE, CHIP, point_of(KEY)))),
    ),
    "MAC for another chip": (
        "enrolment-mac",
        lambda: right(csr=csr_of(mac=enrolment_mac(SECRET, NONCE, OTHER, point_of(KEY)))),
    ),
    "MAC in another form": (
        "enrolment-mac",
        lambda: right(csr=csr_of(mac=enrolment_mac(SECRET, NONCE, CHIP, point_of(KEY)).upper())),
    ),
    "no MAC": ("enrolment-mac", lambda: right(csr=csr_of(mac="0" * 64))),
    "key that everybody has": (
        "known-key",
        lambda: replace(
            right(), policy=replace(POLICY, refused_keys=frozenset({hashlib.sha256(spki_of(KEY)).digest()}))
        ),
    ),
    "private key 1": ("trivial-key", lambda: right(csr=csr_of(key_number(1)))),
    "private key 16": ("trivial-key", lambda: right(csr=csr_of(key_number(16)))),
    "private key -1": ("trivial-key", lambda: right(csr=csr_of(key_number(P256_ORDER - 1)))),
}


def test_a_right_request_passes_every_check() -> None:
    checked = right().check()
    assert checked.checked == ("csr-form", *(check.name for check in CHECKS))
    assert checked.spki_sha256 == hashlib.sha256(spki_of(KEY)).hexdigest()
    assert (checked.point, checked.hardware_serial) == (point_of(KEY), CHIP[::-1].hex())


@pytest.mark.parametrize("case", CASES)
def test_each_wrong_request_is_refused_and_its_check_is_why(case: str) -> None:
    reason, make = CASES[case]
    told = make()
    with pytest.raises(McuRefused) as refused:
        told.check()
    assert (refused.value.reason, refused.value.blame) == (reason, Blame.TRUST)
    assert refused.value.cause
    assert refused.value.action
    without = tuple(check for check in CHECKS if check.name != reason)
    assert len(without) == len(CHECKS) - 1
    assert reason_of(lambda: told.check(without)) != reason


def test_every_check_has_a_case() -> None:
    assert {reason for reason, _ in CASES.values()} == {check.name for check in CHECKS}
    assert len(CASES) >= 25


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30\x00",
        csr_of() + b"\x00",
        csr_of()[:-1],
        b"\x30\x80" + csr_of()[3:] + b"\x00\x00",
        b"\x00" * 1025,
        csr_of().replace(b"\x02\x01\x00", b"\x02\x01\x01", 1),
        KEY.public_key().public_numbers().x.to_bytes(32, "big"),
    ],
    ids=["empty", "nothing", "trailing", "cut short", "no DER", "too large", "version 2", "noise"],
)
def test_what_is_no_request_is_refused(der: bytes) -> None:
    with pytest.raises(McuRefused) as refused:
        right(csr=der).check()
    assert refused.value.reason == "csr-form"


def test_a_point_off_the_curve_is_refused() -> None:
    y = point_of(KEY)[33:]
    with pytest.raises(McuRefused) as refused:
        right(csr=csr_of().replace(y, flipped(y, 31))).check()
    assert refused.value.reason == "csr-form"


def test_a_signature_has_no_unused_bits() -> None:
    der = next(made for made in (csr_of() for _ in range(200)) if not made[-1] & 1)
    at = len(der) - len(read_csr(der).signature) - 1
    assert der[at] == 0
    assert reason_of(lambda: read_csr(der[:at] + b"\1" + der[at + 1 :])) == "csr-form"


@given(st.integers(0, len(csr_of()) - 1), st.integers(1, 255))
def test_no_changed_byte_is_accepted(at: int, change: int) -> None:
    der = csr_of()
    at %= len(der)
    changed = der[:at] + bytes([der[at] ^ change]) + der[at + 1 :]
    with pytest.raises(McuRefused):
        right(csr=changed).check()


@given(st.binary(max_size=1100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert reason_of(lambda: read_csr(data)) in (None, "csr-form")
