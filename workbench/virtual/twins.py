"""Twins from outside: make one, switch its power, cut it, find the powered ones.  All that other rooms see.

A twin is a folder with its chip's identity and memories.  Switching it on starts its supervisor, switching it
off ends it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from workbench.errors import Blame, WorkbenchError
from workbench.virtual import nvm
from workbench.virtual.chips import MODELS
from workbench.virtual.cut import CutMode
from workbench.virtual.lock import is_held
from workbench.virtual.nvm import NvmDamaged, replace_file
from workbench.virtual.protocol import (
    CHIP_FILE,
    CUT_FILE,
    LOG_FILE,
    NVM_FILE,
    TTY_LINK,
    Client,
    SupervisorGone,
    SupervisorSilent,
    socket_path,
    sockets_dir,
)

if TYPE_CHECKING:  # the machinery is loaded when it is needed
    from workbench.virtual.sweep import CutOutcome, Recording
    from workbench.virtual.tpm_boards import TpmBoard

START_LIMIT_S: Final = 20.0


class TwinFailed(WorkbenchError):
    """A virtual board could not be powered."""

    code = "twin-failed"
    blame = Blame.STATION
    default_cause = "QEMU is missing or ended, or the twin's saved memory is damaged"
    default_action = "run `workbench doctor`; the twin's folder has supervisor.log"


class TwinNotPowered(WorkbenchError):
    """A virtual board has no power."""

    code = "twin-not-powered"
    blame = Blame.STATION
    default_cause = "it was switched off, or an armed power cut came"
    default_action = "switch it on with `workbench slot power SLOT on`"


@dataclass(frozen=True)
class CutReport:
    """A cut that came: after how many flash operations, and the kind and address of the last one."""

    operations: int
    mode: str
    seed: int
    kind: str
    """`word`, `uicr` (a word of it), `page`, `chip` or `uicr-erase`."""
    address: int


def read_cut_report(folder: Path) -> CutReport | None:
    """The last cut that came to the board in `folder`, None when none came since one was armed."""
    try:
        raw = json.loads((folder / CUT_FILE).read_text("ascii"))
    except FileNotFoundError:
        return None
    return CutReport(raw["operations"], raw["mode"], raw["seed"], raw["kind"], raw["address"])


@dataclass(frozen=True)
class TwinPower:
    """Power switch of one twin.  Raises TwinFailed, TwinNotPowered."""

    folder: Path
    uid: str

    def state(self) -> Literal["on", "off", "unknown"]:
        """Whether its supervisor answers; unknown when there is one that does not."""
        try:
            self._ask("status")
        except SupervisorSilent:
            return "unknown"
        except SupervisorGone:
            return "off"
        return "on"

    def on(self) -> str | None:
        """Switch on; returns a remark about how its memory came back, if there is one."""
        if self._is_on():
            return None
        with (self.folder / LOG_FILE).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "workbench.virtual.supervisor", str(self.folder.absolute()), self.uid],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        answer = self._first_line(process)
        if answer.get("already"):
            return None
        if "ready" not in answer:
            raise TwinFailed(
                f"{self.folder.name} could not be switched on: {answer.get('error', 'its supervisor ended')}"
            )
        remark = answer["remark"]
        return str(remark) if remark else None

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        with process.stdout:
            if not select.select([process.stdout], [], [], START_LIMIT_S)[0]:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise TwinFailed(f"{self.folder.name} did not start within {START_LIMIT_S:.0f} s")
            line = process.stdout.readline()
        process.wait()  # it has left the supervisor behind as a process of its own
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def _is_on(self) -> bool:
        """Whether it has power; waits for the end of one whose folder was replaced by another board's."""
        chip = json.loads((self.folder / CHIP_FILE).read_text("ascii"))["chip_id"]
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            try:
                if self._ask("status")["chip"] == chip:
                    return True
            except SupervisorGone:
                return False
            time.sleep(0.02)
        raise TwinFailed(f"{self.folder.name} is another board than the one that has power in its place")

    def off(self) -> None:
        """Switch off and wait until its memories are saved and nothing of it runs."""
        try:
            self._ask("off")
        except SupervisorSilent as error:
            raise TwinFailed(f"{self.folder.name} could not be switched off: {error}") from error
        except SupervisorGone:
            pass
        deadline = time.monotonic() + START_LIMIT_S
        while is_held(self.folder):
            if time.monotonic() > deadline:
                raise TwinFailed(f"{self.folder.name} did not switch off within {START_LIMIT_S:.0f} s")
            time.sleep(0.01)

    def cycle(self, off_s: float = 0.0) -> None:
        """Off, a pause, on."""
        self.off()
        time.sleep(off_s)
        self.on()

    def arm_cut(self, after_operations: int, mode: CutMode = "clean", seed: int = 0) -> None:
        """Cut the power after that many flash operations from now."""
        (self.folder / CUT_FILE).unlink(missing_ok=True)
        self._powered("arm-cut", after_operations=after_operations, mode=mode, seed=seed)

    def count_operations(self) -> None:
        """Start counting flash operations (word writes and erases) from 0."""
        self._powered("count")

    def operations(self) -> int:
        """Flash operations since counting started or a cut was armed."""
        return int(self._powered("status")["operations"])

    def cut_report(self) -> CutReport | None:
        """The last cut that came, or None when none came since one was armed."""
        return read_cut_report(self.folder)

    # -- every cut of one boot

    def record_boot(self, until: bytes, limit_s: float = 60.0) -> Recording:
        """Boot a copy of the twin, which is off, until it prints `until`: each flash operation of that boot.

        Raises TwinFailed where it has power, or does not get that far.
        """
        from workbench.virtual.sweep import MachineGone, SweepFailed, record

        if self.state() != "off":
            raise TwinFailed(f"{self.folder.name} has power: switch it off, its memories are copied")
        chip = json.loads((self.folder / CHIP_FILE).read_text("ascii"))
        model = MODELS[chip["machine"]]
        if model.nvm is None:
            raise TwinFailed(f"a {model.machine} has no flash")
        try:
            saved = nvm.load(self.folder / NVM_FILE, model.nvm.flash.size, model.nvm.uicr.size)
            memories = saved.flash, saved.uicr
            log = self.folder / LOG_FILE
            return record(model, bytes.fromhex(chip["chip_id"]), memories, until, limit_s, log)
        except (SweepFailed, MachineGone, NvmDamaged, OSError) as error:
            raise TwinFailed(f"{self.folder.name}: the boot could not be recorded: {error}") from error

    def sweep_cuts(
        self,
        recording: Recording,
        points: Sequence[int],
        mode: CutMode = "clean",
        seed: int = 0,
        limit_s: float = 20.0,
    ) -> Iterator[CutOutcome]:
        """What the board does after a cut at each of these operations of a recorded boot, in any order.

        The twin itself takes no part.  A board that prints nothing of what ended the recorded boot is given
        `limit_s` seconds.  Raises TwinFailed.
        """
        from workbench.virtual.sweep import SweepFailed, sweep

        try:
            yield from sweep(recording, points, mode, seed, limit_s, self.folder / LOG_FILE)
        except (SweepFailed, OSError) as error:
            raise TwinFailed(f"{self.folder.name}: {error}") from error

    def _powered(self, op: str, **arguments: Any) -> Any:
        try:
            return self._ask(op, **arguments)
        except SupervisorGone as error:
            raise TwinNotPowered(f"{self.folder.name} has no power") from error

    def _ask(self, op: str, **arguments: Any) -> Any:
        with Client(socket_path(self.uid)) as client:
            return client.ask(op, **arguments)


