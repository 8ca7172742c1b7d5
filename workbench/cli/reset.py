"""`workbench reset`: reset a board's chip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli.commands import new_app

if TYPE_CHECKING:
    from workbench.cli.job import Job

app = new_app()


@app.command()
def reset(
    slots: opt.SlotArguments = None,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    halt: Annotated[
        bool, typer.Option("--halt", help="Stop the core before its first instruction, and leave it so.")
    ] = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Reset a board through its debug probe, and let it run.

    To switch its power off and on instead, use `workbench slot power SLOT cycle`.

    \b
    Examples:
      workbench reset v1
      workbench reset --all
    """
    from workbench.cli.job import Verb, perform

    choice = opt.choose(
        bench,
        [*(slots or ()), *(slot or ())],
        all_slots=all_slots,
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        timeout=timeout,
        json=json,
        plain=plain,
    )
    perform(Verb("reset", lambda job: _reset(job, halt), result_words, lambda r: result_words(r)[0]), choice)


def _reset(job: Job, halt: bool) -> None:
    with job.debug("attach") as debug, job.run.step("reset", "resetting the chip"):
        job.check()
        debug.reset(halt=halt)
        job.run.result["halted"] = debug.is_halted()


def result_words(result: dict[str, Any]) -> list[str]:
    """How the core is now, as it was observed."""
    return ["the chip was reset and its core is " + ("halted" if result["halted"] else "running")]
