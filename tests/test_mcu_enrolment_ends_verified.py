"""A unit that is enrolled ends verified: its key and certificate in it, its lock tried, its record whole."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.messages.sign1message import Sign1Message

from tests.mcu_lab import BOTH_ORIGINS, McuLab, mcu_lab
from workbench.errors import WorkbenchError
from workbench.events import ignore
from workbench.identity.mcu.bench_work import wait_for_unit
from workbench.identity.mcu.certificate import verify_certificate
from workbench.identity.mcu.protocol import request_eat
from workbench.identity.mcu.record import PUBLIC_AT, RECORD, RECORDS_AT, judge_record
from workbench.identity.state import State
from workbench.probes.errors import ChipLocked
from workbench.station.slots import debugging, hold
from workbench.station.unit_evidence import mcu_content
from workbench.station.update import settings_of
from workbench.virtual import nvm
from workbench.wires.smp import open_smp

pytestmark = pytest.mark.xdist_group("microcontrollers are enrolled")
KEY_PAGE = 0x3FC00
HELD = {"read-block", "read-words", "read-halfwords", "read-bytes", "read-ram-code"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuLab]:
    """A unit whose enrolment has ended."""
    with mcu_lab(tmp_path_factory.mktemp("mcu") / "lab") as made:
        made.provision()
        assert made.read(KEY_PAGE, RECORD.size) == b"\xff" * RECORD.size
        outcome = made.enroll()
        assert outcome.state == "verified", outcome.why
        yield made


def memory(lab: McuLab) -> bytes:
    """The twin's flash as it is on the disk: what no probe can read any more."""
    lab.slot.need_power().off()
    found = nvm.load(lab.twin().folder / "nvm.bin", 0x40000, 0x100).flash
    lab.slot.need_power().on()
    return found


def test_the_ledger_has_one_key_of_the_chip_and_its_certificate(lab: McuLab) -> None:
    unit = lab.unit()
    assert (unit.state, unit.origin, unit.kind) == (State.VERIFIED, "on-chip", "mcu")
    assert not lab.ledger.open_acts(unit.unit_id)
    key = verify_certificate(unit.certificates["device"], unit.keys["device"])
    subject = x509.load_der_x509_certificate(unit.certificates["device"]).subject
    assert "S1" in subject.rfc4514_string()
    page = memory(lab)[KEY_PAGE:]
    assert page[PUBLIC_AT : PUBLIC_AT + 32] == key.public_numbers().x.to_bytes(32, "big")
    private = int.from_bytes(page[RECORDS_AT[0] : RECORDS_AT[0] + 32], "big")
    assert ec.derive_private_key(private, ec.SECP256R1()).public_key() == key
    assert judge_record(page[: RECORD.size], bytes(32)) == "spent"


def test_the_private_key_is_in_the_chip_and_nowhere_else(lab: McuLab) -> None:
    private = memory(lab)[KEY_PAGE + RECORDS_AT[0] :][:32]
    told = repr(lab.events) + repr(lab.findings)
    with sqlite3.connect(lab.folder / "ledger.db") as database:
        told += "".join(database.iterdump())
    assert private.hex() not in told.lower()
    for path in (lab.folder / "ca").rglob("*"):
        assert not path.is_file() or private not in path.read_bytes()


def test_the_locked_unit_cannot_be_read_and_still_answers(lab: McuLab) -> None:
    with hold(lab.slot, purpose="look", emit=ignore) as held:
        with debugging(held, emit=ignore, connect="attach") as debug:
            state = debug.lock_state()
            assert (state.configured, state.observed) == (True, True)
            for address in (0, 0x3F800, KEY_PAGE, KEY_PAGE + PUBLIC_AT):
                with pytest.raises(WorkbenchError) as refused:
                    debug.read_word(address)
                assert refused.value.code in (ChipLocked.code, "debug-fault")
        with open_smp(lab.slot.need_serial(), settings_of(lab.slot)) as smp:
            assert wait_for_unit(smp).state == "done"
            token = request_eat(smp, bytes(range(32)))
    key = verify_certificate(lab.unit().certificates["device"], lab.unit().keys["device"])
    numbers = key.public_numbers()
    protected, headers, payload, proof = cbor2.loads(token).value
    found = Sign1Message.from_cose_obj([protected, dict(headers), payload, proof], True)
    found.key = EC2Key(crv=P256, x=numbers.x.to_bytes(32, "big"), y=numbers.y.to_bytes(32, "big"))
    assert found.verify_signature()
    assert cbor2.loads(payload)[10] == bytes(range(32))


def test_every_way_past_the_lock_was_tried_and_told(lab: McuLab) -> None:
    (findings,) = lab.findings[:1]
    ways = {one.act: one for one in findings.tried}
    assert {act for act, one in ways.items() if one.outcome == "held"} == HELD | {"read-ram-residue"}
    gadget = ways["read-gadget"]
    assert gadget.outcome == "shown"
    assert gadget.details["published"] == lab.slot.target.lock.weaknesses["read-gadget"]  # type: ignore[union-attr]
    assert findings.enforced_by == "emulator"
    assert findings.attested.claims.locked


def test_the_evidence_keeps_what_was_seen_apart_from_what_was_meant(lab: McuLab) -> None:
    (findings,) = lab.findings[:1]
    content = mcu_content(findings, station="station-1", started="a", finished="b")
    assert content.unit.enforced_by == "emulator"
    assert content.keys[0].origin == "on-chip"
    assert content.certificates[0].read_back_sha256 == hashlib.sha256(content.certificates[0].der).hexdigest()
    assert content.intended == {"read_back_protection": True}
    assert content.observed["lock"]["observed"] is True


def test_a_second_run_verifies_again_and_changes_nothing(lab: McuLab) -> None:
    before = lab.unit()
    outcome = lab.enroll()
    assert (outcome.state, outcome.resumed) == ("verified", "verified")
    after = lab.unit()
    assert (after.keys, after.certificates, after.csrs) == (before.keys, before.certificates, before.csrs)


@pytest.mark.parametrize(
    ("profile", "device_key", "role"),
    [
        ("tier-1", "injected", "challenge"),
        ("tier-1-plus", "injected", "challenge"),
        ("tier-2-ecdsa", "injected", "device"),
    ],
)
def test_units_whose_secret_came_from_the_station_say_so(
    tmp_path: Path, profile: str, device_key: Any, role: str
) -> None:
    with mcu_lab(tmp_path / "lab", profile, origins=BOTH_ORIGINS) as lab:
        lab.provision(device_key)
        outcome = lab.enroll()
        assert outcome.state == "verified", outcome.why
        unit = lab.unit()
        assert (unit.origin, list(unit.keys)) == ("injected", [role])
        assert lab.findings[0].attested.claims.origin == "injected"
        assert lab.findings[0].attested.kind == ("sign1" if role == "device" else "mac0")
        assert bool(unit.certificates) == (role == "device")
