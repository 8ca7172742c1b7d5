"""What a journal says of its run as a whole.  Pure: decides over what was read, does nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast, get_args
from uuid import UUID

from workbench.errors import Blame, WorkbenchError
from workbench.events import Verdict
from workbench.station.journal_reader import JournalContent, JournalDamaged


class StationDied(WorkbenchError):
    """A run's process ended without a word: killed, out of memory, or the machine lost power."""

    code = "station-died"
    blame = Blame.STATION
    default_cause = "the process was killed, or the computer went down"
    default_action = "take the unit's state as unknown: run the command again, it looks at the unit first"


@dataclass(frozen=True, slots=True)
class Account:
    """A run as the records keep it; `error` is WorkbenchError.as_dict() or None, times are in UTC.

    `complete` says whether the journal holds the run's end; the verdict of one that does not is ERROR.
    """

    run_id: str
    verb: str
    slot: str | None
    target: str | None
    verdict: Verdict
    started_at: datetime
    finished_at: datetime
    elapsed_s: float
    result: dict[str, Any]
    error: dict[str, str] | None
    host: str
    version: str
    complete: bool
    journal_sha256: str
    events: tuple[dict[str, Any], ...]


def account(content: JournalContent, damage: JournalDamaged | None = None) -> Account:
    """The account of a run whose process is gone, or which has ended.

    A run without an end is an ERROR of the station, and so is one whose journal is damaged, whatever its
    lines say.  Raises JournalDamaged where the lines are no run's.
    """
    try:
        return _account(content, damage)
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise JournalDamaged(f"the journal does not describe a run ({exc!r})", None) from exc


def _account(content: JournalContent, damage: JournalDamaged | None) -> Account:
    first, last = content.events[0], content.events[-1]
    finished = next((e for e in content.events if e["event"] == "run-finished"), None)
    started_at, ended_at = _time(first), _time(finished or last)
    gone = damage or (None if finished else StationDied(_how_far(content.events)))
    elapsed_s = float(finished["elapsed_s"]) if finished else _seconds(started_at, ended_at)
    return Account(
        run_id=str(UUID(content.header["run_id"])),
        verb=str(first["verb"]),
        slot=first.get("slot"),
        target=first.get("target"),
        verdict=_verdict(finished) if finished and not gone else "ERROR",
        started_at=started_at,
        finished_at=max(ended_at, started_at),
        elapsed_s=elapsed_s,
        result=dict(finished["result"]) if finished else {},
        error=gone.as_dict() if gone else finished["error"] if finished else None,
        host=str(content.header.get("host", "")),
        version=str(content.header.get("version", "")),
        complete=finished is not None and damage is None,
        journal_sha256=content.last_sha256,
        events=content.events,
    )


def _verdict(finished: dict[str, Any]) -> Verdict:
    if finished["verdict"] not in get_args(Verdict):
        raise ValueError(finished["verdict"])
    return cast(Verdict, finished["verdict"])


def _time(event: dict[str, Any]) -> datetime:
    time = datetime.fromisoformat(event["time"])
    if time.utcoffset() != timedelta(0):
        raise ValueError(event["time"])
    return time


def _seconds(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds(), 0.0)


def _how_far(events: tuple[dict[str, Any], ...]) -> str:
    """Where a run without an end was when its last event was written."""
    open_steps: list[str] = []
    progress: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["event"] == "step-started":
            open_steps.append(event["step"])
        elif event["event"] == "step-finished" and event["step"] in open_steps:
            open_steps.remove(event["step"])
        elif event["event"] == "progress":
            progress[event["step"]] = event
    if not open_steps:
        return "the station died between two steps"
    step = open_steps[-1]
    if (at := progress.get(step)) is None:
        return f"the station died in step {step}"
    total = f" of {at['total']}" if at["total"] else ""
    return f"the station died in step {step}, after {at['done']}{total} {at['unit']}"
