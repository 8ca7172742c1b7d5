"""A board makes its own key, asks for a certificate, tells no secret, and has stack to spare.

Judges: openssl and cryptography for the request, the debug port for what lies in flash.
"""

from __future__ import annotations

import hmac
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID

from tests.mcu_enrol_lab import NONCE, enrol, flash, fresh_units, point_of
from tests.mcu_firmware_lab import (
    CSR,
    EAT,
    ENROL,
    ENROL_STATE,
    NO_KEY,
    NO_SECRET,
    RANDOM,
    Enrolled,
    FreshUnit,
    certificate_for,
    enrolment_record,
    error_of,
    page_without_device_key,
)
from tests.secure_app_lab import (
    CHALLENGE,
    IDENTITY_OF,
    PROFILE,
    READ,
    STACK_FILL,
    WRITE,
    Smp,
    build_app,
    smp_on,
    start,
)
from tests.secure_lab import KEYS, Board, build_boot, maker
from tests.twin_lab import Line, attached, twin_in

STACK_BOTTOM, STACK_BYTES, STACK_SPARE_BYTES = 0x20000010, 6144, 1024


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshUnit]:
    with fresh_units(tmp_path_factory.mktemp("unit")) as unit:
        yield unit


@pytest.fixture
def unit(twins: FreshUnit) -> FreshUnit:
    twins.make()
    return twins


# --- The key -----------------------------------------------------------------------------------------------


def test_the_key_is_made_on_the_chip_and_kept(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        before = asked.read()
        assert (before["state"], before["origin"], before["health"]) == ("secret", "none", True)
        assert "pub" not in before
        made = asked.act("generate")
        assert (made["state"], made["origin"]) == ("key", "on-chip")
        assert asked.act("generate")["pub"] == made["pub"], "asked again, the same key"
        assert asked.smp.read(IDENTITY_OF)["origin"] == "on-chip"
    page = flash(unit, KEYS)
    scalar = int.from_bytes(page[0x40:0x60], "big")
    derived = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    assert point_of(derived) == made["pub"] == b"\x04" + page[0x60:0xA0]
    with unit.board() as board:
        start(board)
    with unit.talk() as asked:
        assert asked.read()["pub"] == made["pub"], "and after a reset"


def test_two_units_have_two_keys(unit: FreshUnit) -> None:
    found = set()
    for _ in range(3):
        unit.make()
        with unit.talk() as asked:
            found.add(bytes(asked.act("generate")["pub"]))
    assert len(found) == 3


@pytest.mark.parametrize("record", ["absent", "torn", "another magic"])
def test_without_the_probes_record_there_is_no_key(twins: FreshUnit, record: str) -> None:
    whole = bytearray(enrolment_record(bytes(range(32))))
    if record == "torn":
        whole[20] &= 0xF0
    elif record == "another magic":
        whole[0] = ord("X")
    bare = FreshUnit(twins.twin, twins.made, secret=None)
    bare.make(more={KEYS: bytes(whole)} if record in ("torn", "another magic") else {})
    with twins.talk() as asked:
        assert asked.read()["state"] == "none"
        assert error_of(asked.act("generate")) == NO_SECRET
        assert "pub" not in asked.read()
        assert error_of(asked.smp.ask(CSR, {"nonce": NONCE}, WRITE)) == NO_KEY
        assert error_of(asked.smp.ask(EAT, {"nonce": NONCE}, WRITE)) == NO_KEY
        assert error_of(asked.smp.ask(CHALLENGE, {"nonce": NONCE}, WRITE)) == NO_KEY


def test_a_unit_with_an_injected_key_keeps_that(unit: FreshUnit) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    unit.make(device_key=scalar)
    with unit.talk() as asked:
        state = asked.act("generate")
        assert (state["state"], state["origin"]) == ("key", "injected")
        assert state["pub"] == point_of(key.public_key())
        request = x509.load_der_x509_csr(asked.csr(NONCE))
        assert request.is_signature_valid
    assert flash(unit, KEYS + 0x40, 0x68) == b"\xff" * 0x68, "nothing was made"


def test_a_unit_with_an_injected_secret_makes_no_key_and_may_commit(unit: FreshUnit) -> None:
    unit.make(unit_secret=bytes(range(32)))
    with unit.talk() as asked:
        assert asked.read()["origin"] == "injected"
        assert error_of(asked.act("generate")) == ENROL_STATE
        assert error_of(asked.smp.ask(CSR, {"nonce": NONCE}, WRITE)) == NO_KEY
        assert asked.act("commit")["state"] == "done"
    assert flash(unit, KEYS + 8, 36) == bytes(36), "the one-time secret is gone"


@pytest.mark.parametrize("variant", ["stuck-random", "biased-random"])
def test_a_bad_source_of_random_numbers_makes_no_key(twins: FreshUnit, variant: str) -> None:
    twins.make(variant)
    with twins.talk() as asked:
        assert asked.read()["health"] is False
        assert error_of(asked.act("generate")) == RANDOM
        assert asked.read()["state"] == "secret"
    assert flash(twins, KEYS + 0x40, 0x300) == b"\xff" * 0x300


# --- The request --------------------------------------------------------------------------------------------


def test_others_read_the_request(unit: FreshUnit, tmp_path: Path) -> None:
    with unit.talk() as asked:
        chip = bytes(asked.smp.read(IDENTITY_OF)["chip"])
        point = bytes(asked.act("generate")["pub"])
        der = asked.csr(NONCE)
        assert asked.csr(NONCE) == der, "the same request, byte for byte"
        assert asked.csr(bytes(32)) != der
    request = x509.load_der_x509_csr(der)
    assert request.is_signature_valid
    public = request.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert point_of(public) == point
    [serial] = request.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)
    assert serial.value == chip.hex()
    password = request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
    proof = hmac.digest(unit.secret or b"", b"WBENROL1" + NONCE + chip + point, "sha256")
    assert password == proof.hex().encode()
    (tmp_path / "csr").write_bytes(der)
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", tmp_path / "csr", "-verify", "-noout"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, "verify OK" in done.stdout + done.stderr) == (0, True)


