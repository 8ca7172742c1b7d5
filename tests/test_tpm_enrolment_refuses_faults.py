"""Each fault of a board, a label or a request has its error and its next action, and gives no second
identity.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.tpm_enrol_lab import Line, no_ca, open_line, tpm_of
from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_lab import needs_swtpm
from workbench.errors import WorkbenchError
from workbench.identity.ca.client import CaClient
from workbench.identity.ca.messages import Challenge
from workbench.identity.state import State
from workbench.identity.tpm.csr import build_contents, build_csr, parse_csr
from workbench.identity.tpm.request import TpmRequest
from workbench.identity.tpm.templates import template
from workbench.identity.tpm_enroll.flow import enroll
from workbench.identity.tpm_enroll.means import Means, Order
from workbench.identity.tpm_enroll.recipe import DictionaryAttack
from workbench.virtual.tpm_boards import TpmBoard
from workbench.wires.tpm.tpm import Tpm
from workbench.wires.tpm.values import Hierarchy, Nv

pytestmark = needs_swtpm

EK_CERTIFICATES: Final = (0x01C00016, 0x01C00002)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with open_line(tmp_path_factory.mktemp("line")) as made:
        yield made


@pytest.fixture
def board(line: Line, request: pytest.FixtureRequest) -> Iterator[TpmBoard]:
    made = line.board(hashlib.sha256(request.node.name.encode()).hexdigest()[:12])
    yield made
    made.power.off()


def refusal(line: Line, board: TpmBoard, serial: str, **changes: Any) -> WorkbenchError:
    """The error that an enrolment raises."""
    with pytest.raises(WorkbenchError) as raised:
        line.enrol(board, serial, **changes)
    assert raised.value.action
    return raised.value


def end_of(order: Order, means: Means) -> WorkbenchError | None:
    """Why an enrolment did not end verified, raised or told."""
    try:
        return enroll(order, means).error
    except WorkbenchError as error:
        return error


def state_of(line: Line, serial: str) -> State | None:
    unit = line.ledger.find(serial=serial)
    return None if unit is None else unit.state


# -- what was there before


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda tpm: tpm.change_auth(Hierarchy.OWNER, b"x"), "an owner password"),
        (lambda tpm: tpm.change_auth(Hierarchy.ENDORSEMENT, b"x"), "an endorsement password"),
        (lambda tpm: tpm.change_auth(Hierarchy.LOCKOUT, b"x"), "a lockout password"),
        (lambda tpm: tpm.clear_control(disable=True), "Clear disabled"),
        (lambda tpm: define(tpm, 0x01C90200), "an NV index 0x01c90200"),
        (lambda tpm: define(tpm, 0x01C90000), "an NV index 0x01c90000"),
        (lambda tpm: keep(tpm, "idevid", 0x81020000), "an object at 0x81020000"),
        (lambda tpm: keep(tpm, "iak", 0x81020007), "an object at 0x81020007"),
    ],
)
def test_a_board_that_is_not_blank_is_refused_before_anything_is_written(
    line: Line, board: TpmBoard, harm: Callable[[Tpm], None], said: str
) -> None:
    with tpm_of(board) as tpm:
        harm(tpm)
    error = refusal(line, board, f"SN-{said}")
    assert error.code == "tpm-not-blank"
    assert said in error.what
    assert state_of(line, f"SN-{said}") is None


def test_a_foreign_object_at_a_known_units_handle_is_quarantined(line: Line, board: TpmBoard) -> None:
    assert enroll(line.order("SN-swap"), line.means(board, ca=no_ca)).state == "keyed"
    with tpm_of(board) as tpm:
        tpm.evict(0x81020000, 0x81020000)
        keep(tpm, "iak", 0x81020000)
    outcome = line.enrol(board, "SN-swap")
    assert outcome.state == "quarantined"
    assert outcome.error is not None
    assert outcome.error.code == "tpm-key-differs"
    assert state_of(line, "SN-swap") == State.QUARANTINED
    again = line.enrol(board, "SN-swap")
    assert (again.state, again.error and again.error.code) == ("quarantined", "unit-quarantined")


# -- lockout


def test_a_fresh_board_in_lockout_is_let_out_and_enrolled(line: Line, board: TpmBoard) -> None:
    with tpm_of(board) as tpm:
        tpm.da_parameters(1, 7200, 86400)
    lock_out(board, lambda tpm: create(tpm, "idevid"))
    assert line.enrol(board, "SN-out").state == "verified"


def test_an_enrolled_board_in_lockout_waits_and_is_not_lost(line: Line, board: TpmBoard) -> None:
    recipe = line.recipe(attack=DictionaryAttack(1, 7200, 86400))
    assert line.enrol(board, "SN-in", recipe=recipe).state == "verified"
    lock_out(board, lambda _tpm: 0x81020000)
    error = refusal(line, board, "SN-in", recipe=recipe)
    assert error.code == "tpm-in-lockout"
    assert "7200 s" in error.what
    assert state_of(line, "SN-in") == State.VERIFIED


# -- endorsement certificates


def test_without_endorsement_certificates_a_board_is_refused(line: Line, board: TpmBoard) -> None:
    with tpm_of(board) as tpm:
        for index in EK_CERTIFICATES:
            tpm.nv_undefine(index, Hierarchy.PLATFORM)
    error = refusal(line, board, "SN-missing")
    assert (error.code, getattr(error, "reason", "")) == ("identity-refused", "ek-certificate-missing")
    assert state_of(line, "SN-missing") is None


@pytest.mark.parametrize("damage", [b"", b"\x30\x82", b"not a certificate at all" * 9])
def test_a_malformed_endorsement_certificate_is_refused(line: Line, board: TpmBoard, damage: bytes) -> None:
    replace_certificate(board, lambda old: damage or old[:300])
    error = refusal(line, board, "SN-malformed")
    assert getattr(error, "reason", "") == "ek-certificate-malformed"
    assert state_of(line, "SN-malformed") is None


def test_the_endorsement_certificate_of_another_board_is_refused(line: Line, board: TpmBoard) -> None:
    other = line.board("whose-certificate-is-taken")
    with tpm_of(other) as tpm:
        foreign = tpm.nv_read(EK_CERTIFICATES[0])
    other.power.off()
    replace_certificate(board, lambda _old: foreign)
    error = refusal(line, board, "SN-foreign")
    assert getattr(error, "reason", "") == "ek-certificate-foreign"
    assert state_of(line, "SN-foreign") is None


def test_an_endorsement_certificate_of_another_vendor_is_refused(line: Line, board: TpmBoard) -> None:
    recipe = line.recipe()
    error = refusal(line, board, "SN-vendor", recipe=replace(recipe, ek=replace(recipe.ek, roots=())))
    assert getattr(error, "reason", "") == "ek-chain-untrusted"


def test_a_maker_that_the_recipe_does_not_name_is_refused(line: Line, board: TpmBoard) -> None:
    error = refusal(line, board, "SN-maker", recipe=line.recipe(manufacturers=frozenset({"IFX", "STM"})))
    assert error.code == "tpm-not-allowed"


# -- requests that were tampered with


def test_a_software_key_in_the_place_of_the_idevid_is_refused(line: Line, board: TpmBoard) -> None:
    def forge(request: TpmRequest) -> TpmRequest:
        soft = soft_key(area_of("idevid", "H-3"))
        parts = parse_csr(request.csr)
        contents = build_contents(replace(parts.fields, idevid_public=soft.public), parts.hash_alg)
        return replace(request, csr=build_csr(contents, soft.sign(contents)))

    outcome = enroll(line.order("SN-soft"), line.means(board, ca=lambda: tampering(line, forge)))
    assert outcome.state == "quarantined"
    assert getattr(outcome.error, "reason", "") == "attest-name"


def test_a_recorded_request_of_another_unit_is_refused(line: Line, board: TpmBoard) -> None:
    recorded: list[TpmRequest] = []

    def record(request: TpmRequest) -> TpmRequest:
        recorded.append(request)
        return request

    first = line.board("whose-request-is-recorded")
    assert (
        enroll(line.order("SN-rec-1"), line.means(first, ca=lambda: tampering(line, record))).state
        == "verified"
    )
    first.power.off()

    def replay(request: TpmRequest) -> TpmRequest:
        return replace(request, csr=recorded[0].csr)

    before = certificates(line)
    error = end_of(line.order("SN-rec-2"), line.means(board, ca=lambda: tampering(line, replay)))
    assert getattr(error, "reason", "").startswith(("csr-", "attest-"))
    assert certificates(line) == before
    assert state_of(line, "SN-rec-2") in (State.KEYED, State.QUARANTINED)


# -- copies and labels


def test_a_clone_under_a_second_label_puts_both_in_quarantine(line: Line, board: TpmBoard) -> None:
    assert line.enrol(board, "SN-original").state == "verified"
    board.power.off()
    clone = line.board("clone")
    clone.power.off()
    shutil.rmtree(clone.folder / "tpm-state")
    shutil.copytree(board.folder / "tpm-state", clone.folder / "tpm-state")
    outcome = line.enrol(clone, "SN-clone")
    clone.power.off()
    assert outcome.state == "quarantined"
    assert outcome.error is not None
    assert outcome.error.code == "identity-conflict"
    assert state_of(line, "SN-original") == State.QUARANTINED
    assert line.enrol(board, "SN-original").state == "quarantined"


def test_the_label_of_another_unit_puts_both_in_quarantine(line: Line, board: TpmBoard) -> None:
    first = line.board("whose-label-it-is")
    assert line.enrol(first, "SN-label").state == "verified"
    first.power.off()
    outcome = line.enrol(board, "SN-label")
    assert outcome.state == "quarantined"
    assert state_of(line, "SN-label") == State.QUARANTINED


def test_a_label_with_another_ek_digest_is_noticed_before_anything_is_claimed(
    line: Line, board: TpmBoard
) -> None:
    error = refusal(line, board, "SN-digest", label_ek="0000000000")
    assert error.code == "label-differs"
    assert state_of(line, "SN-digest") is None
    with tpm_of(board) as tpm:
        assert tpm.handles(0x81020000) == ()


# -- after the lock


def test_a_board_that_was_not_restarted_is_no_finished_unit(line: Line, board: TpmBoard) -> None:
    class Stuck:
        def __getattr__(self, name: str) -> Any:
            return getattr(board.power, name)

        def cycle(self, off_s: float) -> None:
            """Switches something else."""

    with pytest.raises(WorkbenchError) as raised:
        enroll(line.order("SN-stuck"), line.means(board, power=Stuck()))
    assert raised.value.code == "board-not-restarted"
    assert state_of(line, "SN-stuck") == State.LOCKED
    assert line.enrol(board, "SN-stuck").state == "verified"


def test_a_certificate_that_was_exchanged_is_quarantined(line: Line, board: TpmBoard) -> None:
    """Somebody with the platform's power writes another certificate into an index that is not locked yet."""
    stopped = StopAt(line, "store")
    with pytest.raises(KeyboardInterrupt):
        enroll(line.order("SN-nv"), line.means(board, ledger=stopped))
    with tpm_of(board) as tpm:
        define(tpm, 0x01C90200)
        tpm.nv_write(0x01C90200, b"forged!!", auth=Hierarchy.PLATFORM)
        tpm.nv_write_lock(0x01C90200, auth=Hierarchy.PLATFORM)
    board.power.cycle()
    outcome = line.enrol(board, "SN-nv")
    assert outcome.state == "quarantined"
    assert outcome.error is not None
    assert outcome.error.code == "tpm-certificate-differs"


