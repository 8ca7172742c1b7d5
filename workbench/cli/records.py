"""`workbench records`: what earlier runs did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workbench.cli import options as opt
from workbench.cli import records_filters as typed
from workbench.cli import records_verify, stdout, words
from workbench.cli.commands import new_app
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.station.records import Records, RunSummary

SLACK_S: Final = 2.0
"""What a run may seem longer by the clock on the wall than it was."""

app = new_app(help="List, show and verify what earlier runs did.", no_args_is_help=True)
records_verify.register(app)


@app.command("list")
def list_(
    bench: opt.Bench = None,
    serial: typed.Serial = None,
    lot: typed.Lot = None,
    operator: typed.Operator = None,
    slot: typed.Slot = None,
    verb: typed.Verb = None,
    verdict: typed.Verdict = None,
    code: typed.Code = None,
    since: typed.Since = None,
    until: typed.Until = None,
    text: typed.Text = None,
    limit: typed.Limit = 20,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """List the runs, the newest first. All filters that are given must fit.

    \b
    Examples:
      workbench records list
      workbench records list --slot v1 --verdict FAIL
      workbench records list --serial A-0042
      workbench records list --lot L7 --code flash-failed --since 2026-01-31
    """
    from workbench.station.records_search import RunFilter

    with reporting("records list", opt.Output(json=json, plain=plain)) as report:
        wanted = RunFilter(
            serial=serial,
            lot=lot,
            operator=operator,
            slot=slot,
            verb=verb,
            verdict=verdict,
            code=code,
            since=typed.moment(since),
            until=typed.moment(until),
            texts=(text,) if text else (),
        )
        with open_records(bench) as (records, _folder):
            runs = records.search(wanted, limit=limit)
        for run in runs:
            report.observe("run", _value(run))
        report.result["runs"] = len(runs)
        if not json:
            stdout.table(
                ["run", "began", "verb", "slot", "unit", "verdict", "time", "error"],
                [_row(r) for r in runs],
                plain=plain,
            )


@app.command()
def show(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="ID of a run; its first characters are enough.")
    ],
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Show one run with everything it saw.

    With --json, its events as they were when it ran.

    \b
    Example:
      workbench records show 1a2b3c4d
    """
    if json:
        with open_records(bench) as (records, _folder):
            for event in records.run(run_id).events:
                stdout.say_json(event)
        return
    with reporting("records show", opt.Output(plain=plain)):
        with open_records(bench) as (records, _folder):
            detail = records.run(run_id)
        for line in _lines(detail.summary):
            stdout.say(line)
        began, elapsed_s = detail.summary.started_at, detail.summary.elapsed_s
        for event in detail.events:
            stdout.say(f"  {_after(began, elapsed_s, event['time'])}  {_event_words(event)}")


@contextmanager
def open_records(bench: Path | None) -> Iterator[tuple[Records, Path]]:
    """The records of the bench, and the bench's folder."""
    from workbench.cli.job import bench_of
    from workbench.station.places import database_url
    from workbench.station.records import Records

    found = bench_of(bench)
    found.state_dir.mkdir(parents=True, exist_ok=True)
    with Records.open(database_url(found.folder)) as records:
        yield records, found.folder


def _value(run: RunSummary) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "verb": run.verb,
        "slot": run.slot,
        "target": run.target,
        "verdict": run.verdict,
        "started_at": run.started_at.isoformat(),
        "elapsed_s": run.elapsed_s,
        "result": run.result,
        "error": run.error,
        "complete": run.complete,
    }


def _row(run: RunSummary) -> list[str]:
    began = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    error = run.error["code"] if run.error else ""
    unit = str(run.result.get("serial") or "")
    time = words.seconds(run.elapsed_s)
    return [run.run_id[:8], began, run.verb, run.slot or "", unit, run.verdict, time, error]


def _lines(run: RunSummary) -> list[str]:
    lines = [
        f"run      {run.run_id}",
        f"verb     {run.verb}",
        f"slot     {run.slot or 'none'}, target {run.target or 'none'}",
        f"began    {run.started_at.astimezone().isoformat(sep=' ', timespec='seconds')} on {run.host}, "
        f"workbench {run.version}",
        f"verdict  {run.verdict} after {words.seconds(run.elapsed_s)}",
        f"journal  {run.journal}",
    ]
    if run.error:
        lines += [f"error    {run.error['code']}: {run.error['what']}", f"         {run.error['action']}"]
    return [*lines, "events"]


def _after(began: datetime, elapsed_s: float, time: str) -> str:
    """When something came after the run's beginning; the time of day where the clock was set meanwhile."""
    moment = datetime.fromisoformat(time)
    after_s = (moment - began).total_seconds()
    if not 0 <= after_s <= elapsed_s + SLACK_S:
        return moment.astimezone().strftime("%H:%M:%S, clock set")
    return f"{after_s:8.3f} s"


def _event_words(event: dict[str, Any]) -> str:
    match event["event"]:
        case "step-started":
            return f"begins   {event['title']}"
        case "step-finished":
            why = f" ({event['error']['code']})" if event["error"] else ""
            return f"ends     {event['step']}: {event['outcome']}{why}"
        case "progress":
            name = words.STEPS.get(event["step"], event["step"])
            return f"         {name}: {words.amount(event['done'], event['unit'])} of {event['total']}"
        case "observed":
            return f"observed {event['what']}: {event['value']}"
        case "unit-began":
            return f"unit     {event['serial']}, attempt {event['attempt']}, recipe {event['recipe']}"
        case "measured":
            out = "" if event["passed"] else ", out of its limits"
            return f"measured {event['name']}: {event['value']} {event['unit']}{out}"
        case "asked":
            return f"asked    {event['text']}"
        case "answered":
            return f"answered {event['prompt']}"
        case "notice":
            return f"{event['level']:<8} {event['text']}"
        case "run-finished":
            return f"ends     {event['verdict']}"
        case other:
            return str(other)
