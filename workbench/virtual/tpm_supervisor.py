"""The supervisor of a powered virtual TPM: it owns swtpm and carries commands between it and one client.

Commands come over one UNIX socket (TCTI `swtpm:path=…`), power and counting over another (protocol.py).  It
counts commands and can cut the power before or after one.  It ends when the power is switched off or cut,
swtpm ends, or the board's folder disappears; killed itself, it takes swtpm with it, which is a power cut too.
Started by tpm_boards.py; prints one line of JSON on its standard output when it is ready or cannot be.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Final

from workbench.virtual import tpm_commands as tc
from workbench.virtual.connection import Connection
from workbench.virtual.lock import lock_file
from workbench.virtual.nvm import replace_file
from workbench.virtual.protocol import CUT_FILE, Client, SupervisorGone
from workbench.virtual.tpm_firmware import ENDORSEMENT_INDICES, Firmware
from workbench.virtual.tpm_places import STATE_DIR, VENDOR_DIR, control_path, tpm_path

TICK_S: Final = 0.5
ANSWER_S: Final = 120.0
MAX_CLIENTS: Final = 32
CERTIFICATE_INDEX: Final = 0x01C90200
"""IDevID certificate; write-locked, it tells the firmware that the board has left the factory."""
FIRMWARE: Final = b"tpm-board firmware 1"
"""What the board's firmware measures into PCR 0: itself."""


class PowerLost(Exception):
    """The power has gone: swtpm ended, or an armed cut came."""


class Chip:
    """A running swtpm."""

    def __init__(self, state: Path, log: Path, lock_fd: int) -> None:
        state.mkdir(mode=0o700, exist_ok=True)
        ours, theirs = socket.socketpair()
        program = shutil.which("swtpm")
        if program is None:
            raise OSError("swtpm is not installed")
        command = ["setpriv", "--pdeathsig", "KILL", program, "socket", "--tpm2"]
        command += ["--fd", str(theirs.fileno()), "--flags", "not-need-init"]
        command += ["--tpmstate", f"dir={state}", "--log", f"file={log}"]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), lock_fd],
            )
        self.sock = ours

    @property
    def pid(self) -> int:
        """Process ID of swtpm."""
        return self._process.pid

    def send(self, command: bytes) -> bytes:
        """Carries out a command.  Raises PowerLost."""
        answer = b""
        try:
            self.sock.sendall(command)
            while (size := tc.message_size(answer)) is None or len(answer) < size:
                if not select.select([self.sock], [], [], ANSWER_S)[0]:
                    raise PowerLost("swtpm hangs")
                part = self.sock.recv(tc.MESSAGE_MAX)
                if not part:
                    raise PowerLost("swtpm ended")
                answer += part
        except (OSError, ValueError) as error:
            raise PowerLost(f"swtpm: {error}") from error
        return answer

    def cut(self) -> None:
        """The power goes, whatever the TPM was doing."""
        self._process.kill()
        self._process.wait()
        self.sock.close()


