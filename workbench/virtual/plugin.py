"""pyOCD probe plugin: every powered twin is a debug probe.  Only this file of the room knows pyOCD.

Found by pyOCD through the entry point group `pyocd.probe`.  Writes are collected and sent with the next read
or flush.
"""

from __future__ import annotations

import struct
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, cast

from pyocd.board.board import Board
from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.core.memory_interface import MemoryInterface
from pyocd.core.plugin import Plugin
from pyocd.coresight.ap import APAddressBase, APVersion
from pyocd.probe.debug_probe import DebugProbe

from workbench import __version__
from workbench.virtual.protocol import Client, Refused, SupervisorGone, socket_path
from workbench.virtual.twins import powered

MAX_QUEUE: Final = 64
MAX_BLOCK: Final = 1 << 16
"""Bytes in one request."""


class Pending:
    """An operation that was asked for; its value or its error comes when it has been sent."""

    def __init__(self, operation: list[Any]) -> None:
        self.operation = operation
        self.done = False
        self.value: Any = None
        self.error: exceptions.Error | None = None


class TwinProbe(DebugProbe):
    """SWD probe of one twin."""

    def __init__(self, uid: str, status: dict[str, Any]) -> None:
        super().__init__()
        self._uid = uid
        self._status = status
        self._client: Client | None = None
        self._queue: list[Pending] = []
        self._wire: DebugProbe.Protocol | None = None
        self._mutex = threading.RLock()
        self._reset_asserted = False

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> Sequence[DebugProbe]:
        """All powered twins."""
        return [cls(uid, status) for uid, status in powered().items()]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        """The powered twin with exactly this ID."""
        if not unique_id.startswith("twin-") or "/" in unique_id or not socket_path(unique_id).exists():
            return None
        try:
            with Client(socket_path(unique_id)) as client:
                return cls(unique_id, client.ask("status"))
        except SupervisorGone:
            return None

    # -- what it is

    @property
    def vendor_name(self) -> str:
        return str(self._status["vendor"])

    @property
    def product_name(self) -> str:
        return str(self._status["product"])

    @property
    def supported_wire_protocols(self) -> Collection[DebugProbe.Protocol]:
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def unique_id(self) -> str:
        return self._uid

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        return self._wire

    @property
    def is_open(self) -> bool:
        return self._client is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        return set()

    @property
    def associated_board_info(self) -> BoardInfo | None:
        return BoardInfo(
            name=self.product_name,
            target=self._status["target"],
            binary=self._status["test_binary"],
            vendor=self.vendor_name,
        )

    def create_associated_board(self) -> Board | None:
        return Board(self.session, board_info=self.associated_board_info) if self.session else None

    # -- link

    def open(self) -> None:
        if self._client is None:
            client = self._guard(lambda: Client(socket_path(self._uid)))
            try:
                self._guard(lambda: client.ask("open"))
            except exceptions.Error:
                client.close()
                raise
            self._client = client

    def close(self) -> None:
        if self._client is not None:
            try:
                self.flush()
                self._client.ask("close")
            except (SupervisorGone, Refused, exceptions.Error):
                pass
            finally:
                self._client.close()
                self._client = None

    def lock(self) -> None:
        self._mutex.acquire()

    def unlock(self) -> None:
        self._mutex.release()

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        self._wire = DebugProbe.Protocol.SWD
        self._call(["line-reset"])

    def disconnect(self) -> None:
        self._wire = None

    def swj_sequence(self, length: int, bits: int) -> None:
        """Line sequences select SWD, which is all there is."""

    def set_clock(self, frequency: float) -> None:
        """Any clock will do."""

    def reset(self) -> None:
        self.flush()
        self._ask("reset")

    def assert_reset(self, asserted: bool) -> None:
        self.flush()
        self._ask("assert-reset", asserted=asserted)
        self._reset_asserted = asserted

    def is_reset_asserted(self) -> bool:
        return self._reset_asserted

    # -- transfers

    def get_memory_interface_for_ap(self, ap_address: APAddressBase) -> MemoryInterface | None:
        """Memory in one step each, for the one AP there is."""
        one = ap_address.ap_version == APVersion.APv1 and ap_address.nominal_address == 0
        return TwinMemory(self) if one else None

    def flush(self) -> None:
        with self._mutex:
            if self._queue:
                self._send()

    def read_dp(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        return cast("int | Callable[[], int]", self.read(["rdp", addr], now))

    def write_dp(self, addr: int, data: int) -> None:
        self.write(["wdp", addr, data])

    def read_ap(self, addr: int, now: bool = True) -> int | Callable[[], int]:
        return cast("int | Callable[[], int]", self.read(["rap", addr], now))

    def write_ap(self, addr: int, data: int) -> None:
        self.write(["wap", addr, data])

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        return self.read(["rapm", addr, count], now)

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        self.write(["wapm", addr, list(values)])

    def write(self, operation: list[Any]) -> None:
        """Queue an operation that has no value."""
        with self._mutex:
            self._queue.append(Pending(operation))
            if len(self._queue) >= MAX_QUEUE:
                self._send()

    def read(self, operation: list[Any], now: bool) -> Any:
        """Queue an operation; its value, or where not `now` a function that gives it."""
        pending = Pending(operation)
        with self._mutex:
            self._queue.append(pending)
        if now:
            return self._fetch(pending)
        return lambda: self._fetch(pending)

    def _call(self, operation: list[Any]) -> Any:
        return self.read(operation, now=True)

    def _fetch(self, pending: Pending) -> Any:
        with self._mutex:
            if not pending.done:
                self._send(asked=pending)
        if pending.error is not None:
            raise pending.error
        return pending.value

    def _send(self, asked: Pending | None = None) -> None:
        """Send what is queued.  A fault in a write that nobody waits for is raised here."""
        queue, self._queue = self._queue, []
        try:
            answer = self._ask("dap", ops=[pending.operation for pending in queue])
        except exceptions.Error as error:
            for pending in queue:
                pending.done, pending.error = True, error
            raise
        values = answer["values"]
        for i, pending in enumerate(queue):
            pending.done = True
            if i < len(values):
                pending.value = values[i]
            else:
                pending.error = exceptions.TransferFaultError()
        unseen = queue[len(values) :]
        if unseen and asked not in unseen:
            raise exceptions.TransferFaultError()

    def _ask(self, op: str, **arguments: Any) -> Any:
        client = self._client
        if client is None:
            raise exceptions.ProbeDisconnected(f"probe {self._uid} is not open")
        with self._mutex:
            return self._guard(lambda: client.ask(op, **arguments))

    def _guard(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except SupervisorGone as error:
            raise exceptions.ProbeDisconnected(f"{self._uid}: {error}") from error
        except Refused as error:
            if error.kind == "busy":
                raise exceptions.ProbeError(f"{self._uid} is busy: {error}") from error
            if error.kind == "fault":
                raise exceptions.TransferFaultError() from error
            raise exceptions.ProbeError(f"{self._uid}: {error}") from error


class TwinMemory(MemoryInterface):
    """The memory behind the AP, read and written without going through the AP's registers."""

    def __init__(self, probe: TwinProbe) -> None:
        self._probe = probe

    def write_memory(self, addr: int, data: int, transfer_size: int = 32, **_: Any) -> None:
        self._probe.write(["wm", addr, transfer_size // 8, data])

    def read_memory(self, addr: int, transfer_size: int = 32, now: bool = True, **_: Any) -> Any:
        return self._probe.read(["rm", addr, transfer_size // 8], now)

    def write_memory_block32(self, addr: int, data: Sequence[int], **_: Any) -> None:
        self._write_block(addr, struct.pack(f"<{len(data)}I", *data))

    def read_memory_block32(self, addr: int, size: int, **_: Any) -> Sequence[int]:
        return list(struct.unpack(f"<{size}I", self._read_block(addr, 4 * size)))

    def write_memory_block8(self, addr: int, data: Sequence[int], **_: Any) -> None:
        self._write_block(addr, bytes(data))

    def read_memory_block8(self, addr: int, size: int, **_: Any) -> Sequence[int]:
        return list(self._read_block(addr, size))

    def _write_block(self, address: int, data: bytes) -> None:
        for offset in range(0, len(data), MAX_BLOCK):
            block = b64encode(data[offset : offset + MAX_BLOCK]).decode("ascii")
            self._probe.write(["wb", address + offset, block])

    def _read_block(self, address: int, length: int) -> bytes:
        parts = [
            self._probe.read(["rb", address + offset, min(MAX_BLOCK, length - offset)], now=True)
            for offset in range(0, length, MAX_BLOCK)
        ]
        return b"".join(b64decode(part) for part in parts)


class TwinProbePlugin(Plugin):
    """Tells pyOCD about twins."""

    def load(self) -> type[DebugProbe]:
        return TwinProbe

    @property
    def name(self) -> str:
        return "twin"

    @property
    def description(self) -> str:
        return "virtual boards of the hardware-in-the-loop workbench"

    @property
    def version(self) -> str:
        return __version__
