"""The supervisor: one small process for each powered twin.

It owns QEMU, the debug port, the serial line and the memories, and serves clients one request after the
other.  It ends when the power is switched off, an armed cut comes, the twin's folder disappears, or it is
killed; see guard.py for the last.  Started by twins.py; prints one line of JSON on its standard output when
it is ready or cannot be.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from workbench.virtual.board import Board
from workbench.virtual.connection import Connection
from workbench.virtual.cut import PowerLost
from workbench.virtual.dap import DebugPort, Fault
from workbench.virtual.gdb import MachineGone
from workbench.virtual.lock import lock_file
from workbench.virtual.nvm import NvmDamaged
from workbench.virtual.protocol import Client, SupervisorGone, check_operations, socket_path

TICK_S: Final = 0.5
MAX_CLIENTS: Final = 32


class Busy(Exception):
    """Somebody else has the probe."""


class Supervisor:
    """Serves requests until the power goes."""

    def __init__(self, folder: Path, uid: str, lock_fd: int) -> None:
        self.board = Board(folder, lock_fd)
        self._selector = selectors.DefaultSelector()
        self._probe_owner: Connection | None = None
        self._clients = 0
        self._off = False
        self._path = socket_path(uid)
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._watch_core()

    def _watch_core(self) -> None:
        self._selector.register(self.board.core.gdb, selectors.EVENT_READ, lambda: self.board.core.pump())

    def serve(self) -> None:
        """Until the power goes.  Every way out leaves memories saved and QEMU ended."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for who switched the twin on
        next_tick = time.monotonic() + TICK_S
        try:
            while not self._off:
                try:
                    self._round(max(0.0, next_tick - time.monotonic()))
                    if time.monotonic() >= next_tick:
                        next_tick = time.monotonic() + TICK_S
                        self._tick()
                except MachineGone:
                    self._revive()
            self.board.power_off()
        except PowerLost:
            self.board.cut()
        finally:
            self._path.unlink(missing_ok=True)

    def _round(self, wait_s: float) -> None:
        for key, _ in self._selector.select(wait_s):
            key.data()

    def _revive(self) -> None:
        """QEMU ended by itself: go on if it was a lockup of the core; everything else is a loss of power."""
        if not self.board.locked_up():
            raise MachineGone("QEMU ended; flash and UICR are as last saved")
        self._selector.unregister(self.board.core.gdb)
        self.board.revive()
        self._watch_core()

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._off = True

    def _tick(self) -> None:
        if not self.board.in_place():
            self.board.end()
            raise SystemExit(0)
        if self.board.core.running:
            self.board.core.pump()
            self.board.checkpoint()

    # -- clients

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptors left
            return
        if self._clients >= MAX_CLIENTS:
            sock.close()
            return
        self._clients += 1
        connection = Connection(sock)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._attend(connection))

    def _attend(self, connection: Connection) -> None:
        """A client said something, took some of its answers, or left."""
        if connection.has_left():  # dropped earlier in the same round
            return
        for line in connection.requests():
            connection.answer(self._answer(connection, line))
        if connection.has_left():
            self._drop(connection)
        elif connection.wanted() != (key := self._selector.get_key(connection.sock)).events:
            self._selector.modify(connection.sock, connection.wanted(), key.data)

    def _drop(self, connection: Connection) -> None:
        self._selector.unregister(connection.sock)
        connection.sock.close()
        self._clients -= 1
        self._op_close(connection)

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
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return {"error": f"bad request: {error!r}"[:200], "kind": "bad-request"}
        except PowerLost:
            raise
        except Exception as error:
            # one client's request, even one that finds a defect here, must not take everybody's board away
            traceback.print_exc()
            return {"error": f"defect: {error!r}"[:200], "kind": "defect"}

    # -- power

    def _op_status(self, _connection: Connection) -> dict[str, Any]:
        return self.board.status()

    def _op_off(self, _connection: Connection) -> None:
        self._off = True

    def _op_arm_cut(self, _connection: Connection, after_operations: int, mode: str, seed: int) -> None:
        if type(after_operations) is not int or after_operations < 1 or mode not in ("clean", "torn"):
            raise ValueError("after_operations is 1 or more, mode is clean or torn")
        if type(seed) is not int:
            raise ValueError("seed is a number")
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

    def _need_probe(self, connection: Connection) -> None:
        if self._probe_owner is not connection:
            raise Busy("open the probe first")

    def _op_reset(self, connection: Connection) -> None:
        self._need_probe(connection)
        self.board.core.reset()

    def _op_assert_reset(self, connection: Connection, asserted: bool) -> None:
        self._need_probe(connection)
        self.board.core.assert_reset(bool(asserted))

    def _op_dap(self, connection: Connection, ops: list[list[Any]]) -> dict[str, Any]:
        self._need_probe(connection)
        check_operations(ops)
        self.board.core.pump()
        values: list[Any] = []
        for index, (name, *arguments) in enumerate(ops):
            try:
                values.append(DAP_OPS[name](self.board.port, *arguments))
            except Fault as fault:
                return {"values": values, "fault": str(fault), "at": index}
        return {"values": values}


DAP_OPS: Final[dict[str, Callable[..., Any]]] = {
    "rdp": DebugPort.read_dp,
    "wdp": DebugPort.write_dp,
    "rap": DebugPort.read_ap,
    "wap": DebugPort.write_ap,
    "rapm": DebugPort.read_ap_multiple,
    "wapm": DebugPort.write_ap_multiple,
    "rm": DebugPort.read_memory,
    "wm": DebugPort.write_memory,
    "rb": lambda port, address, length: b64encode(port.read_bytes(address, length)).decode("ascii"),
    "wb": lambda port, address, data: port.write_bytes(address, b64decode(data)),
    "line-reset": DebugPort.reset_link,
}


def lock_twin(folder: Path, uid: str) -> int | None:
    """The twin's lock, as a descriptor; None when another supervisor has it and answers."""

    def answers() -> bool:
        with contextlib.suppress(SupervisorGone), Client(socket_path(uid), timeout_s=2.0) as client:
            client.ask("status")
            return True
        return False

    return lock_file(folder, answers)


def start(folder: Path, uid: str) -> tuple[dict[str, Any], Supervisor | None]:
    """Power the twin: what to say about it, and its supervisor if there is one now."""
    try:
        lock = lock_twin(folder, uid)
        if lock is None:
            return {"already": True}, None
        supervisor = Supervisor(folder, uid, lock)
    except (OSError, MachineGone, NvmDamaged, ValueError, KeyError) as error:
        return {"error": f"{type(error).__name__}: {error}"}, None
    return {"ready": os.getpid(), "remark": supervisor.board.remark}, supervisor


def main() -> int:
    """Power a twin: `python -m workbench.virtual.supervisor FOLDER UID`."""
    if os.fork():
        return 0  # nobody's child: whoever switches a twin on may live for long and would have to wait for it
    answer, supervisor = start(Path(sys.argv[1]), sys.argv[2])
    print(json.dumps(answer), flush=True)
    if supervisor is None:
        return 1 if "error" in answer else 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        supervisor.serve()
    except (MachineGone, OSError) as error:
        when = time.strftime("%FT%TZ", time.gmtime())
        print(f"{when} the machine ended: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
