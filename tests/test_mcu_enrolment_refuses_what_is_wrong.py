"""Wrong labels, clones, foreign keys, broken generators, a CA that is away: each ends in its error or its
state, and never in a second identity.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.mcu_lab import McuLab, mcu_lab
from tests.trial_lab import weakened
from workbench.boards.bench import Slot
from workbench.errors import Blame
from workbench.identity.ca.client import CaClient
from workbench.identity.ca.errors import CaRefused, CaUnreachable
from workbench.identity.ca.messages import Issued
from workbench.identity.mcu.errors import McuChipDiffers, McuLabelDiffers
from workbench.identity.mcu.request import McuRequest
from workbench.identity.state import State
from workbench.identity.tpm_enroll.errors import LockNotPermitted

pytestmark = pytest.mark.xdist_group("microcontrollers are enrolled")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuLab]:
    with mcu_lab(tmp_path_factory.mktemp("mcu") / "lab", slots=2) as found:
        found.provision()
        found.remember()
        yield found


@pytest.fixture
def lab(made: McuLab) -> McuLab:
    """A provisioned board of its own in slot v1."""
    made.another()
    made.reachable = True
    return made


def serial() -> str:
    """A label of its own."""
    return f"S-{os.urandom(4).hex()}"


class Between(CaClient):
    """The line to the CA with somebody in it."""

    def __init__(self, inner: CaClient) -> None:
        self._inner = inner

    def nonce(self, *arguments: Any, **named: Any) -> Any:
        return self._inner.nonce(*arguments, **named)

    def issued(self, request_id: str) -> Issued | None:
        return self._inner.issued(request_id)

    def submit_mcu(self, request: McuRequest) -> Issued:
        return self._inner.submit_mcu(self.changed(request))

    def changed(self, request: McuRequest) -> McuRequest:
        raise CaUnreachable("the network was cut")


def test_without_permission_nothing_is_touched(lab: McuLab) -> None:
    label = serial()
    with pytest.raises(LockNotPermitted):
        lab.enroll(label, permit_lock=False)
    assert lab.ledger.find(serial=label) is None


def test_a_ca_that_goes_away_holds_the_unit_at_keyed_and_it_goes_on_later(lab: McuLab) -> None:
    label = serial()

    @contextmanager
    def cut() -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield Between(ca)

    outcome = lab.enroll(label, ca=cut)
    assert (outcome.state, lab.unit(label).state) == ("keyed", State.KEYED)
    assert isinstance(outcome.error, CaUnreachable)
    lab.reachable = False
    assert lab.enroll(label).state == "keyed"
    keys = lab.unit(label).keys
    lab.reachable = True
    again = lab.enroll(label)
    assert (again.state, again.resumed) == ("verified", "keyed")
    assert lab.unit(label).keys == keys


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chip_id": bytes(range(8))}, "csr-subject"),
        ({"csr": b"\x30\x00"}, "csr-form"),
        ({"chip_id": bytes(8)}, "chip-id"),
    ],
)
def test_what_the_ca_refuses_puts_the_unit_into_quarantine(
    lab: McuLab, change: dict[str, Any], reason: str
) -> None:
    label = serial()

    class Forger(Between):
        def changed(self, request: McuRequest) -> McuRequest:
            return replace(request, **change)

    @contextmanager
    def forged() -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield Forger(ca)

    outcome = lab.enroll(label, ca=forged)
    assert outcome.state == "quarantined"
    assert getattr(outcome.error, "reason", None) == reason
    assert lab.unit(label).state == State.QUARANTINED
    assert lab.enroll(label).state == "quarantined"


def test_what_is_the_recipes_fault_leaves_the_unit_as_it_is(lab: McuLab) -> None:
    label = serial()

    class Mistaken(Between):
        def changed(self, request: McuRequest) -> McuRequest:
            return replace(request, key_origin="injected")

    @contextmanager
    def mistaken() -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield Mistaken(ca)

    with pytest.raises(CaRefused) as refused:
        lab.enroll(label, ca=mistaken)
    assert refused.value.reason == "key-origin"
    assert lab.unit(label).state == State.KEYED
    assert lab.enroll(label).state == "verified"


def test_an_old_request_sent_again_is_refused(lab: McuLab) -> None:
    first, second, held = serial(), serial(), []

    class Recorder(Between):
        def changed(self, request: McuRequest) -> McuRequest:
            held.append(request)
            raise CaUnreachable("the network was cut")

    class Replayer(Between):
        def changed(self, request: McuRequest) -> McuRequest:
            return replace(request, csr=held[0].csr, chip_id=held[0].chip_id)

    @contextmanager
    def with_(kind: type[Between]) -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield kind(ca)

    assert lab.enroll(first, ca=lambda: with_(Recorder)).state == "keyed"
    lab.another()
    outcome = lab.enroll(second, ca=lambda: with_(Replayer))
    assert (outcome.state, getattr(outcome.error, "reason", None)) == ("quarantined", "enrolment-mac")


def test_the_label_of_another_unit_puts_both_into_quarantine(lab: McuLab) -> None:
    label = serial()
    lab.reachable = False
    with pytest.raises(CaUnreachable):
        lab.enroll(label)
    chip = lab.another()
    outcome = lab.enroll(label)
    assert (outcome.state, outcome.error and outcome.error.code) == ("quarantined", "identity-conflict")
    assert lab.unit(label).state == State.QUARANTINED
    other = lab.ledger.find(hardware_id=chip)
    assert other is not None
    assert other.state == State.QUARANTINED


def test_a_label_that_names_another_chip_is_refused_before_anything(lab: McuLab) -> None:
    label = serial()
    with pytest.raises(McuLabelDiffers) as refused:
        lab.enroll(label, label_chip="00000000")
    assert refused.value.blame is Blame.INPUT
    assert lab.ledger.find(serial=label) is None


def test_a_clone_puts_both_units_into_quarantine(lab: McuLab) -> None:
    first, second = serial(), serial()

    @contextmanager
    def cut() -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield Between(ca)

    assert lab.enroll(first, ca=cut).state == "keyed"
    original, provisioned = lab.unit(first), lab.provisioned
    lab.remember()
    try:
        chip = lab.another()
    finally:
        lab.provisioned = provisioned
    outcome = lab.enroll(second)
    assert (outcome.state, outcome.error and outcome.error.code) == ("quarantined", "identity-conflict")
    clone = lab.ledger.find(hardware_id=chip)
    assert clone is not None
    assert clone.state == lab.unit(first).state == State.QUARANTINED
    assert lab.unit(first).keys == original.keys


def test_a_key_that_no_ledger_of_ours_knows_is_refused(lab: McuLab, tmp_path: Path) -> None:
    from workbench.database.engine import open_engine
    from workbench.identity.ledger import Ledger

    label, elsewhere = (
        serial(),
        Ledger(open_engine(f"sqlite:///{tmp_path / 'other.db'}"), station="station-2"),
    )

    @contextmanager
    def cut() -> Iterator[CaClient]:
        with lab.connect() as ca:
            yield Between(ca)

    assert lab.enroll(label, ca=cut, ledger=elsewhere).state == "keyed"
    elsewhere.close()
    outcome = lab.enroll(serial())
    assert (outcome.state, outcome.error and outcome.error.code) == ("quarantined", "mcu-not-blank")


def test_a_line_that_leads_to_another_board_is_noticed(lab: McuLab) -> None:
    lab.provision(slot="v2")
    crossed = replace(lab.slot, serial=lab.slots["v2"].serial)
    straight: Slot = lab.slots["v1"]
    lab.slots["v1"] = crossed
    label = serial()
    try:
        with pytest.raises(McuChipDiffers):
            lab.enroll(label)
    finally:
        lab.slots["v1"] = straight
    assert lab.unit(label).state == State.BLANK
    assert lab.enroll(label).state == "verified"


def test_a_unit_that_was_erased_after_its_lock_is_not_trusted_again(lab: McuLab) -> None:
    label = serial()
    assert lab.enroll(label).state == "verified"
    chip = lab.unit(label).hardware_id
    lab.slot.need_power().off()
    from workbench.virtual.protocol import NVM_FILE

    (lab.twin().folder / NVM_FILE).write_bytes(lab.provisioned)
    outcome = lab.enroll(label)
    assert (outcome.state, outcome.error and outcome.error.code) == ("quarantined", "mcu-lock-unexpected")
    assert outcome.hardware_id == chip


def test_a_broken_random_number_generator_makes_no_key(tmp_path: Path) -> None:
    build = weakened(
        tmp_path / "weak",
        "tier-2-ecdsa",
        "chips/nrf51/chip.c",
        "*sample = (uint8_t)NRF_RNG->VALUE;",
        "*sample = 0x5A;",
    )
    with mcu_lab(tmp_path / "lab", build=lambda _profile: build) as lab:
        lab.provision()
        outcome = lab.enroll()
        assert (outcome.state, outcome.error and outcome.error.code) == (
            "quarantined",
            "mcu-random-unhealthy",
        )
        assert lab.unit().keys == {}
