"""A board makes its own key, asks for a certificate, keeps it twice, and proves what it runs.

Judges: openssl and cryptography for the request, pycose and cbor2 for the token, the debug port for what lies
in flash.
"""

from __future__ import annotations

import hashlib
import hmac
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import cbor2
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.symmetric import SymmetricKey
from pycose.messages.mac0message import Mac0Message
from pycose.messages.sign1message import Sign1Message

from tests.enrol_host import HostUnit
from tests.mcu_firmware_lab import (
    CERTIFICATE,
    CERTIFICATE_MAX,
    CERTIFICATE_WRONG,
    CSR,
    EAT,
    ENROL,
    ENROL_STATE,
    FROZEN,
    NO_CERTIFICATE,
    NO_KEY,
    NO_SECRET,
    RANDOM,
    Enrolled,
    FreshUnit,
    certificate_for,
    enrolment_record,
    error_of,
    fresh_unit_in,
    page_without_device_key,
)
from tests.secure_app_lab import (
    CHALLENGE,
    IDENTITY_OF,
    IMAGE_STATE,
    PROFILE,
    READ,
    STACK_FILL,
    WRITE,
    Smp,
    app_image,
    build_app,
    smp_on,
    start,
)
from tests.secure_lab import CERTIFICATE_A, CERTIFICATE_B, KEYS, PAGE, Board, build_boot, maker
from tests.twin_lab import Line, attached, twin_in
from workbench.images.derive import challenge_key

M = TypeVar("M", Sign1Message, Mac0Message)
NONCE = bytes(range(32))
LOCK_REGISTER = 0x10001004
STACK_BOTTOM, STACK_BYTES, STACK_SPARE_BYTES = 0x20000010, 6144, 1024


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshUnit]:
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp") as runtime,
    ):
        patch.setenv("WORKBENCH_RUNTIME", runtime)
        with fresh_unit_in(tmp_path_factory.mktemp("unit")) as unit:
            yield unit


@pytest.fixture
def unit(twins: FreshUnit) -> FreshUnit:
    twins.make()
    return twins


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def opened(kind: type[M], token: bytes) -> M:
    """As pycose reads it: 1.1 does not take what this cbor2 makes of a tag's inside, a tuple."""
    tagged = cbor2.loads(token)
    assert tagged.tag == kind.cbor_tag
    protected, unprotected, payload, proof = tagged.value
    found: M = kind.from_cose_obj([protected, dict(unprotected), payload, proof], True)
    return found


def claims_of(message: Sign1Message | Mac0Message) -> dict[int, Any]:
    claims: dict[int, Any] = cbor2.loads(message.payload or b"")
    return claims


def enrol(asked: Enrolled) -> tuple[bytes, bytes]:
    """All the way to the commit; public point and certificate."""
    point = bytes(asked.act("generate")["pub"])
    der = certificate_for(point)
    assert asked.write_certificate(der)["match"] is True
    assert asked.act("commit")["state"] == "done"
    return point, der


def flash(unit: FreshUnit, at: int, size: int = PAGE) -> bytes:
    """Of the halted board, which runs on afterwards."""
    with unit.board() as board:
        data = bytes(board.target.read_memory_block8(at, size))
        board.target.resume()
    return data


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


# --- The certificate ---------------------------------------------------------------------------------------


