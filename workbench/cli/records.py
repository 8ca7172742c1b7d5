"""`workbench records`: what earlier runs did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.commands import new_app
from workbench.cli.complete import slot_names
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.station.records import Records, RunSummary

app = new_app(help="List and show what earlier runs did.", no_args_is_help=True)


@app.command("list")
def list_(
    bench: opt.Bench = None,
    slot: Annotated[
        str | None,
        typer.Option(
            "--slot",
            "-s",
            metavar="SLOT",
            help="Only this slot.",
            autocompletion=slot_names,
            show_default=False,
        ),
    ] = None,
    verdict: Annotated[
        Literal["PASS", "FAIL", "ERROR", "STOPPED"] | None,
        typer.Option(help="Only this verdict.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help="Only since then: 2026-01-31, 2026-01-31T12:00.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 20,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """List the runs, the newest first.

    \b
    Examples:
      workbench records list
      workbench records list --slot v1 --verdict FAIL
    """
    with reporting("records list", opt.Output(json=json, plain=plain)) as report:
        begin = _moment(since)
        with _records(opt.Choice(bench=bench)) as records:
            runs = records.runs(slot=slot, verdict=verdict, since=begin, limit=limit)
        for run in runs:
            report.observe("run", _value(run))
        report.result["runs"] = len(runs)
        if not json:
            stdout.table(
                ["run", "began", "verb", "slot", "verdict", "time", "error"],
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
        with _records(opt.Choice(bench=bench)) as records:
            for event in records.run(run_id).events:
                stdout.say_json(event)
        return
    with reporting("records show", opt.Output(plain=plain)):
        with _records(opt.Choice(bench=bench)) as records:
            detail = records.run(run_id)
        for line in _lines(detail.summary):
            stdout.say(line)
        began = detail.summary.started_at
        for event in detail.events:
            stdout.say(f"  {_after(began, event['time'])}  {_event_words(event)}")


def _records(choice: opt.Choice) -> Records:
    from workbench.cli.job import bench_of
    from workbench.station.places import database_url
    from workbench.station.records import Records

    bench = bench_of(choice.bench)
    bench.state_dir.mkdir(parents=True, exist_ok=True)
    return Records.open(database_url(bench.folder))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise InputError(
            f"'{text}' is no time", action="write it as 2026-01-31 or 2026-01-31T12:00"
        ) from None


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
    return [run.run_id[:8], began, run.verb, run.slot or "", run.verdict, words.seconds(run.elapsed_s), error]


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


def _after(began: datetime, time: str) -> str:
    return f"{(datetime.fromisoformat(time) - began).total_seconds():8.3f} s"


def _event_words(event: dict[str, Any]) -> str:
    match event["event"]:
        case "step-started":
            return f"begins   {event['title']}"
        case "step-finished":
            return f"ends     {event['step']}: {event['outcome']}"
        case "progress":
            name = words.STEPS.get(event["step"], event["step"])
            return f"         {name}: {words.amount(event['done'], event['unit'])} of {event['total']}"
        case "observed":
            return f"observed {event['what']}: {event['value']}"
        case "notice":
            return f"{event['level']:<8} {event['text']}"
        case "run-finished":
            return f"ends     {event['verdict']}"
        case other:
            return str(other)
