"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `name` is stable, `found` says what is there, `action` what to do ("" where it
    is ok).

    fail: the workbench cannot do its work; warn: some of it, or not yet.
    """

    name: str
    status: Status
    found: str
    action: str = ""


def worst(findings: Iterable[Finding]) -> Status:
    """The worst status among them, ok for none."""
    order: tuple[Status, ...] = ("ok", "warn", "fail")
    return max((f.status for f in findings), key=order.index, default="ok")