@pytest.mark.parametrize("body", [{}, {"nonce": b"x" * 31}, {"nonce": b"x" * 33}, {"nonce": "x" * 32}])
def test_a_request_needs_a_nonce_of_32_bytes(unit: FreshUnit, body: dict[str, object]) -> None:
    with unit.talk() as asked:
        asked.act("generate")
        assert asked.smp.ask(CSR, body, WRITE) == {"rc": 3}


# --- What it costs ------------------------------------------------------------------------------------------


def test_an_enrolment_leaves_stack_to_spare(unit: FreshUnit) -> None:
    """Key, request, certificate, token and challenge in one start: the deepest ways there are."""
    with unit.talk() as asked:
        point, _ = deepest(asked)
        assert point
        with unit.board() as board:
            words = board.target.read_memory_block32(STACK_BOTTOM, STACK_BYTES // 4)
            board.target.resume()
    unused = 4 * next(index for index, word in enumerate(words) if word != STACK_FILL)
    print(f"{STACK_BYTES - unused} bytes of stack")
    assert STACK_SPARE_BYTES <= unused < STACK_BYTES - 2048


def deepest(asked: Enrolled) -> tuple[bytes, bytes]:
    point = bytes(asked.act("generate")["pub"])
    asked.csr(NONCE)
    asked.eat(bytes(64))
    asked.smp.write(CHALLENGE, nonce=bytes(64))
    return point, enrol(asked)[1]


# --- What is never told -------------------------------------------------------------------------------------


def test_no_answer_holds_a_secret(unit: FreshUnit) -> None:
    """All requests that there are, and every piece of a certificate read beyond its end."""
    answers: list[bytes] = []
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        asked.write_certificate(certificate_for(point))
        for command in range(9):
            for op in (READ, WRITE):
                for body in (
                    {},
                    {"nonce": NONCE},
                    {"off": 0},
                    {"off": 500},
                    {"off": 1008},
                    {"off": 2**32 - 1},
                ):
                    answers.append(cbor2.dumps(asked.smp.ask((ENROL[0], command), body, op)))
    page = flash(unit, KEYS)
    for secret in (page[8:40], page[0x40:0x60]):
        for at in range(len(secret) - 7):
            part = secret[at : at + 8]
            assert not any(part in answer or part.hex().encode() in answer for answer in answers)


def test_a_board_without_a_noise_source_makes_no_key(board_an385: Smp) -> None:
    assert board_an385.read(ENROL)["health"] is False
    assert error_of(board_an385.write(ENROL, act="generate")) == RANDOM


@pytest.fixture
def board_an385(tmp_path: Path, twin_runtime: Path) -> Iterator[Smp]:
    made = maker(PROFILE, tmp_path / "keys")
    image = made.image(payload=(build_app(chip="an385") / "app.bin").read_bytes())
    erased = b"\xff" * 0x400
    with twin_in(tmp_path, "mps2", "mps2-an385") as twin:
        with attached(twin) as target, Line(twin) as line:
            parts = {
                0x100000: image,
                0x180000: erased * 6,
                0x182000: page_without_device_key(made, bytes(8)),
                0x182400: enrolment_record(bytes(32)) + erased[44:] + erased * 2,
                0: (build_boot(PROFILE, "an385") / "boot.bin").read_bytes(),
            }
            for at, data in parts.items():
                target.write_memory_block8(at, list(data))
            start(Board(twin, target, line))
        with smp_on(twin) as smp:
            yield smp
