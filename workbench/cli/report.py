"""Commands that touch no board: events for `--json`, words otherwise, and no run in the records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import typer

from workbench.cli import signals, stderr, stdout
from workbench.cli.options import Output
from workbench.errors import Stopped, WorkbenchError
from workbench.events import Event, Json, Observed, RunFinished, RunStarted
from workbench.station.channel import Listener
from workbench.station.journal import utc_now
from workbench.station.throttle import Stamped
from workbench.station.verdicts import VERDICT_OF


class Report:
    """Says events in order where `--json` was asked for; `result` goes into the last one."""

    def __init__(self, verb: str, output: Output, tell: Listener | None = None) -> None:
        self.output = output
        self._tell = tell or _print
        self.result: dict[str, Any] = {}
        self._run_id = str(uuid4())
        self._seq = 0
        self._began_s = time.monotonic()
        self._emit(RunStarted(run_id=self._run_id, verb=verb))

    def observe(self, what: str, value: Json) -> None:
        """Something that was found."""
        self._emit(Observed(what=what, value=value))

    def end(self, error: WorkbenchError | None) -> None:
        """The last word."""
        elapsed_s = round(time.monotonic() - self._began_s, 6)
        verdict = VERDICT_OF[error.blame] if error else "PASS"
        told = error.as_dict() if error else None
        self._emit(
            RunFinished(
                run_id=self._run_id, verdict=verdict, elapsed_s=elapsed_s, result=self.result, error=told
            )
        )
        if error is not None and not self.output.json:
            stderr.say_error(error)

    def _emit(self, event: Event) -> None:
        if self.output.json:
            self._tell(Stamped(event, self._seq, utc_now()))
            self._seq += 1


@contextmanager
def reporting(verb: str, output: Output) -> Iterator[Report]:
    """A command that touches no board, from its first event to its last; ends the program where it fails."""
    report = Report(verb, output)
    try:
        yield report
    except WorkbenchError as error:
        report.end(error)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        stopped = Stopped(f"{verb} was stopped by {signals.reason()}")
        report.end(stopped)
        raise typer.Exit(stopped.exit_code) from None
    except Exception as error:
        from workbench.cli.crash import keep_crash

        if isinstance(error, (typer.Exit, BrokenPipeError)):
            raise
        crashed = keep_crash(error)
        report.end(crashed)
        raise typer.Exit(crashed.exit_code) from error
    report.end(None)


def tell_alone(verb: str, error: WorkbenchError, tell: Listener | None = None) -> None:
    """As events: an error that came before there was anything to report."""
    Report(verb, Output(json=True), tell).end(error)


def _print(stamped: Stamped) -> None:
    stdout.say_json(stamped.as_json())
