"""Something between station and TPM that lies where no secret is at stake: about capabilities, clock, PCRs,
areas and indices.  No unit is called verified because of it.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tpm_enrol_lab import Line, open_line
from tests.tpm_lab import BareTpm, Interposer, bare_tpm, interposed, make_devid, make_ek, needs_swtpm
from tests.tpm_lab import write_certificate as write_nv
from workbench.identity.state import State
from workbench.identity.tpm_enroll.errors import TpmVerificationFailed
from workbench.identity.tpm_enroll.flow import enroll
from workbench.virtual.tpm_boards import TpmPower
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.errors import TpmAnswerForged, TpmError

pytestmark = needs_swtpm

MAX_AUTH_FAIL = 0x20F
GET_CAPABILITY, READ_CLOCK, PCR_READ, READ_PUBLIC, NV_READ_PUBLIC, NV_READ = (
    0x17A,
    0x181,
    0x17E,
    0x173,
    0x169,
    0x14E,
)


class Liar:
    """Changes the good answers to one command by a function of the whole answer."""

    def __init__(self, code: int, lie: Callable[[bytes], bytes]) -> None:
        self._code, self._lie = code, lie
        self._current = 0
        self.lied = 0

    def __call__(self, kind: str, message: bytes) -> bytes:
        if kind == "command":
            self._current = int.from_bytes(message[6:10], "big")
        elif self._current == self._code and message[6:10] == bytes(4):
            changed = self._lie(message)
            self.lied += changed != message
            return changed
        return message


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda message: message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]


LIES: dict[str, tuple[int, Callable[[bytes], bytes], Callable[[Tpm], object]]] = {
    "properties": (GET_CAPABILITY, flip(40), lambda tpm: tpm.properties()),
    "handles": (GET_CAPABILITY, flip(-30), lambda tpm: tpm.handles(0x81020000)),
    "clock": (READ_CLOCK, flip(20), lambda tpm: tpm.clock()),
    "registers": (PCR_READ, flip(40), lambda tpm: tpm.pcr_read({11: [0]})),
    "key": (READ_PUBLIC, flip(60), lambda tpm: tpm.read_public(0x81020000)),
    "index": (NV_READ_PUBLIC, flip(30), lambda tpm: (tpm.nv_public(0x01C90200), tpm.nv_read(0x01C90200))),
    "data": (NV_READ, flip(30), lambda tpm: tpm.nv_read(0x01C90200)),
}


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as made:
        with open_tpm(made.tcti) as tpm:
            tpm.startup()
            make_devid(tpm)
            write_nv(tpm, bytes(300))
        yield made


@pytest.mark.parametrize("name", LIES)
def test_in_a_salted_session_no_answer_can_be_changed(bare: BareTpm, name: str) -> None:
    code, lie, ask = LIES[name]
    liar = Liar(code, lambda message: message)
    with interposed(bare, lambda kind, message: liar(kind, message)) as wire, open_tpm(wire.tcti) as tpm:
        ek = make_ek(tpm)
        tpm.secure(ek.handle, ek.name)
        ask(tpm)
        liar = Liar(code, lie)
        with pytest.raises(TpmError):
            ask(tpm)
        assert liar.lied


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with open_line(tmp_path) as made:
        yield made


class Board:
    """A board that after its restart says other dictionary-attack limits than its TPM has: where the answer
    has no session only, or everywhere.
    """

    def __init__(self, tags: tuple[int, ...]) -> None:
        self.restarted = False
        self._tags = tags
        self._liar = Liar(GET_CAPABILITY, self._lie)

    def __call__(self, kind: str, message: bytes) -> bytes:
        return self._liar(kind, message) if self.restarted else message

    def _lie(self, message: bytes) -> bytes:
        at = message.find(struct.pack(">I", MAX_AUTH_FAIL))
        if at < 0 or int.from_bytes(message[:2], "big") not in self._tags:
            return message
        return flip(at + 7)(message)


@pytest.mark.parametrize(
    ("tags", "error"), [((0x8001,), TpmVerificationFailed), ((0x8001, 0x8002), TpmAnswerForged)]
)
def test_a_board_that_lies_about_its_limits_is_not_verified(
    line: Line, monkeypatch: pytest.MonkeyPatch, tags: tuple[int, ...], error: type[Exception]
) -> None:
    board, between = line.board("liar"), Board(tags)
    real = type(board.power).cycle

    def cycle(power: TpmPower, off_s: float) -> None:
        real(power, off_s)
        between.restarted = True

    monkeypatch.setattr(type(board.power), "cycle", cycle)
    with contextlib.closing(Interposer(Path(board.tcti.partition("=")[2]), between)) as wire:
        outcome = enroll(line.order("SN-liar"), line.means(board, connect=lambda: open_tpm(wire.tcti)))
    assert outcome.state == "quarantined"
    assert isinstance(outcome.error, error)
    unit = line.ledger.find(serial="SN-liar")
    assert unit is not None
    assert unit.state is State.QUARANTINED
