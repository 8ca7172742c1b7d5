"""`workbench target`: kinds of boards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.complete import target_names
from workbench.cli.report import Report, reporting
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.boards.target import Target

app = new_app(help="List and check the kinds of boards.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="TARGET", help="Name of a target.", autocompletion=target_names)]


@app.command("list")
def list_(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """List the kinds of boards that the workbench knows.

    They come with the workbench, from the bench's folder targets/, and from the folders in WORKBENCH_TARGETS.

    \b
    Example:
      workbench target list
    """
    from workbench.boards.target import Target, list_targets

    with reporting("target list", opt.Output(json=json, plain=plain)) as report:
        rows = []
        for found in list_targets(bench_folder=bench_folder(bench)):
            if isinstance(found, Target):
                report.observe("target", _value(found))
                twin = "yes" if found.twin else "no"
                rows.append(
                    [found.name, found.title, found.part, twin, ", ".join(sorted(found.capabilities))]
                )
            else:
                report.observe("target-invalid", found.as_dict())
                rows.append(
                    [found.path.stem, f"WRONG FILE: {found.path}", "", "", "see `workbench target check`"]
                )
        if not json:
            stdout.table(["target", "board", "part", "twin", "can"], rows, plain=plain)


@app.command()
def show(name: Name, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Show what a target's file says: chip, memory, wires, lock, virtual twin.

    \b
    Example:
      workbench target show microbit-v1
    """
    from workbench.boards.target import describe_target, load_target

    with reporting("target show", opt.Output(json=json, plain=plain)) as report:
        target = load_target(name, bench_folder=bench_folder(bench))
        report.observe("target", _value(target))
        if not json:
            stdout.say(describe_target(target))


@app.command()
def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Target files, or names of targets.", autocompletion=target_names
        ),
    ],
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Check target files, and name every mistake with its key, its value and what would be right.

    docs/adding-a-board.md leads through writing one.

    \b
    Example:
      workbench target check targets/my-board.toml
    """
    from workbench.boards.target import load_target

    with reporting("target check", opt.Output(json=json, plain=plain)) as report:
        wrong: WorkbenchError | None = None
        for text in files:
            try:
                target = load_target(text, bench_folder=bench_folder(bench))
            except WorkbenchError as error:
                wrong = _wrong(report, error, wrong)
                continue
            report.observe("target", _value(target))
            if not json:
                stdout.say(f"ok    {target.path}: {target.title}")
        if wrong is not None:
            raise wrong


def _wrong(report: Report, error: WorkbenchError, before: WorkbenchError | None) -> WorkbenchError:
    """All wrong files are named; the first is the command's error."""
    report.observe("target-invalid", {**error.as_dict()})
    if before is not None and not report.output.json:
        stdout.say(f"wrong {error.what}")
    return before or error


def _value(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "title": target.title,
        "chip": target.chip_table.part if target.chip_table else None,
        "core": target.chip_table.core if target.chip_table else None,
        "tpm": target.tpm.part if target.tpm else None,
        "capabilities": sorted(target.capabilities),
        "twin": target.twin is not None,
        "memory": [{"name": m.name, "kind": m.kind, "start": m.start, "size": m.size} for m in target.memory],
        "file": str(target.path),
    }


def bench_folder(bench: Path | None) -> Path:
    """Folder of the bench, whose targets/ counts too; the current one where there is no bench."""
    from workbench.boards.bench import BenchMissing, find_bench

    if bench is not None:
        return bench if bench.is_dir() else bench.parent
    try:
        return find_bench().parent
    except BenchMissing:
        return Path.cwd()