class StopAt:
    """A ledger whose station stops right after the intent of that act."""

    def __init__(self, line: Line, act: str) -> None:
        self._ledger, self._act = line.ledger, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def intend(self, unit_id: str, act: str, intent: Any) -> str:
        act_id = self._ledger.intend(unit_id, act, intent)
        if act == self._act:
            raise KeyboardInterrupt
        return act_id


class Tampering:
    """A CA behind somebody who changes requests."""

    def __init__(self, ca: CaClient, change: Callable[[TpmRequest], TpmRequest]) -> None:
        self._ca, self._change = ca, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ca, name)

    def submit_tpm(self, request: TpmRequest) -> Challenge:
        return self._ca.submit_tpm(self._change(request))


@contextmanager
def tampering(line: Line, change: Callable[[TpmRequest], TpmRequest]) -> Iterator[Any]:
    with line.ca() as ca:
        yield Tampering(ca, change)


def certificates(line: Line) -> int:
    with line.ca() as ca:
        return ca.status().certificates


def define(tpm: Tpm, index: int) -> None:
    attributes = (
        Nv.PLATFORMCREATE | Nv.PPWRITE | Nv.PPREAD | Nv.OWNERREAD | Nv.AUTHREAD | Nv.NO_DA | Nv.WRITEDEFINE
    )
    tpm.nv_define(index, 8, attributes, hierarchy=Hierarchy.PLATFORM)


