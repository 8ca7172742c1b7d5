"""The run: carries a verb from its first event to its verdict, and sees that all of it is kept.

    with Run.begin("flash", slot="a1", journal_dir=..., records=url, listeners=[face]) as run:
        with run.step("program", "Programming"):
            ...
        run.result["bytes"] = 204800

Prints nothing, and loads the database's libraries only at a run's end.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from uuid import uuid4

import workbench
from workbench.errors import WorkbenchError
from workbench.events import Event, Notice, RunFinished, RunStarted, StepFinished, StepStarted, Verdict
from workbench.station.channel import Channel, Listener
from workbench.station.journal import Journal, utc_now
from workbench.station.plain import plain
from workbench.station.signals import held_signals
from workbench.station.throttle import Stamped
from workbench.station.verdicts import Judgement, Unexpected, judge

if TYPE_CHECKING:
    from workbench.station.filing import Filing

T = TypeVar("T")


class Run:
    """One run, from `begin` to the end of its `with` block.

    At the block's end the verdict stands in `verdict`, and `error` says why where it is not PASS.  Ctrl-C and
    WorkbenchErrors leave the block as they came, any other exception as `Unexpected` with the journal's path.
    """

    def __init__(self, run_id: str, journal: Journal, channel: Channel, records: str | None) -> None:
        self.run_id = run_id
        self.result: dict[str, Any] = {}
        """What the verb produces; goes into RunFinished."""
        self.verdict: Verdict | None = None
        self.error: WorkbenchError | None = None
        self._journal = journal
        self._channel = channel
        self._records = records
        self._began_s = time.monotonic()
        self._elapsed_s: float | None = None
        self._noted: WorkbenchError | None = None

    @classmethod
    def begin(
        cls,
        verb: str,
        slot: str | None = None,
        target: str | None = None,
        *,
        journal_dir: Path,
        records: str | None,
        listeners: Iterable[Listener] = (),
    ) -> Self:
        """A run whose beginning is on disk; `records` is the database's URL, None for a journal alone.

        Raises JournalUnwritable: a run that cannot be kept does not begin.
        """
        run_id = str(uuid4())
        first = Stamped(RunStarted(run_id=run_id, verb=verb, slot=slot, target=target), 0, utc_now())
        header: dict[str, object] = {
            "version": workbench.__version__,
            "host": os.uname().nodename,
            "pid": os.getpid(),
        }
        journal = Journal.create(journal_dir, run_id, header, first.as_json())
        return cls(run_id, journal, Channel(journal, first, listeners), records)

    @property
    def journal_path(self) -> Path:
        """Where the journal is; changes when the run is in the records."""
        return self._journal.path

    @property
    def exit_code(self) -> int:
        """Exit code for a process that did only this run: 0, or by blame of `error`."""
        return self.error.exit_code if self.error else 0

    def emit(self, event: Event) -> None:
        """Keeps an event and tells it to the listeners; from any thread, listener or signal handler.

        Raises nothing of its own: what went wrong is said at the next `step`, `commit` or `check`.  After the
        run's end it does nothing.
        """
        self._channel.emit(event)

    @contextmanager
    def step(self, step: str, title: str) -> Iterator[None]:
        """A step: `step` its stable name, `title` words for a person.  Raises JournalUnwritable, Stopped."""
        self.check()
        self.emit(StepStarted(step=step, title=title))
        began_s = time.monotonic()
        try:
            yield
            self._channel.check_journal()
        except BaseException as exc:
            judged = judge(exc)
            error = judged.error.as_dict()
            self.emit(StepFinished(step=step, outcome=judged.verdict, elapsed_s=_since(began_s), error=error))
            raise
        self.emit(StepFinished(step=step, outcome="PASS", elapsed_s=_since(began_s)))

    def check(self) -> None:
        """Raises JournalUnwritable where the journal is lost, Stopped where a listener asked for the end."""
        self._channel.check()

    def commit(self) -> None:
        """Returns when everything emitted so far is on the disk: call it before an irreversible act.

        Raises JournalUnwritable, Stopped.
        """
        self._channel.commit()

    def fail(self, error: WorkbenchError) -> None:
        """Gives the run this error without raising it; the first one counts, before any that is raised."""
        self._noted = self._noted or error

    def keep_traceback(self, exc: BaseException) -> None:
        """Writes where the exception came from into the journal, and nowhere else."""
        self._channel.keep_traceback("".join(traceback.format_exception(exc)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end(exc)
        except BaseException:
            self._end_events(exc)  # Ctrl-C came before they were ended
            raise
        finally:
            self._journal.close()
        if isinstance(exc, Exception) and not isinstance(exc, WorkbenchError):
            raise self._judgement(exc).error from exc
        if exc is None:
            self._channel.check_journal()

    def _end(self, exc: BaseException | None) -> None:
        """Records first what dead processes left, then ends the journal, and only then records this run."""
        self._elapsed_s = _since(self._began_s)
        if exc is not None and (text := self._judgement(exc).traceback):
            self._channel.keep_traceback(text)
        filing = self._open_filing()
        self._end_events(exc)
        if filing is not None:
            self._try_records(lambda: filing.record(self._journal))
            filing.close()

    def _end_events(self, exc: BaseException | None) -> None:
        with held_signals():
            self._channel.end(lambda lost: self._finished(self._noted or exc or lost))

    def _judgement(self, exc: BaseException) -> Judgement:
        """The meaning of `exc`; where that is a defect, with the journal to report."""
        judged = judge(exc)
        if isinstance(judged.error, Unexpected) and judged.error is not exc:
            path = self.journal_path
            judged.error.action = (
                f"report it with the run's journal {path} (once filed, in recorded/ beside it)"
            )
        return judged

    def _finished(self, exc: BaseException | None) -> RunFinished:
        last = self._judgement(exc) if exc is not None else None
        verdict: Verdict = last.verdict if last else "PASS"
        self.verdict, self.error = verdict, last.error if last else None
        return RunFinished(
            run_id=self.run_id,
            verdict=verdict,
            elapsed_s=_since(self._began_s) if self._elapsed_s is None else self._elapsed_s,
            result={str(key): plain(value) for key, value in self.result.items()},
            error=last.error.as_dict() if last else None,
        )

    def _open_filing(self) -> Filing | None:
        """The open records, with what dead processes left in them; None where they cannot be had."""
        url = self._records
        if url is None:
            return None
        from workbench.station.filing import Filing

        filing = self._try_records(lambda: Filing.open(url))
        if filing is not None:
            notices = self._try_records(lambda: filing.import_orphans(self.journal_path.parent))
            for notice in notices or ():
                self.emit(notice)
        return filing

    def _try_records(self, act: Callable[[], T]) -> T | None:
        """Whatever the database does, the run has its verdict; Ctrl-C ends the waiting for the database."""
        try:
            return act()
        except (Exception, KeyboardInterrupt) as exc:
            judged = judge(exc)
            if judged.traceback:
                self._channel.keep_traceback(judged.traceback)
            text = f"not in the records yet, but kept in {self.journal_path}: {judged.error.what}"
            self._channel.say(Notice(level="warning", text=text))
            return None


def _since(began_s: float) -> float:
    return round(time.monotonic() - began_s, 6)