def test_a_certificate_is_kept_twice_and_frozen(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        assert error_of(asked.smp.read(CERTIFICATE, off=0)) == NO_CERTIFICATE
        assert error_of(asked.act("commit")) == NO_CERTIFICATE
        der = certificate_for(point)
        assert asked.write_certificate(der) == {"off": len(der), "match": True}
        assert (asked.read()["state"], asked.read()["certs"]) == ("cert", [True, True])
        assert asked.read_certificate() == der
        other = certificate_for(point, serial=2)
        assert asked.write_certificate(other)["match"] is True, "another one, before the commit"
        assert asked.act("commit")["state"] == "done"
        assert asked.act("commit")["state"] == "done", "once more is nothing"
        assert error_of(asked.write_certificate(der)) == FROZEN
        assert error_of(asked.smp.ask(CSR, {"nonce": NONCE}, WRITE)) == FROZEN
        assert asked.act("generate")["pub"] == point
        assert asked.read_certificate() == other
    for at in (CERTIFICATE_A, CERTIFICATE_B):
        assert flash(unit, at)[16 : 16 + len(other)] == other
    page = flash(unit, KEYS)
    assert page[8:44] == bytes(36), "the one-time secret is gone"
    assert page[0x100:0x104] == bytes(4)
    with unit.board() as board:
        start(board)
    with unit.talk() as asked:
        assert (asked.read()["state"], asked.read_certificate()) == ("done", other)


def test_the_largest_certificate_fits(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        room = CERTIFICATE_MAX - len(certificate_for(point))
        paddings = [*range(room + 4, 0, -1)] * 20  # a signature has now one byte more, now one less
        der = next(d for n in paddings if len(d := certificate_for(point, padding=n)) == CERTIFICATE_MAX)
        assert asked.write_certificate(der, 100)["match"] is True
        assert asked.read_certificate() == der
        assert asked.smp.write(CERTIFICATE, off=0, len=1009, sha=bytes(32), data=b"x") == {"rc": 3}


def test_a_wrong_certificate_is_refused_before_flash_is_touched(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        der = certificate_for(point)
        foreign = certificate_for(point_of(ec.generate_private_key(ec.SECP256R1()).public_key()))
        for wrong in (foreign, der + b"\0", der[:-1], point, b"\x30\x82\xff\xff" + der[4:], bytes(300)):
            assert error_of(asked.write_certificate(wrong)) == CERTIFICATE_WRONG
        sha = bytes(32)
        answer = asked.smp.write(CERTIFICATE, off=0, len=len(der), sha=sha, data=der)
        assert error_of(answer) == CERTIFICATE_WRONG, "another hash"
        assert asked.read()["certs"] == [False, False]
    assert flash(unit, CERTIFICATE_A, 2 * PAGE) == b"\xff" * 2 * PAGE


def test_pieces_out_of_order_change_nothing(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        der = certificate_for(point)
        first = {"off": 0, "len": len(der), "sha": hashlib.sha256(der).digest(), "data": der[:100]}
        assert asked.smp.write(CERTIFICATE, off=50, data=b"x") == {"off": 0}, "nothing was begun"
        assert asked.smp.write(CERTIFICATE, **first) == {"off": 100}
        assert asked.smp.write(CERTIFICATE, off=50, data=b"x") == {"off": 100}
        assert asked.smp.write(CERTIFICATE, off=200, data=b"x") == {"off": 100}
        assert asked.smp.write(CERTIFICATE, off=100, data=der[100:] + b"x") == {"rc": 3}, "too much"
        assert asked.smp.write(CERTIFICATE, off=100, data=der[100:]) == {"off": 0}, "begin anew"
        assert asked.write_certificate(der, 64)["match"] is True


@pytest.mark.parametrize("damaged", [CERTIFICATE_A, CERTIFICATE_B])
@pytest.mark.parametrize("at", [0, 8, 13, 16, 300])
def test_a_damaged_copy_is_written_anew_from_the_other(twins: FreshUnit, damaged: int, at: int) -> None:
    twins.make()
    with twins.talk() as asked:
        _, der = enrol(asked)
    whole = flash(twins, damaged)
    with twins.board() as board:
        board.target.halt()
        board.write({damaged + at // 4 * 4: bytes(4)})
        start(board)
    with twins.talk() as asked:
        state = asked.read()
        assert state["repaired"] == [damaged == CERTIFICATE_A, damaged == CERTIFICATE_B]
        assert (state["certs"], state["state"]) == ([True, True], "done")
        assert asked.read_certificate() == der
    assert flash(twins, damaged) == whole


def test_two_damaged_copies_are_told(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point, _ = enrol(asked)
    with unit.board() as board:
        board.target.halt()
        board.write({CERTIFICATE_A + 100: bytes(4), CERTIFICATE_B + 100: bytes(4)})
        start(board)
    with unit.talk() as asked:
        assert asked.read()["certs"] == asked.read()["repaired"] == [False, False]
        assert error_of(asked.smp.read(CERTIFICATE, off=0)) == NO_CERTIFICATE
        assert asked.read()["pub"] == point, "the key is what it was"


def test_an_update_leaves_key_and_certificate_alone(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point, der = enrol(asked)
        assert isinstance(asked.smp, Smp)
        asked.smp.upload(app_image(unit.made, "1.1.0", counter=2))
        asked.smp.write(IMAGE_STATE, hash=asked.smp.slot(1)["hash"], confirm=True)
    identity = [flash(unit, at) for at in (KEYS, CERTIFICATE_A, CERTIFICATE_B)]
    with unit.board() as board:
        assert "installing" in start(board)
    with unit.talk() as asked:
        said = asked.smp.read(IDENTITY_OF)
        assert (said["version"], said["counter"], said["origin"]) == ("1.1.0", 2, "on-chip")
        assert (asked.read()["pub"], asked.read_certificate()) == (point, der)
    assert [flash(unit, at) for at in (KEYS, CERTIFICATE_A, CERTIFICATE_B)] == identity


# --- The token ----------------------------------------------------------------------------------------------


def test_another_stack_reads_the_token(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point, _ = enrol(asked)
        said = asked.smp.read(IDENTITY_OF)
        token = asked.eat(NONCE)
    message = opened(Sign1Message, token)
    message.key = EC2Key(crv=P256, x=point[1:33], y=point[33:])
    assert message.verify_signature()
    assert list(message.uhdr.values()) == [hashlib.sha256(point).digest()[:8]]
    claims = claims_of(message)
    root = unit.made.keys.root_certificate.public_key()
    assert isinstance(root, ec.EllipticCurvePublicKey)
    assert claims == {
        10: NONCE,
        256: b"\x01" + hashlib.sha256(point).digest(),
        263: 0,
        265: "tag:workbench,2026:mcu-1",
        2395: 0x2000,
        2399: [{1: "app", 2: said["hash"], 4: said["version"], 5: hashlib.sha256(point_of(root)).digest()}],
        -70001: 0,
        -70002: said["counter"],
        -70003: said["profile"],
        -70004: True,
        -70005: said["chip"],
        -70006: "on-chip",
    }
    assert cbor2.dumps(claims, canonical=True) == message.payload, "deterministic encoding"
    assert cbor2.dumps(cbor2.loads(token)) == token


def test_a_changed_token_does_not_verify(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point = bytes(asked.act("generate")["pub"])
        message = opened(Sign1Message, asked.eat(NONCE))
    message.key = EC2Key(crv=P256, x=point[1:33], y=point[33:])
    changed = message.payload or b""
    message.payload = changed[:-1] + bytes([changed[-1] ^ 1])
    assert not message.verify_signature()


def test_a_unit_with_a_secret_authenticates_its_token(unit: FreshUnit) -> None:
    secret = bytes(range(32, 64))
    unit.make(unit_secret=secret)
    with unit.talk() as asked:
        token = asked.eat(b"12345678")
    message = opened(Mac0Message, token)
    key = challenge_key(secret)
    message.key = SymmetricKey(k=key)
    assert message.verify_tag()
    assert list(message.uhdr.values()) == [hashlib.sha256(key).digest()[:8]]
    claims = claims_of(message)
    assert claims[256] == b"\x01" + hashlib.sha256(hashlib.sha256(key).digest()).digest()
    assert (claims[10], claims[-70006]) == (b"12345678", "injected")


@pytest.mark.parametrize("nonce", [b"", b"1234567", b"x" * 65, "12345678", 8])
def test_a_token_needs_a_nonce_of_8_to_64_bytes(unit: FreshUnit, nonce: object) -> None:
    with unit.talk() as asked:
        asked.act("generate")
        assert asked.smp.ask(EAT, {"nonce": nonce}, WRITE) == {"rc": 3}
        assert len(asked.eat(b"x" * 64)) > 300


def test_the_token_says_that_flash_is_protected(unit: FreshUnit) -> None:
    """From the next start on: protection takes hold at a reset."""
    with unit.talk() as asked:
        enrol(asked)
        with unit.board() as board:
            board.target.halt()
            board.write({LOCK_REGISTER: b"\xff\x00\xff\xff"})
            board.target.resume()
        assert lifecycle(asked.smp) == 0x2000
    unit.twin.power.cycle()
    with unit.talk() as asked:
        assert asked.read()["state"] == "done"
        assert lifecycle(asked.smp) == 0x3000
    unit.twin.power.cycle()


def lifecycle(smp: Smp | HostUnit) -> int:
    token = bytes(smp.write(EAT, nonce=NONCE)["eat"])
    return int(claims_of(opened(Sign1Message, token))[2395])


# --- The challenge ------------------------------------------------------------------------------------------


def test_the_key_of_the_chip_answers_challenges(unit: FreshUnit) -> None:
    with unit.talk() as asked:
        point, _ = enrol(asked)
        answer = asked.smp.write(CHALLENGE, nonce=NONCE)
    assert answer["alg"] == "ES256"
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    r, s = (int.from_bytes(answer["sig"][i : i + 32], "big") for i in (0, 32))
    signature = encode_dss_signature(r, s)
    public.verify(signature, b"WBCHAL1" + answer["statement"], ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"WBCHAL2" + answer["statement"], ec.ECDSA(SHA256()))


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
