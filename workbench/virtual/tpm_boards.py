"""Virtual TPM boards from outside: make one, switch its power, cut it at a command.

A board is a folder with the TPM's state.  Switching it on starts its supervisor, switching it off ends it.
As with a real board, nothing shuts the TPM down in order when its power goes.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from workbench.virtual.cut import CutMode
from workbench.virtual.lock import is_held
from workbench.virtual.nvm import replace_file
from workbench.virtual.protocol import (
    CHIP_FILE,
    CUT_FILE,
    LOG_FILE,
    Client,
    SupervisorGone,
    SupervisorSilent,
)
from workbench.virtual.tpm_places import VENDOR_DIR, control_path, tpm_path
from workbench.virtual.twins import CutReport, TwinFailed, TwinNotPowered, read_cut_report

START_LIMIT_S: Final = 30.0
MACHINE: Final = "tpm"


@dataclass(frozen=True)
class TpmPower:
    """Power switch of one virtual TPM board; an operation is a TPM command.  Raises TwinFailed,
    TwinNotPowered.
    """

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
        """Switch on; the first time the TPM's vendor makes it.  Never has a remark."""
        with (self.folder / LOG_FILE).open("ab") as log:
            program = [sys.executable, "-m", "workbench.virtual.tpm_supervisor"]
            process = subprocess.Popen(
                [*program, str(self.folder.absolute()), self.uid],
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
            raise self._failed(f"could not be switched on: {answer.get('error', 'its supervisor ended')}")
        return None

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        assert process.stdout is not None
        with process.stdout:
            if not select.select([process.stdout], [], [], START_LIMIT_S)[0]:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise self._failed(f"did not start within {START_LIMIT_S:.0f} s")
            line = process.stdout.readline()
        process.wait()  # it has left the supervisor behind as a process of its own
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def off(self) -> None:
        """Switch off and wait until nothing of it runs."""
        try:
            self._ask("off")
        except SupervisorSilent as error:
            raise self._failed(f"could not be switched off: {error}") from error
        except SupervisorGone:
            pass
        deadline = time.monotonic() + START_LIMIT_S
        while is_held(self.folder):
            if time.monotonic() > deadline:
                raise self._failed(f"did not switch off within {START_LIMIT_S:.0f} s")
            time.sleep(0.002)

    def cycle(self, off_s: float = 0.0) -> None:
        """Off, a pause, on."""
        self.off()
        time.sleep(off_s)
        self.on()

    # -- cuts

    def arm_cut(self, after_operations: int, mode: CutMode = "clean", seed: int = 0) -> None:
        """Cut the power at that TPM command, counted from now: `clean` after it was carried out and before
        its answer, `torn` before it reaches the TPM.
        """
        (self.folder / CUT_FILE).unlink(missing_ok=True)
        moment = "after" if mode == "clean" else "before"
        self._powered("arm-cut", after_commands=after_operations, moment=moment, seed=seed)

    def count_operations(self) -> None:
        """Start counting TPM commands from 0."""
        self._powered("count")

    def operations(self) -> int:
        """TPM commands since counting started or a cut was armed."""
        return int(self._powered("status")["operations"])

    def operation_names(self) -> tuple[str, ...]:
        """The same commands by name."""
        return tuple(self._powered("log"))

    def cut_report(self) -> CutReport | None:
        """The last cut that came, or None when none came since one was armed; the kind is the command's
        name, the address its code.
        """
        return read_cut_report(self.folder)

    def processes(self) -> tuple[int, int]:
        """Process IDs of the supervisor and of swtpm, for those who want to kill them."""
        status = self._powered("status")
        return int(status["pid"]), int(status["swtpm"])

    def _powered(self, op: str, **arguments: Any) -> Any:
        try:
            return self._ask(op, **arguments)
        except SupervisorGone as error:
            raise TwinNotPowered(f"{self.folder.name} has no power") from error

    def _ask(self, op: str, **arguments: Any) -> Any:
        with Client(control_path(self.uid)) as client:
            return client.ask(op, **arguments)

    def _failed(self, what: str) -> TwinFailed:
        return TwinFailed(
            f"{self.folder.name} {what}",
            cause="swtpm is missing or ended, or the TPM's saved state is damaged",
            action="run `workbench doctor`; the board's folder has supervisor.log and swtpm.log",
        )


@dataclass(frozen=True)
class TpmBoard:
    """A virtual TPM board as a slot sees it."""

    folder: Path
    tcti: str
    power: TpmPower
    vendor_roots: Path
    """Root certificate of the vendor of this bench's TPMs; there once one of them was made."""
    probe_uid: None = None
    serial_url: None = None


def plug(folder: Path, name: str, title: str = "") -> TpmBoard:
    """The TPM board `name` in `folder`, made if it is not there yet.

    Raises TwinFailed when the folder holds another kind of board.
    """
    home = folder / name
    board_file = home / CHIP_FILE
    if not board_file.exists():
        home.mkdir(parents=True, exist_ok=True)
        board = {"machine": MACHINE, "title": title, "board_id": secrets.token_hex(8)}
        replace_file(board_file, json.dumps(board).encode("utf-8"))
    found = json.loads(board_file.read_text("utf-8"))["machine"]
    if found != MACHINE:
        raise TwinFailed(
            f"{home} is a {found}, the bench file says {MACHINE}",
            cause="the slot was given another kind of board",
            action="name another board in the slot (board = …) or remove the twin's folder",
        )
    uid = f"tpm-{hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]}"
    tcti = f"swtpm:path={tpm_path(uid)}"
    return TpmBoard(home, tcti, TpmPower(home, uid), folder / VENDOR_DIR / "roots.pem")
