"""`workbench trial`: attack a board's bootloader and application, and see whether they hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.complete import profile_names

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.station.trials import Plan

app = new_app()

SHOWN_CHARS: Final = 90
"""Of what was expected and observed, in the table of a person; the files have all of it."""


@app.command()
def trial(
    slot_argument: opt.OneSlot = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Only these: names, patterns such as 'flip-*', or the groups image, update, line, power.",
            show_default=False,
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the trials of the profile; touch no board.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Cut the power at every flash word, not at a sample of them.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Decides everything that is left to chance.")] = 1,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            "-p",
            metavar="PROFILE",
            help="Security profile of the board.",
            autocompletion=profile_names,
        ),
    ] = "tier-2-ecdsa",
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            "-k",
            metavar="FOLDER",
            help="Key folder that the board was provisioned with. Default: test keys, kept with the slot.",
            show_default=False,
        ),
    ] = None,
    firmware: Annotated[
        Path | None,
        typer.Option(
            "--firmware",
            metavar="FOLDER",
            help="Folder with boot.hex and app.bin, or the samples' build. Default: firmware-samples/build.",
            show_default=False,
        ),
    ] = None,
    setup: Annotated[
        bool,
        typer.Option(
            "--setup",
            help="Erase the board and provision it first. Done by itself where no --keys are given and the "
            "board is not set up for trials yet.",
        ),
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write the matrix as JUnit XML.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the matrix as JSON.", show_default=False),
    ] = None,
    bench: opt.Bench = None,
    slot: opt.OneSlotOption = None,
    permit_identity: opt.PermitIdentity = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Attack a board's bootloader and application, and see whether they hold.

    Forged images, updates that go wrong, garbage on the line, and power cuts. Each trial must end as
    expected, with the board running an allowed image; a good release must be accepted before and after.
    Exit code 1 if a trial is BROKEN. Trials for which the slot lacks a wire are NOT RUN, with the reason.

    \b
    Examples:
      workbench trial v1
      workbench trial v1 --only 'flip-*' --only expired
      workbench trial v1 --only power --full --report cuts.json
      workbench trial --list --profile tier-1
    """
    from workbench.cli.job import Verb, perform
    from workbench.errors import InputError

    choice = opt.choose(
        bench,
        [name for name in (slot_argument, slot) if name is not None],
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        json=json,
        plain=plain,
    )
    if len(set(choice.slots)) > 1:
        raise InputError("two slots were named", cause="trials are made on one board at a time")
    if list_:
        _list(profile, firmware, keys, plain=plain)
        return

    def work(job: Job) -> None:
        from workbench.images import keys as key_folders
        from workbench.images.profile import load_profile
        from workbench.station.demo import FIRMWARE
        from workbench.station.trials import FIRST, FIRST_COUNTER, Plan, listed, trial_keys
        from workbench.updates.provision import find_firmware
        from workbench.updates.trials.matrix import chosen

        with job.run.step("load", f"loading profile {profile}, keys and firmware"):
            found = load_profile(profile, bench_folder=job.bench.folder)
            plan = Plan(
                profile=found,
                keys=trial_keys(job.slot, found) if keys is None else key_folders.load(keys),
                firmware=find_firmware(firmware or FIRMWARE, job.slot.target, found, FIRST, FIRST_COUNTER),
                only=tuple(only or ()),
                seed=seed,
                full=full,
                setup="always" if setup else "never" if keys is not None else "if-needed",
                permit_identity=permit_identity,
            )
            chosen(listed(job.slot.target.name, found, plan.keys), plan.only)
        _try(job, plan, report, junit)

    perform(Verb("trial", work, result_words), choice)


def _try(job: Job, plan: Plan, report: Path | None, junit: Path | None) -> None:
    from workbench.cli.read import write_file
    from workbench.station.trials import needs_setup, run_trials, set_up
    from workbench.updates.trials.matrix import summary
    from workbench.updates.trials.model import TrialsBroken
    from workbench.updates.trials.report import as_json, as_junit

    run = job.run
    kick, wait_s = job.choice.kick, job.choice.wait_s
    with run.step("look", "looking whether the board is set up for these trials"):
        wanted = needs_setup(job.slot, plan, run.emit, check=job.check_stop, kick=kick, wait_s=wait_s)
    if wanted:
        job.state = "the board was being set up; provision it again"
        set_up(
            job.slot,
            plan,
            run.emit,
            run.step,
            run.commit,
            accept_chip=job.choice.accept_chip,
            kick=kick,
            wait_s=wait_s,
        )
    job.state = "trials were under way: the board may hold any image"
    with job.hold() as held:
        run.commit()
        rows = run_trials(held, plan, step=run.step, emit=run.emit, check=job.check_stop)
    about = {
        "slot": job.slot.name,
        "target": job.slot.target.name,
        "profile": plan.profile.name,
        "seed": plan.seed,
        "full": plan.full,
    }
    run.result |= about | summary(rows) | {"trials": [row.as_json() for row in rows]}
    if report is not None:
        write_file(report, as_json(rows, about).encode())
    if junit is not None:
        write_file(junit, as_junit(rows, about).encode())
    broken = run.result["broken"]
    if broken:
        run.fail(TrialsBroken(f"{words.count(len(broken), 'trial')} BROKEN: {', '.join(broken[:8])}"))
        if not job.choice.output.json:
            _show(run.result)


def _show(result: dict[str, Any]) -> None:
    """The matrix of a run that failed: the face shows its error only."""
    from workbench.cli import stdout

    for line in result_words(result):
        stdout.say(line)


def result_words(result: dict[str, Any]) -> list[str]:
    """The matrix, and how many of each verdict."""
    rows = [("trial", "expected", "observed", "verdict")]
    rows += [(r["name"], r["expected"], r["observed"], r["verdict"]) for r in result["trials"]]
    shown = [
        tuple(cell if len(cell) <= SHOWN_CHARS else cell[: SHOWN_CHARS - 1] + "…" for cell in row)
        for row in rows
    ]
    widths = [max(len(row[column]) for row in shown) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        for row in shown
    ]
    count = Counter(result["verdicts"])
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(count.items()))
    cuts = f"; {result['cut_points']} power cuts" if result["cut_points"] else ""
    return [*lines, f"{told}{cuts}; profile {result['profile']}, seed {result['seed']}"]


def _list(name: str, firmware: Path | None, keys: Path | None, *, plain: bool) -> None:
    import tempfile

    from workbench.cli import stdout
    from workbench.images import keys as key_folders
    from workbench.images.profile import load_profile
    from workbench.images.profile_keys import kinds_for
    from workbench.station.trials import listed

    profile = load_profile(name)
    with tempfile.TemporaryDirectory() as folder:
        found = (
            key_folders.create(Path(folder) / "keys", kinds_for(profile))
            if keys is None
            else key_folders.load(keys)
        )
        entries = listed("microbit-v1", profile, found)
    rows = [(e.name, e.group, e.title, e.why_not(profile) or e.expected) for e in entries]
    stdout.table(("trial", "group", "what", "expected"), rows, plain=plain)
    stdout.say(f"{words.count(len(rows), 'trial')} of profile {profile.name}")
