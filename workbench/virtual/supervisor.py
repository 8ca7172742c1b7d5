"""The supervisor: one small process for each powered twin.

It owns QEMU, the debug port, the serial line and the memories.

It ends when the power is switched off, an armed cut comes, the twin's folder disappears, or it is killed; see
guard.py for the last.  Started by twins.py; prints one line of JSON on its standard output when it is ready
or cannot be.
"""

from __future__ import annotations

import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from workbench.virtual.board import Board
from workbench.virtual.dap import DebugPort, Fault
from workbench.virtual.gdb import MachineGone
from workbench.virtual.memory import PowerLost
from workbench.virtual.nvm import NvmDamaged
from workbench.virtual.protocol import MAX_LINE, socket_path

LOCK_FILE: Final = "power.lock"
TICK_S: Final = 0.5


class Connection:
    """One client; the first that opens the debug probe has it until it goes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""


class Supervisor:
    """Serves requests until the power goes."""

    def __init__(self, folder: Path, uid: str) -> None:
        self.folder = folder
        self.uid = uid
        self.board = Board(folder)
        self._selector = selectors.DefaultSelector()
        self._probe_owner: Connection | None = None
        self._off = False
        self._path = socket_path(uid)
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(8)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self.board.core.gdb, selectors.EVENT_READ, lambda: self.board.core.pump())

    def serve(self) -> None:
        """Until the power goes.  Every way out leaves memories saved and QEMU ended."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        next_tick = time.monotonic() + TICK_S
        try:
            while not self._off:
                try:
                    for key, _ in self._selector.select(max(0.0, next_tick - time.monotonic())):
                        key.data()
                    if time.monotonic() >= next_tick:
                        self._tick()
                        next_tick = time.monotonic() + TICK_S
                except MachineGone:
                    self._revive()
            self.board.power_off()
        except PowerLost:
            self.board.cut()
        finally:
            self._path.unlink(missing_ok=True)

    def _revive(self) -> None:
        """QEMU ended by itself: go on if it was a lockup of the core; everything else is a loss of power."""
        if not self.board.locked_up():
            raise MachineGone("QEMU ended; flash and UICR are as last saved")
        self._selector.unregister(self.board.core.gdb)
        self.board.revive()
        self._selector.register(self.board.core.gdb, selectors.EVENT_READ, lambda: self.board.core.pump())

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._off = True

    def _tick(self) -> None:
        if not self.folder.is_dir():
            self.board.end()
            raise SystemExit(0)
        if self.board.core.running:
            self.board.checkpoint()

    # -- clients

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.settimeout(10)
        connection = Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(connection))

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        if self._probe_owner is connection:
            self._probe_owner = None
            self.board.checkpoint()

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(1 << 18)
        except OSError:
            data = b""
        connection.buffer += data
        if not data or len(connection.buffer) > MAX_LINE:
            self._drop(connection)
            return
        while b"\n" in connection.buffer and connection.sock.fileno() >= 0:
            line, _, connection.buffer = connection.buffer.partition(b"\n")
            answer = self._answer(connection, line)
            try:
                connection.sock.sendall(json.dumps(answer).encode("ascii") + b"\n")
            except OSError:
                self._drop(connection)

    def _answer(self, connection: Connection, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            operation = getattr(self, f"_op_{request.pop('op').replace('-', '_')}")
            return {"ok": operation(connection, **request)}
        except MachineGone as error:
            self._revive()
            return {"error": f"the core locked up: {error}", "kind": "fault"}
        except (Fault, Busy) as error:
            return {"error": str(error), "kind": "busy" if isinstance(error, Busy) else "fault"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return {"error": f"bad request: {error!r}", "kind": "bad-request"}

    # -- power

    def _op_status(self, _connection: Connection) -> dict[str, Any]:
        return self.board.status()

    def _op_off(self, _connection: Connection) -> None:
        self._off = True

    def _op_arm_cut(self, _connection: Connection, after_operations: int, mode: str, seed: int) -> None:
        if after_operations < 1 or mode not in ("clean", "torn"):
            raise ValueError("after_operations is 1 or more, mode is clean or torn")
        self._while_stopped(
            lambda: self.board.memory.arm(after_operations, "torn" if mode == "torn" else "clean", seed)
        )

    def _op_count(self, _connection: Connection) -> None:
        self._while_stopped(self.board.memory.count)

    def _while_stopped(self, act: Callable[[], None]) -> None:
        running = self.board.core.running and self.board.core.stop()
        act()
        if running:
            self.board.core.resume()

    # -- debug probe

    def _op_open(self, connection: Connection) -> None:
        if self._probe_owner not in (None, connection):
            raise Busy("another program has the probe open")
        self._probe_owner = connection
        self.board.port.reset_link()

    def _op_close(self, connection: Connection) -> None:
        if self._probe_owner is connection:
            self._probe_owner = None
            self.board.checkpoint()

    def _op_reset(self, _connection: Connection) -> None:
        self.board.core.reset()

    def _op_assert_reset(self, _connection: Connection, asserted: bool) -> None:
        self.board.core.assert_reset(asserted)

    def _op_dap(self, connection: Connection, ops: list[list[Any]]) -> dict[str, Any]:
        if self._probe_owner is not connection:
            raise Busy("open the probe first")
        self.board.core.pump()
        values: list[Any] = []
        for index, (name, *arguments) in enumerate(ops):
            try:
                values.append(DAP_OPS[name](self.board.port, *arguments))
            except Fault as fault:
                return {"values": values, "fault": str(fault), "at": index}
        return {"values": values}


class Busy(Exception):
    """Somebody else has it."""


DAP_OPS: Final[dict[str, Callable[..., Any]]] = {
    "rdp": DebugPort.read_dp,
    "wdp": DebugPort.write_dp,
    "rap": DebugPort.read_ap,
    "wap": DebugPort.write_ap,
    "rapm": DebugPort.read_ap_multiple,
    "wapm": DebugPort.write_ap_multiple,
    "line-reset": DebugPort.reset_link,
}


def main() -> int:
    """Power a twin: `python -m workbench.virtual.supervisor FOLDER UID`."""
    folder, uid = Path(sys.argv[1]), sys.argv[2]
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(json.dumps({"already": True}), flush=True)
        return 0
    try:
        supervisor = Supervisor(folder, uid)
    except (OSError, MachineGone, NvmDamaged, ValueError, KeyError) as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        return 1
    print(json.dumps({"ready": os.getpid(), "remark": supervisor.board.remark}), flush=True)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    try:
        supervisor.serve()
    except MachineGone as error:
        print(
            f"{time.strftime('%FT%TZ', time.gmtime())} the machine ended: {error}",
            file=sys.stderr,
            flush=True,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
