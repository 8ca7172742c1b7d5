"""What the line and a slot's process say to each other: one JSON object a line, over a socket.

To the process: orders (`unit`, `cancel`, `answer`).  From it: `ready`, the events of its runs, and `idle`
when it can take the next unit.  A line that is none is dropped: the other side may have died in the middle
of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_LINE: Final = 1 << 20
"""Longest line, in bytes; what is longer is dropped."""

Data = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOrder:
    """Run the plan on a unit.  `operator`: who works; `attended`: somebody is there to answer questions;
    `rma`: ID of the RMA by which the unit takes over the label or chip of another one.
    """

    serial: str
    operator: str | None = None
    attended: bool = True
    rma: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End after the current step; `reason` says who asked for it."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to the question `prompt`: a scanned text, or yes or no."""

    prompt: str
    value: str | bool


Order = UnitOrder | Cancel | Answer

_ORDERS: Final[dict[str, type[UnitOrder | Cancel | Answer]]] = {
    "unit": UnitOrder,
    "cancel": Cancel,
    "answer": Answer,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a process says: `kind` ready, event (with `event`, its public form), idle, or refused: no run
    could begin (with `error`).
    """

    kind: str
    event: Data | None = None
    error: Data | None = None


def encode_order(order: Order) -> bytes:
    """An order as a line."""
    name = next(name for name, kind in _ORDERS.items() if isinstance(order, kind))
    return _line({"do": name, **asdict(order)})


def decode_order(line: bytes) -> Order | None:
    """The order in a line; None where there is none."""
    data = _data(line)
    kind = _ORDERS.get(str(data.pop("do", "")))
    if kind is None:
        return None
    try:
        return kind(**data)
    except TypeError:
        return None


def encode_report(report: Report) -> bytes:
    """A report as a line."""
    return _line({key: value for key, value in asdict(report).items() if value is not None})


def decode_report(line: bytes) -> Report | None:
    """The report in a line; None where there is none."""
    data = _data(line)
    kind, event, error = data.get("kind"), data.get("event"), data.get("error")
    if not isinstance(kind, str) or not isinstance(event, dict | None) or not isinstance(error, dict | None):
        return None
    return Report(kind=kind, event=event, error=error)


class Lines:
    """Cuts what comes from a socket into lines; too long ones are dropped whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        if lines and self._dropping:
            self._dropping = False
            del lines[0]
        if len(rest) > MAX_LINE:
            self._dropping, rest = True, b""
        self._buffer = bytearray(rest)
        return [line for line in lines if len(line) <= MAX_LINE]


def _line(data: Data) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("ascii") + b"\n"


def _data(line: bytes) -> Data:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
