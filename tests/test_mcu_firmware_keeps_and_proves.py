"""A board keeps its certificate twice, proves what it runs, and answers challenges.

Judges: pycose and cbor2 for the token, the debug port for what lies in flash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.symmetric import SymmetricKey
from pycose.messages.mac0message import Mac0Message
from pycose.messages.sign1message import Sign1Message

from tests.enrol_host import HostUnit
from tests.mcu_enrol_lab import NONCE, claims_of, enrol, flash, fresh_units, opened, point_of
from tests.mcu_firmware_lab import (
    CERTIFICATE,
    CERTIFICATE_MAX,
    CERTIFICATE_WRONG,
    CSR,
    EAT,
    FROZEN,
    NO_CERTIFICATE,
    FreshUnit,
    certificate_for,
    error_of,
)
from tests.secure_app_lab import (
    CHALLENGE,
    IDENTITY_OF,
    IMAGE_STATE,
    WRITE,
    Smp,
    app_image,
    start,
)
from tests.secure_lab import CERTIFICATE_A, CERTIFICATE_B, KEYS, PAGE
from workbench.images.derive import challenge_key

LOCK_REGISTER = 0x10001004


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreshUnit]:
    with fresh_units(tmp_path_factory.mktemp("unit")) as unit:
        yield unit


@pytest.fixture
def unit(twins: FreshUnit) -> FreshUnit:
    twins.make()
    return twins


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
