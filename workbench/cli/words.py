"""Numbers and results in words.  Pure."""

from __future__ import annotations

import textwrap
from typing import Any, Final

STEPS: Final = {
    "compare": "comparing",
    "erase": "erasing",
    "program": "programming",
    "verify": "reading back",
    "read": "reading",
}
"""What is shown while a step's progress comes in; other steps show their name."""


def size(count: int) -> str:
    """Bytes for a person: 512 bytes, 1.5 KiB."""
    return f"{count} byte{'' if count == 1 else 's'}" if count < 1024 else f"{count / 1024:.1f} KiB"


def seconds(duration: float) -> str:
    """A duration for a person: 0.42 s, 12.3 s, 2 min 5 s."""
    if duration >= 100:
        return f"{int(duration // 60)} min {int(duration % 60)} s"
    return f"{duration:.2f} s" if duration < 10 else f"{duration:.1f} s"


def amount(done: int, unit: str) -> str:
    """`done` in its unit."""
    return size(done) if unit == "bytes" else f"{done} {unit}"


def percent(done: int, total: int) -> str:
    """How far, as far as it is known."""
    return f"{100 * done // total} %" if total > 0 else "…"


def count(number: int, thing: str) -> str:
    """2 slots, 1 slot."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def short_hash(value: str | None) -> str:
    """The first characters of a checksum."""
    return f"{value[:12]}…" if value else "none"


def of_verdict(verdict: str, verb: str, slot: str | None, elapsed_s: float, run_id: str) -> str:
    """The last line about a run."""
    where = f" {slot}" if slot else ""
    return f"{verdict}  {verb}{where}  {seconds(elapsed_s)}  run {run_id[:8]}"


def address(value: int) -> str:
    """An address in memory."""
    return f"{value:#010x}"


def wrapped(text: str, columns: int) -> str:
    """Lines broken between words, the rest of each indented by a little more; long words stay whole."""
    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        broken = textwrap.wrap(
            line,
            max(columns, 20),
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        lines += broken or [""]
    return "\n".join(lines)


def nothing(_result: dict[str, Any]) -> list[str]:
    """For verbs whose result needs no words."""
    return []
