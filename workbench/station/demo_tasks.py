"""Steps of a run that are done at several boards at once, and their results brought back into the run.

A task runs in a process of its own (`side_by_side`) and returns a dataclass that JSON can carry.  Its events
join the run with the slot's name in front of what they speak of: step "v1/program".  Prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from workbench.errors import Blame, WorkbenchError
from workbench.events import Emit, Event, Json, Notice, Observed, Progress, RunFinished
from workbench.station.journal import utc_now
from workbench.station.run import Run
from workbench.station.side_by_side import Data, Ending, Tell, side_by_side
from workbench.station.throttle import Stamped
from workbench.station.verdicts import judge

T = TypeVar("T")

Task = Callable[[Emit], Any]
"""What is done at one board; returns a dataclass."""

_RELAYED: Final[dict[str, type[Event]]] = {"progress": Progress, "observed": Observed, "notice": Notice}
_ENVELOPE: Final = frozenset({"schema", "seq", "time", "event"})


def do_at(run: Run, log_dir: Callable[[str], Path], tasks: Mapping[str, Task], kind: type[T]) -> dict[str, T]:
    """Does the tasks, one for each slot, and returns what they returned, as `kind`.

    When all have ended, the first error is raised and the others are told.
    """
    endings = endings_at(run, log_dir, tasks)
    errors = {name: ending.error for name, ending in endings.items() if ending.error is not None}
    for number, (name, error) in enumerate(errors.items()):
        if number:
            run.emit(Notice(level="warning", text=f"slot {name}: {error['what']}"))
    if errors:
        raise retold(next(iter(errors.values())))
    return {name: kind(**ending.result) for name, ending in endings.items()}


def endings_at(run: Run, log_dir: Callable[[str], Path], tasks: Mapping[str, Task]) -> dict[str, Ending]:
    """Does the tasks, one for each slot, and returns how each ended.  Ctrl-C ends them all."""

    def hear(name: str, data: Data) -> None:
        if (event := relayed(name, data)) is not None:
            run.emit(event)

    return side_by_side(tasks, lambda name, tell: work_at(tasks[name], tell), hear, log_dir=log_dir)


def relayed(slot: str, data: Data) -> Event | None:
    """An event as it is to appear in the run, None for those that only speak of the process."""
    if data["event"] not in _RELAYED:
        return None
    event = _RELAYED[data["event"]](**{key: value for key, value in data.items() if key not in _ENVELOPE})
    if isinstance(event, Progress):
        return replace(event, step=f"{slot}/{event.step}")
    if isinstance(event, Observed):
        return replace(event, what=f"{slot}/{event.what}")
    return event


def retold(error: dict[str, str]) -> WorkbenchError:
    """An error from WorkbenchError.as_dict(), with the code and the blame that it had."""
    members = {"code": error["code"], "blame": Blame(error["blame"])}
    kind: type[WorkbenchError] = type("Retold", (WorkbenchError,), members)
    return kind(error["what"], cause=error["cause"], action=error["action"])


def work_at(task: Task, tell: Tell) -> int:
    """The task in its own process; its value or its error is the last event."""
    began_s, seq = time.monotonic(), 0

    def emit(event: Event) -> None:
        nonlocal seq
        tell(Stamped(event, seq, utc_now()))
        seq += 1

    value: dict[str, Json] = {}
    judged = None
    try:
        value = asdict(task(emit))
    except BaseException as exc:
        judged = judge(exc)
    emit(
        RunFinished(
            run_id="",
            verdict=judged.verdict if judged else "PASS",
            elapsed_s=round(time.monotonic() - began_s, 6),
            result=value,
            error=judged.error.as_dict() if judged else None,
        )
    )
    return judged.error.exit_code if judged else 0