class Wires:
    """The one client that has the TPM's wire, and what it has sent of a command so far."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._incoming = b""

    def command(self) -> bytes | None:
        """A whole command, None while there is none.  Raises ConnectionError when the client left or talks
        nonsense.
        """
        try:
            part = self.sock.recv(tc.MESSAGE_MAX)
        except BlockingIOError:
            return None
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not part:
            raise ConnectionError("closed")
        self._incoming += part
        try:
            size = tc.message_size(self._incoming)
        except ValueError as error:
            raise ConnectionError(str(error)) from error
        if size is None or len(self._incoming) < size:
            return None
        found, self._incoming = self._incoming[:size], b""
        return found

    def answer(self, data: bytes) -> None:
        """Sends an answer; it always fits into the socket.  Raises ConnectionError."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise ConnectionError(str(error)) from error

    def has_left(self) -> bool:
        """Whether the client closed its end."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True


class Counter:
    """Counts commands; knows when the power is to go."""

    def __init__(self) -> None:
        self.commands: list[int] = []
        """Codes since counting began."""
        self._cut_at = 0
        self._moment = ""
        self._seed = 0

    def restart(self, cut_at: int = 0, moment: str = "", seed: int = 0) -> None:
        """Count from 0; with `cut_at` the power goes at that command, `before` or `after` it is done."""
        self.commands, self._cut_at, self._moment, self._seed = [], cut_at, moment, seed

    def comes(self, code: int) -> bool:
        """A command comes; whether the power goes before it reaches the TPM."""
        self.commands.append(code)
        return self._is_now("before")

    def is_done(self) -> bool:
        """The command is carried out; whether the power goes before its answer leaves."""
        return self._is_now("after")

    def _is_now(self, moment: str) -> bool:
        return self._moment == moment and len(self.commands) == self._cut_at

    def report(self) -> dict[str, Any]:
        """What is written down about a cut."""
        code = self.commands[-1]
        mode = "torn" if self._moment == "before" else "clean"
        return {
            "operations": len(self.commands),
            "mode": mode,
            "seed": self._seed,
            "kind": tc.name_of(code),
            "address": code,
        }


class TpmSupervisor:
    """Serves the TPM's wire and its power switch until the power goes."""

    def __init__(self, folder: Path, uid: str, lock_fd: int) -> None:
        self._folder, self._uid = folder, uid
        self._inode = folder.stat().st_ino
        self._chip = Chip(folder / STATE_DIR, folder / "swtpm.log", lock_fd)
        self.made = False
        try:
            self._boot()
            self._selector = selectors.DefaultSelector()
            self._listen(tpm_path(uid), self._accept_client)
            self._listen(control_path(uid), self._accept_control)
        except BaseException:
            self._chip.cut()
            raise
        self._selector.register(self._chip.sock, selectors.EVENT_READ, self._chip_ended)
        self._counter = Counter()
        self._wires: Wires | None = None
        self._controls = 0
        self._off = False

    def _boot(self) -> None:
        """What the board's firmware does when power comes, and, the first time, its TPM's vendor."""
        firmware = Firmware(self._chip.send)
        firmware.tell(tc.startup())
        if not all(firmware.is_locked(index) for index in ENDORSEMENT_INDICES):
            from workbench.virtual.tpm_factory import manufacture

            manufacture(firmware, self._folder.parent / VENDOR_DIR)
            self.made = True
        firmware.tell(tc.pcr_extend(0, FIRMWARE))
        if firmware.is_locked(CERTIFICATE_INDEX):
            firmware.tell(tc.platform_off())

    def _listen(self, path: Path, accept: Any) -> None:
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        listener.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, lambda: accept(listener))

    def serve(self) -> None:
        """Until the power goes."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for who switched the board on
        next_tick = time.monotonic() + TICK_S
        try:
            while not self._off:
                for key, _ in self._selector.select(max(0.0, next_tick - time.monotonic())):
                    key.data()
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + TICK_S
                    self._off |= not self._in_place()
        finally:
            self._chip.cut()
            for path in (tpm_path(self._uid), control_path(self._uid)):
                path.unlink(missing_ok=True)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._off = True

    def _in_place(self) -> bool:
        """Whether the board's folder is still the one that was switched on."""
        try:
            return self._folder.stat().st_ino == self._inode
        except OSError:
            return False

    def _chip_ended(self) -> None:
        raise PowerLost("swtpm ended")

    # -- the TPM's wire

    def _accept_client(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:  # gone again
            return
        if self._wires is not None and self._wires.has_left():
            self._drop()
        if self._wires is not None:
            sock.close()
            return
        self._wires = Wires(sock)
        self._selector.register(sock, selectors.EVENT_READ, self._attend)

    def _drop(self) -> None:
        if self._wires is not None:
            self._selector.unregister(self._wires.sock)
            self._wires.sock.close()
            self._wires = None

    def _attend(self) -> None:
        if self._wires is None:  # dropped earlier in the same round
            return
        try:
            command = self._wires.command()
            if command is not None:
                self._wires.answer(self._carry(command))
        except ConnectionError:
            self._drop()

    def _carry(self, command: bytes) -> bytes:
        if self._counter.comes(tc.code_of(command)):
            raise self._lost()
        answer = self._chip.send(command)
        if self._counter.is_done():
            raise self._lost()
        return answer

    def _lost(self) -> PowerLost:
        self._chip.cut()
        report = self._counter.report()
        replace_file(self._folder / CUT_FILE, json.dumps(report).encode("ascii"))
        return PowerLost(f"power cut at command {report['operations']}, {report['kind']}")

    # -- power and counting

    def _accept_control(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        if self._controls >= MAX_CLIENTS:
            sock.close()
            return
        self._controls += 1
        connection = Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._control(connection))

    def _control(self, connection: Connection) -> None:
        for line in connection.requests():
            connection.answer(self._answer(line))
        if connection.has_left():
            self._selector.unregister(connection.sock)
            connection.sock.close()
            self._controls -= 1
        elif connection.wanted() != (key := self._selector.get_key(connection.sock)).events:
            self._selector.modify(connection.sock, connection.wanted(), key.data)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            return {"ok": getattr(self, f"_op_{request.pop('op').replace('-', '_')}")(**request)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"error": f"bad request: {error!r}"[:200], "kind": "bad-request"}

    def _op_status(self) -> dict[str, Any]:
        return {"operations": len(self._counter.commands), "swtpm": self._chip.pid, "pid": os.getpid()}

    def _op_log(self) -> list[str]:
        return [tc.name_of(code) for code in self._counter.commands]

    def _op_off(self) -> None:
        self._off = True

    def _op_count(self) -> None:
        self._counter.restart()

    def _op_arm_cut(self, after_commands: int, moment: str, seed: int) -> None:
        if type(after_commands) is not int or after_commands < 1 or moment not in ("before", "after"):
            raise ValueError("after_commands is 1 or more, moment is before or after")
        if type(seed) is not int:
            raise ValueError("seed is a number")
        self._counter.restart(after_commands, moment, seed)


def start(folder: Path, uid: str) -> tuple[dict[str, Any], TpmSupervisor | None]:
    """Power the board: what to say about it, and its supervisor if there is one now."""
    try:
        lock = lock_file(folder, lambda: _answers(uid))
        if lock is None:
            return {"already": True}, None
        supervisor = TpmSupervisor(folder, uid, lock)
    except (OSError, PowerLost, tc.CommandFailed, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}, None
    return {"ready": os.getpid(), "made": supervisor.made}, supervisor


def _answers(uid: str) -> bool:
    with contextlib.suppress(SupervisorGone), Client(control_path(uid), timeout_s=2.0) as client:
        client.ask("status")
        return True
    return False


def main() -> int:
    """Power a virtual TPM: `python -m workbench.virtual.tpm_supervisor FOLDER UID`."""
    if os.fork():
        return 0  # nobody's child: whoever switches it on may live for long and would have to wait for it
    answer, supervisor = start(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps(answer), flush=True)
    if supervisor is None:
        return 1 if "error" in answer else 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        supervisor.serve()
    except PowerLost as lost:
        print(f"{time.strftime('%FT%TZ', time.gmtime())} {lost}", file=sys.stderr, flush=True)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
