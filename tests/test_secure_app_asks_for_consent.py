"""Whether an image may be installed now follows from its severity, the user's consent and what goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.secure_app_host import Host
from tests.secure_app_lab import (
    BUSY,
    CONSENT,
    IDENTITY_OF,
    IMAGE_STATE,
    WRITE,
    Smp,
    Unit,
    app_image,
    smp_on,
    unit_in,
)
from tests.secure_lab import IDLE, REQUEST_PERM, REQUEST_TEST, STATE

OPTIONAL, MANDATORY, CRITICAL, ABSENT = 0, 1, 2, 0xFF
NONE, WAITING, DEFERRED, GRANTED = range(4)
INSTALL, ASK, IS_BUSY = range(3)
CONSENT_NEEDED = {"err": {"group": 64, "rc": 3}}
APPLICATION_BUSY = {"err": {"group": 64, "rc": 4}}
NOTHING_PENDING = {"err": {"group": 64, "rc": 2}}
NOT_DEFERRABLE = {"err": {"group": 64, "rc": 5}}


def model(severity: int, consent: int, deferrals: int, most: int, busy: bool) -> tuple[int, bool]:
    """The rules in the words of consent.h."""
    used_up = severity == MANDATORY and deferrals >= most
    may_defer = severity != CRITICAL and not used_up
    if severity == CRITICAL:
        return INSTALL, may_defer
    if busy:
        return IS_BUSY, may_defer
    return (INSTALL if severity == ABSENT or consent == GRANTED or used_up else ASK), may_defer


def test_every_case_is_decided_as_the_rules_say(tmp_path: Path) -> None:
    counts = (0, 1, 2, 3, 65535)
    with Host(tmp_path) as host:
        for case in itertools.product(
            (OPTIONAL, MANDATORY, CRITICAL, ABSENT), range(4), counts, counts, (False, True)
        ):
            assert host.decide(*case) == model(*case), case


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    with unit_in(tmp_path_factory.mktemp("unit")) as made:
        yield made


@pytest.fixture
def smp(unit: Unit) -> Iterator[Smp]:
    """No request, no consent, not busy, as after a reset of a unit that was left alone."""
    unit.reset(lambda board: erase_state(board))
    with smp_on(unit.twin) as line:
        yield line


def erase_state(board: Any) -> None:
    board.target.write32(0x4001E504, 2)
    for page in (STATE, STATE + 0x400):
        board.target.write32(0x4001E508, page)
    board.target.write32(0x4001E504, 0)


def put(smp: Smp, unit: Unit, **more: Any) -> bytes:
    """Uploads an image; its hash."""
    smp.upload(app_image(unit.made, "1.1.0", counter=2, **more))
    return bytes(smp.slot(1)["hash"])


def phase(smp: Smp) -> int:
    return int(smp.read(IDENTITY_OF)["phase"])


def test_an_optional_image_waits_for_consent(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="optional")
    assert smp.write(CONSENT, action="grant") == NOTHING_PENDING
    assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
    assert smp.ask(IMAGE_STATE, {"hash": found}, WRITE, 0) == {"rc": 10}
    assert (phase(smp), smp.read(CONSENT)["state"]) == (IDLE, "waiting")
    for times in (1, 2, 3):
        assert smp.write(CONSENT, action="defer")["deferrals"] == times
        assert smp.read(CONSENT)["state"] == "deferred"
        assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
    granted = smp.write(CONSENT, action="grant")
    assert (granted["state"], granted["severity"]) == ("granted", "optional")
    assert phase(smp) == REQUEST_TEST
    assert smp.slot(1)["pending"]
    assert not smp.slot(1)["permanent"]


def test_consent_to_a_permanent_request_is_permanent(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="optional")
    assert smp.write(IMAGE_STATE, hash=found, confirm=True) == CONSENT_NEEDED
    smp.write(CONSENT, action="grant")
    assert phase(smp) == REQUEST_PERM
    assert smp.slot(1)["permanent"]


def test_a_mandatory_image_can_be_put_off_so_often_and_no_more(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="mandatory", max_deferrals=2)
    for times in (1, 2):
        assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
        assert smp.write(CONSENT, action="defer")["deferrals"] == times
    assert smp.write(CONSENT, action="defer") == NOT_DEFERRABLE
    assert smp.write(IMAGE_STATE, hash=found)["images"][1]["pending"]
    assert phase(smp) == REQUEST_TEST


def test_deferrals_are_counted_over_a_reset(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="mandatory", max_deferrals=1)
    assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
    assert smp.write(CONSENT, action="defer")["deferrals"] == 1
    smp.run(smp.client.disconnect())
    unit.reset()
    smp.run(smp.client.connect())
    assert smp.read(CONSENT)["deferrals"] == 1
    assert "images" in smp.write(IMAGE_STATE, hash=found)


def test_consent_to_one_image_is_none_to_another(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="optional")
    assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
    smp.write(CONSENT, action="defer")
    put(smp, unit, severity="optional", signing_time_s=1_800_000_001)
    view = smp.read(CONSENT)
    assert (view["state"], view["deferrals"]) == ("none", 0)
    assert smp.write(CONSENT, action="grant") == NOTHING_PENDING


def test_a_busy_application_is_not_disturbed(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="optional")
    assert smp.write(IMAGE_STATE, hash=found) == CONSENT_NEEDED
    assert smp.write(BUSY, busy=True)["busy"] is True
    assert smp.write(IMAGE_STATE, hash=found) == APPLICATION_BUSY
    assert smp.write(CONSENT, action="grant") == APPLICATION_BUSY
    assert (phase(smp), smp.read(CONSENT)["state"]) == (IDLE, "granted")
    smp.write(BUSY, busy=False)
    assert "images" in smp.write(IMAGE_STATE, hash=found)
    assert phase(smp) == REQUEST_TEST


def test_a_critical_image_waits_for_nobody(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit, severity="critical")
    smp.write(BUSY, busy=True)
    assert smp.write(IMAGE_STATE, hash=found)["images"][1]["pending"]
    assert phase(smp) == REQUEST_TEST


def test_a_stock_image_asks_for_nothing(unit: Unit, smp: Smp) -> None:
    found = put(smp, unit)
    assert smp.read(CONSENT)["severity"] == "none"
    assert smp.write(IMAGE_STATE, hash=found)["images"][1]["pending"]


@pytest.mark.parametrize("body", [{}, {"action": "yes"}, {"action": True}, {"action": None}])
def test_other_words_change_nothing(smp: Smp, body: dict[str, object]) -> None:
    assert smp.ask(CONSENT, body, WRITE) == {"rc": 3}
    assert phase(smp) == IDLE