def create(tpm: Tpm, kind: Any) -> int:
    return tpm.create_primary(Hierarchy.ENDORSEMENT, template("H-2", kind).public).handle


def keep(tpm: Tpm, kind: Any, handle: int) -> None:
    made = create(tpm, kind)
    tpm.evict(made, handle)
    tpm.flush(made)


def lock_out(board: TpmBoard, key: Callable[[Tpm], int]) -> None:
    """Loses power after a key was used, without Shutdown: that counts as one wrong password."""
    with tpm_of(board) as tpm:
        handle = key(tpm)
        size = 48 if handle == 0x81020000 else 32
        tpm.sign(handle, b"d" * size, 0x000C if size == 48 else 0x000B)
    board.power.cycle()
    with tpm_of(board) as tpm:
        assert tpm.properties().in_lockout


def replace_certificate(board: TpmBoard, change: Callable[[bytes], bytes]) -> None:
    index = EK_CERTIFICATES[0]
    with tpm_of(board) as tpm:
        old, public = tpm.nv_read(index), tpm.nv_public(index)
        assert public is not None
        new = change(old)
        tpm.nv_undefine(index, Hierarchy.PLATFORM)
        wanted = public.attributes & ~(Nv.WRITTEN | Nv.WRITELOCKED)
        tpm.nv_define(index, len(new), wanted, hierarchy=Hierarchy.PLATFORM)
        for at in range(0, len(new), 512):
            tpm.nv_write(index, new[at : at + 512], at, auth=Hierarchy.PLATFORM)
        tpm.nv_write_lock(index, auth=Hierarchy.PLATFORM)
