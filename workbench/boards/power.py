"""Power switches of slots: what every switch can do, and the two drivers for real boards.

`command` runs the user's own programs (a USB hub, a relay, a PDU), `manual` asks a person.  A switch that
comes with a board fits the same protocol.  Nothing here prints: a face gives `manual` the way to ask.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Protocol, runtime_checkable

from workbench.errors import Blame, WorkbenchError
from workbench.toml_file import shown_text

PowerState = Literal["on", "off", "unknown"]
CutMode = Literal["clean", "torn"]
Ask = Callable[[str], bool]
"""Shows a request to a person and waits; True once the person says it is done, False if they refuse."""

DEFAULT_TIMEOUT_S: Final = 10.0
_MAX_OUTPUT_BYTES: Final = 4096


class PowerFailed(WorkbenchError):
    """The power switch of a slot did not do what it was asked."""

    code = "power-failed"
    blame = Blame.STATION
    default_cause = "the switch's program is missing, failed or did not end in time"
    default_action = "run the command from the bench file by hand, and see what it says"


class PowerByHand(WorkbenchError):
    """A slot's power can only be switched by a person, and nobody was there to be asked."""

    code = "power-by-hand"
    blame = Blame.STATION
    default_cause = "the bench file says that this slot's power is switched by hand"
    default_action = 'switch it by hand, or give the slot a switch with driver = "command"'


@runtime_checkable
class PowerSwitch(Protocol):
    """Power of one slot.  Every method is bounded in time and raises a WorkbenchError when it fails."""

    def state(self) -> PowerState:
        """What is observed, not what was last asked for; "unknown" where the switch cannot tell."""

    def on(self) -> str | None:
        """Power on; a remark for a person, such as what had to be recovered, or None.  No-op where it is
        on.
        """

    def off(self) -> None:
        """Power off.  No-op where it is off."""

    def cycle(self, off_s: float) -> None:
        """Off for `off_s` seconds, then on."""