@dataclass(frozen=True)
class Twin:
    """A virtual board as a slot sees it."""

    folder: Path
    probe_uid: str
    serial_url: str
    power: TwinPower
    tcti: None = None


@overload
def plug(folder: Path, name: str, machine: Literal["tpm"], title: str = "") -> TpmBoard: ...
@overload
def plug(folder: Path, name: str, machine: Literal["microbit", "mps2-an385"], title: str = "") -> Twin: ...
@overload
def plug(folder: Path, name: str, machine: str, title: str = "") -> Twin | TpmBoard: ...
def plug(folder: Path, name: str, machine: str, title: str = "") -> Twin | TpmBoard:
    """The twin `name` in `folder`, made with a chip of its own if it is not there yet.

    Raises ValueError for an unknown machine, TwinFailed when the folder holds a twin of another machine.
    """
    if machine == "tpm":
        from workbench.virtual import tpm_boards

        return tpm_boards.plug(folder, name, title)
    if machine not in MODELS:
        raise ValueError(f"no virtual machine {machine!r}; there are {', '.join(sorted([*MODELS, 'tpm']))}")
    home = folder / name
    uid = f"twin-{name}-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:8]}"
    chip_file = home / CHIP_FILE
    if not chip_file.exists():
        home.mkdir(parents=True, exist_ok=True)
        chip = {"machine": machine, "title": title, "chip_id": secrets.token_bytes(8).hex()}
        try:
            with (home / f".chip.{os.getpid()}").open("x") as file:
                json.dump(chip, file)
            os.link(file.name, chip_file)
        except FileExistsError:
            pass
        finally:
            (home / f".chip.{os.getpid()}").unlink(missing_ok=True)
    found = json.loads(chip_file.read_text("ascii"))["machine"]
    if found != machine:
        raise TwinFailed(
            f"{home} is a {found}, the bench file says {machine}",
            cause="the slot was given another kind of board",
            action="name another board in the slot (board = …) or remove the twin's folder",
        )
    return Twin(home, uid, str(home / TTY_LINK), TwinPower(home, uid))


def replace_chip(twin: Twin, chip_id: bytes) -> None:
    """Give a twin that is off another chip identity (8 bytes), as if the board had been changed."""
    raw = json.loads((twin.folder / CHIP_FILE).read_text("ascii"))
    replace_file(twin.folder / CHIP_FILE, json.dumps({**raw, "chip_id": chip_id.hex()}).encode("ascii"))


def powered() -> dict[str, dict[str, Any]]:
    """Status of every powered twin of this user, by probe ID."""
    found = {}
    for path in sorted(sockets_dir().glob("*.sock")):
        try:
            with Client(path, timeout_s=2.0) as client:
                found[path.stem] = client.ask("status")
        except SupervisorGone:
            continue
    return found
