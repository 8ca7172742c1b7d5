"""`workbench doctor`: look at this machine and its bench, and say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.commands import new_app
from workbench.cli.report import reporting
from workbench.errors import EXIT_CODES, Blame

if TYPE_CHECKING:
    from workbench.boards.finding import Finding

app = new_app()

MARKS: Final = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


@app.command()
def doctor(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Check this machine and the bench, and say what to do.

    Looks at programs and their versions, permissions, debug probes, serial ports and every slot of the bench.
    Changes nothing. Ends with exit code 3 if something must be put right.

    \b
    Examples:
      workbench doctor
      workbench doctor --bench ~/bench/bench.toml
    """
    from workbench.boards.bench import BENCH_FILE
    from workbench.boards.doctor import examine, worst
    from workbench.probes.find import list_probes

    path: Path | None = bench / BENCH_FILE if bench is not None and bench.is_dir() else bench
    with reporting("doctor", opt.Output(json=json, plain=plain)) as report:
        findings: list[Finding] = []
        for finding in examine(path, list_probes=list_probes):
            findings.append(finding)
            value = {
                "name": finding.name,
                "status": finding.status,
                "found": finding.found,
                "action": finding.action,
            }
            report.observe("finding", {**value})
            if not json:
                _say(finding)
        status = worst(findings)
        counts = {kind: sum(finding.status == kind for finding in findings) for kind in MARKS}
        report.result |= {"status": status, **counts}
        if not json:
            stdout.say(
                f"{words.count(len(findings), 'thing')} looked at: {counts['ok']} ok, "
                f"{counts['warn']} to know about, {counts['fail']} to put right"
            )
    if status == "fail":
        raise typer.Exit(EXIT_CODES[Blame.STATION])


def _say(finding: Finding) -> None:
    stdout.say_wrapped(f"{MARKS[finding.status]}  {finding.name}: {finding.found}")
    if finding.action:
        stdout.say_wrapped(f"      → {finding.action}")