class CutReport(Protocol):
    """A power cut that came: after how many flash operations, in which mode, at which kind of operation and
    where.
    """

    @property
    def operations(self) -> int: ...
    @property
    def mode(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def address(self) -> int: ...


@runtime_checkable
class CuttingSwitch(PowerSwitch, Protocol):
    """A switch that can cut power at a chosen flash operation (a word written, a sector or the chip
    erased).
    """

    def arm_cut(self, after_operations: int, mode: CutMode = "clean", seed: int = 0) -> None:
        """Cut after that many operations, counted from now; `torn` leaves the last one half done, by
        `seed`.
        """

    def cut_report(self) -> CutReport | None:
        """The cut that came since one was armed, None while none has."""

    def count_operations(self) -> None:
        """Start counting operations from 0."""

    def operations(self) -> int:
        """Operations since counting started or a cut was armed."""


class FlashOperation(Protocol):
    """What the flash controller did: `word`, `uicr`, `page`, `chip` or `uicr-erase`, and where."""

    @property
    def kind(self) -> str: ...
    @property
    def address(self) -> int: ...


class BootRecording(Protocol):
    """Every flash operation of one boot, in order, and what the board printed."""

    @property
    def operations(self) -> Sequence[FlashOperation]: ...
    @property
    def console(self) -> bytes: ...


class CutOutcome(FlashOperation, Protocol):
    """What a board did after its power had gone at operation `point` of a recorded boot and come back."""

    @property
    def point(self) -> int: ...
    @property
    def mode(self) -> str: ...
    @property
    def console(self) -> bytes: ...
    @property
    def end(self) -> Literal["said", "silent", "crashed"]: ...
    @property
    def known(self) -> bool: ...


@runtime_checkable
class SweepingSwitch(CuttingSwitch, Protocol):
    """A switch that can go back in time: it tries cuts at the operations of one boot, the board being off."""

    def record_boot(self, until: bytes, limit_s: float = 60.0) -> BootRecording:
        """Boot a copy of the board until it prints `until` (a regular expression)."""

    def sweep_cuts(
        self,
        recording: Any,
        points: Sequence[int],
        mode: CutMode = "clean",
        seed: int = 0,
        limit_s: float = 20.0,
    ) -> Iterator[CutOutcome]:
        """What the board does after a cut at each of these operations (the first is 1), in any order.

        The board itself keeps its memories.  `limit_s` is for a board that no longer says anything.
        """


@dataclass(frozen=True, slots=True)
class CommandSwitch:
    """Driver `command`: programs of the user's, split as a shell would, run without a shell.

    `status` tells the state by its exit status: 0 on, 1 off, anything else unknown.
    """

    slot: str
    on_command: str
    off_command: str
    status_command: str | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S

    def state(self) -> PowerState:
        """By `status`; "unknown" without one, or where it fails."""
        if self.status_command is None:
            return "unknown"
        status = _run(self.slot, self.status_command, self.timeout_s)[0]
        return "on" if status == 0 else "off" if status == 1 else "unknown"

    def on(self) -> str | None:
        """Runs `on`; raises PowerFailed."""
        _must(self.slot, self.on_command, self.timeout_s)
        return None

    def off(self) -> None:
        """Runs `off`; raises PowerFailed."""
        _must(self.slot, self.off_command, self.timeout_s)

    def cycle(self, off_s: float) -> None:
        """Off, a pause, on."""
        self.off()
        _pause(off_s)
        self.on()


@dataclass(frozen=True, slots=True)
class ManualSwitch:
    """Driver `manual`: a person.  Without `ask` it raises PowerByHand."""

    slot: str
    ask: Ask | None = None

    def state(self) -> PowerState:
        """Nobody measures it."""
        return "unknown"

    def on(self) -> str | None:
        """Asks for power on."""
        self._request(f"switch slot {self.slot} on")
        return "switched on by hand"

    def off(self) -> None:
        """Asks for power off."""
        self._request(f"switch slot {self.slot} off")

    def cycle(self, off_s: float) -> None:
        """Asks for one power cycle."""
        self._request(f"switch slot {self.slot} off, wait {off_s:g} s, and switch it on")

    def _request(self, words: str) -> None:
        if self.ask is None:
            raise PowerByHand(f"somebody must {words}")
        if not self.ask(words):
            raise PowerFailed(
                f"nobody did {words}", cause="the request was refused", action="run the command again"
            )


def with_operator(switch: PowerSwitch | None, ask: Ask) -> PowerSwitch | None:
    """The same switch, which asks through `ask` if it needs a person."""
    return replace(switch, ask=ask) if isinstance(switch, ManualSwitch) else switch


def _pause(seconds: float) -> None:
    threading.Event().wait(max(0.0, seconds))


def _must(slot: str, command: str, timeout_s: float) -> None:
    status, said = _run(slot, command, timeout_s)
    if status:
        words = shown_text(said.strip()) or "nothing"
        raise PowerFailed(f"slot {slot}: `{shown_text(command)}` ended with {status} and said: {words}")


def _run(slot: str, command: str, timeout_s: float) -> tuple[int, str]:
    """Exit status and output.  The program gets a process group of its own, killed when the time is over.

    Output goes to a file: a program that leaves a child behind has ended all the same.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise PowerFailed(f"slot {slot}: cannot run `{shown_text(command)}`: {error}") from error
        status = _finish(slot, command, process, timeout_s)
        output.seek(0)
        return status, output.read(_MAX_OUTPUT_BYTES).decode("utf-8", "replace")


def _finish(slot: str, command: str, process: subprocess.Popen[bytes], timeout_s: float) -> int:
    try:
        return process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        words = f"slot {slot}: `{shown_text(command)}` did not end within {timeout_s:g} s"
        raise PowerFailed(words) from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
