"""SMP as blocking calls: a request and its answer, or several requests under way.

    with open_smp("smp+udp://192.0.2.7:1337") as smp:
        smp.call(Request("an echo", Op.WRITE, 0, 0, {"d": "hello"}))

Knows no group and no command.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from workbench.wires.serial_port import PortSettings
from workbench.wires.smp_errors import SmpGarbled, SmpInvalid, SmpSilent
from workbench.wires.smp_framing import ConsoleFraming, RawFraming
from workbench.wires.smp_link import SerialLink, SmpLink, UdpLink
from workbench.wires.smp_message import Answer, Request, decode

ANSWER_S: Final = 2.5
SLICE_S: Final = 0.1
"""How often somebody who wants to stop is listened to."""
UDP_PORT: Final = 1337
_RAW, _SERIAL, _UDP = "smp+raw:", "smp+serial:", "smp+udp://"


class Smp:
    """One device.  `check` is called several times a second while waiting, and may raise."""

    def __init__(self, link: SmpLink, *, check: Callable[[], object] = lambda: None) -> None:
        self.link = link
        self.check = check
        self.garbled = 0
        """How many answers were no answers."""
        self._sequence = secrets.randbelow(256)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the way to the device back."""
        self.link.close()

    def call(self, request: Request, *, timeout_s: float = ANSWER_S, tries: int = 1) -> dict[str, Any]:
        """The answer's map; `tries` above 1 only for what may be asked twice.

        Raises SmpRefused, SmpSilent, and what the link raises.
        """
        for _ in range(tries):
            sequence, _ = self.post(request)
            answer = self._answer(request, sequence, timeout_s)
            if answer is not None:
                if (refused := answer.refusal(request.what)) is not None:
                    raise refused
                return answer.body
        raise SmpSilent(f"no answer from {self.link.name} to {request.what} within {timeout_s * tries:g} s")

    def post(self, request: Request) -> tuple[int, int]:
        """Sends a request and does not wait; its sequence number, and its bytes on the line."""
        self._sequence = (self._sequence + 1) % 256
        return self._sequence, self.link.send(request.encode(self._sequence))

    def pause(self, seconds: float) -> None:
        """Lets time pass; answers that nobody waits for any more are read and dropped."""
        deadline = time.monotonic() + seconds
        while (left_s := deadline - time.monotonic()) > 0:
            self.next_answer(left_s)

    def next_answer(self, timeout_s: float) -> Answer | None:
        """Whatever answer comes next, None after `timeout_s` without one."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.check()
            left_s = max(deadline - time.monotonic(), 0)
            message = self.link.receive(min(left_s, SLICE_S))
            if message is not None:
                try:
                    return decode(message)
                except SmpGarbled:
                    self.garbled += 1
            elif left_s <= 0:
                return None

    def _answer(self, request: Request, sequence: int, timeout_s: float) -> Answer | None:
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            answer = self.next_answer(left_s)
            if answer is not None and answer.fits(request, sequence):
                return answer
        return None


def open_smp(
    transport: str,
    settings: PortSettings | None = None,
    *,
    check: Callable[[], object] = lambda: None,
    text: Callable[[bytes], None] = lambda _: None,
) -> Smp:
    """The device behind `transport`: a serial port (path or pyserial URL), also with `smp+serial:` before it;
    `smp+raw:` and a port for messages without framing; or `smp+udp://HOST[:PORT]`.

    `text` hears what the board prints between messages.  Raises SmpInvalid, and as `open_port` does.
    """
    return Smp(_link(transport, settings or PortSettings(), text), check=check)


def transport_for(transport: str | None, serial: Callable[[], str]) -> str:
    """The full form of what a user wrote; `serial` gives the slot's own port where none is named."""
    if transport in (None, "", "serial"):
        return serial()
    assert transport is not None
    if transport in ("raw", _RAW):
        return _RAW + serial()
    if transport in ("smp+serial", _SERIAL):
        return serial()
    if transport.startswith((_UDP, _RAW, _SERIAL, "/")) or "://" in transport:
        return transport
    raise SmpInvalid(f"'{transport}' is no way to a device")


def _link(transport: str, settings: PortSettings, text: Callable[[bytes], None]) -> SmpLink:
    if transport.startswith(_UDP):
        return UdpLink(*_udp(transport))
    if transport.startswith(_RAW):
        return SerialLink(transport.removeprefix(_RAW), settings, RawFraming())
    port = transport.removeprefix(_SERIAL)
    if port.startswith("smp+"):
        raise SmpInvalid(f"'{transport}' is no way to a device")
    return SerialLink(port, settings, ConsoleFraming(text))


def _udp(transport: str) -> tuple[str, int]:
    try:
        parts = urlsplit(transport)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SmpInvalid(f"'{transport}': {error}") from error
    if not host:
        raise SmpInvalid(f"'{transport}' names no host")
    return host, UDP_PORT if port is None else port
