"""Ways to a device that carry SMP messages: a serial line and UDP.  Blocking, each call with a time limit.

The serial line is a `Port` of this workbench, which is locked, notices that it was lost, and may be a URL.
`smpclient`'s own serial transports wait in steps of 5 ms, cannot have two requests under way, and end with
the first damaged line; its UDP transport is used as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, Protocol, TypeVar

from smpclient.transport.udp import SMPUDPTransport

from workbench.wires.errors import SerialLost, SerialMissing
from workbench.wires.serial_port import Port, PortSettings, open_port
from workbench.wires.smp_framing import Framing

OPEN_S: Final = 10.0
WRITE_S: Final = 30.0
UDP_MTU: Final = 1500
UDP_CONNECT_S: Final = 5.0

T = TypeVar("T")


class SmpLink(Protocol):
    """A way to one device."""

    name: str
    """The port or address, for people."""
    line_rate: float | None
    """Bytes per second that fit through, None where that is not known."""

    @property
    def overhead_bytes(self) -> int:
        """What the framing takes of the device's buffer for each message."""

    @property
    def max_message_bytes(self) -> int | None:
        """The largest message that the way itself takes, None without limit."""

    def send(self, message: bytes) -> int:
        """Sends a message; returns how many bytes that was on the line.  Raises SerialLost, SerialTimeout."""

    def receive(self, timeout_s: float) -> bytes | None:
        """The next message, None after `timeout_s` without one.  Raises SerialLost."""

    def reopen(self, timeout_s: float) -> None:
        """Connects again after a loss.  Raises SerialMissing and the like after `timeout_s`."""

    def close(self) -> None:
        """Gives the way back.  Never raises."""


class SerialLink:
    """A serial line, opened when made.  Raises as `open_port` does."""

    def __init__(self, port: str, settings: PortSettings, framing: Framing) -> None:
        self.name = port
        bits = 1 + settings.bytesize + settings.stopbits + (settings.parity != "N")
        self.line_rate: float | None = settings.baud / bits
        self._settings = settings
        self._framing = framing
        self._ready: deque[bytes] = deque()
        self._port: Port | None = open_port(port, settings, timeout_s=OPEN_S)

    @property
    def overhead_bytes(self) -> int:
        """See SmpLink."""
        return self._framing.overhead_bytes

    @property
    def max_message_bytes(self) -> int | None:
        """See SmpLink."""
        return None

    def send(self, message: bytes) -> int:
        """See SmpLink."""
        data = self._framing.encode(message)
        self._need_port().write(data, WRITE_S)
        return len(data)

    def send_raw(self, data: bytes) -> None:
        """Bytes as they are: what no framing would make.  Raises SerialLost, SerialTimeout."""
        self._need_port().write(data, WRITE_S)

    def receive(self, timeout_s: float) -> bytes | None:
        """See SmpLink."""
        deadline = time.monotonic() + timeout_s
        while not self._ready:
            left_s = deadline - time.monotonic()
            data = self._need_port().read_some(max(left_s, 0))
            self._ready.extend(self._framing.feed(data))
            if not self._ready and left_s <= 0:
                return None
        return self._ready.popleft()

    def reopen(self, timeout_s: float) -> None:
        """See SmpLink."""
        self.close()
        self._framing.reset()
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = deadline - time.monotonic()
            try:
                self._port = open_port(self.name, self._settings, timeout_s=min(OPEN_S, max(left_s, 0.1)))
                return
            except SerialMissing:
                if left_s <= 0:
                    raise
                time.sleep(min(0.1, max(left_s, 0)))

    def close(self) -> None:
        """See SmpLink."""
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _need_port(self) -> Port:
        if self._port is None:
            raise SerialLost(f"{self.name} is not connected")
        return self._port


class UdpLink:
    """UDP to `host` and `port`, IPv4 or IPv6."""

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self.line_rate: float | None = None
        self.overhead_bytes = 0
        self._host = host
        self._at = port
        self._runner = asyncio.Runner()
        self._transport: SMPUDPTransport | None = None
        try:
            self.reopen(UDP_CONNECT_S)
        except BaseException:
            self.close()
            raise

    @property
    def max_message_bytes(self) -> int | None:
        """See SmpLink."""
        return self._need().max_unencoded_size

    def send(self, message: bytes) -> int:
        """See SmpLink."""
        self._run(self._need().send(message))
        return len(message)

    def receive(self, timeout_s: float) -> bytes | None:
        """See SmpLink."""

        async def wait() -> bytes | None:
            try:
                return bytes(await asyncio.wait_for(self._need().receive(), max(timeout_s, 0.001)))
            except TimeoutError:
                return None

        return self._run(wait())

    def reopen(self, timeout_s: float) -> None:
        """See SmpLink."""
        self._drop()
        transport = SMPUDPTransport(mtu=UDP_MTU)
        try:
            self._run(transport.connect(self._host, timeout_s, self._at))
        except OSError as error:
            raise SerialMissing(
                f"{self.name} cannot be reached: {error.strerror or error}",
                cause="the host name is unknown or the network is down",
                action="check the address of --transport and the network",
            ) from error
        self._transport = transport

    def close(self) -> None:
        """See SmpLink."""
        self._drop()
        self._runner.close()

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            with contextlib.suppress(Exception):
                self._run(transport.disconnect())

    def _need(self) -> SMPUDPTransport:
        if self._transport is None:
            raise SerialLost(f"{self.name} is not connected")
        return self._transport

    def _run(self, act: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(act)
