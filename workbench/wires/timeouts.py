"""Words for a wait that ended without its pattern: what did arrive, when, and what that suggests.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from workbench.wires.clean import clean
from workbench.wires.errors import ConsoleTimeout, SerialLost
from workbench.wires.patterns import ExpectBuffer, Pattern, show

TAIL_BYTES: Final = 2048
TAIL_LINES: Final = 20
_TEXT: Final = bytes(range(0x20, 0x7F)) + b"\t\n\r\x1b"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """How a wait went.  Numbers of bytes and losses are those during the wait, but for `received_ever`."""

    port: str
    baud: int
    pattern: Pattern
    timeout_s: float
    received_bytes: int
    received_ever: int
    last_byte_at: datetime | None
    silent_s: float | None
    losses: int
    connected: bool
    dropped_bytes: int
    log_path: str | None


def timeout_error(wait: Wait, buffer: ExpectBuffer) -> ConsoleTimeout | SerialLost:
    """The error for a wait whose time is over: the unit's fault, or the station's where the port is away."""
    raw = buffer.tail(TAIL_BYTES)
    tail = _tail(raw)
    what = f"{show(wait.pattern)} did not come within {wait.timeout_s:g} s on {wait.port}: {_arrived(wait)}"
    if wait.losses:
        lost = "the port was lost" if wait.losses == 1 else f"the port was lost {wait.losses} times"
        what += f"; {lost}"
    what += f"\n{_quoted(tail)}" if tail else ""
    if not wait.connected:
        return SerialLost(f"{wait.port} is away, and {what}")
    return ConsoleTimeout(
        what,
        pattern=show(wait.pattern),
        tail=tail,
        received_bytes=wait.received_bytes,
        silent_s=wait.silent_s,
        cause=_cause(wait, raw),
        action=None if wait.log_path is None else f"read {wait.log_path}, or give a longer limit",
    )


def _arrived(wait: Wait) -> str:
    if wait.last_byte_at is None or wait.silent_s is None:
        return "nothing arrived since the console was opened"
    when = wait.last_byte_at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    last = f"the last byte came {wait.silent_s:.1f} s ago ({when} UTC)"
    if not wait.received_bytes:
        return f"nothing arrived meanwhile; {last}"
    dropped = f" ({wait.dropped_bytes} fell out of the full buffer)" if wait.dropped_bytes else ""
    return f"{wait.received_bytes} bytes arrived{dropped}, {last}"


def _tail(raw: bytes) -> str:
    return "\n".join(clean(raw).strip("\n").split("\n")[-TAIL_LINES:])


def _quoted(tail: str) -> str:
    return "\n".join(f"  | {line}" for line in tail.split("\n"))


def _cause(wait: Wait, raw: bytes) -> str | None:
    """What the bytes suggest; None where they are text, which speaks for itself."""
    if not wait.received_ever:
        return "no power, a halted chip, a firmware without console, or RX and TX swapped"
    if len(raw) >= 8 and len(raw.translate(None, _TEXT)) > len(raw) * 0.3:
        return f"much of it is not text: is {wait.baud} baud the rate of this firmware?"
    return None
