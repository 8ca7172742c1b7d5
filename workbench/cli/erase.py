"""`workbench erase`: erase a range of flash, or all of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.image_files import number
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.cli.job import Job

app = new_app()


@app.command()
def erase(
    slots: opt.SlotArguments = None,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    chip: Annotated[bool, typer.Option("--chip", help="Erase all flash.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="ADDRESS", help="First address of a range.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="BYTES",
            help="Size of the range, whole sectors: 0x400, 16K.",
            show_default=False,
        ),
    ] = None,
    permit_identity: opt.PermitIdentity = False,
    dry_run: opt.DryRun = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Erase a range of a board's flash, or all of it.

    Say which: --chip, or --start and --size. What is erased cannot be had back. It is read back and must be
    blank. A locked chip is left alone, see `workbench recover`.

    \b
    Examples:
      workbench erase v1 --start 0x10000 --size 16K
      workbench erase v1 --chip --dry-run
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
    span = _span(chip, number(start), number(size))
    if dry_run:
        from workbench.cli.dry_run import show_erase

        show_erase(choice, span)
        return
    verb = Verb("erase", lambda job: _erase(job, span, permit_identity), result_words, brief, PRELOAD)
    perform(verb, choice)


PRELOAD = ("workbench.probes.erase",)


def _span(chip: bool, start: int | None, size: int | None) -> tuple[int, int] | None:
    """(start, size), or None for the whole chip."""
    if chip and start is None and size is None:
        return None
    if chip or start is None or size is None:
        raise InputError(
            "it is not clear what to erase",
            cause="neither --chip nor both --start and --size were given, or both were",
            action="give --chip for all flash, or --start ADDRESS --size BYTES; see `workbench erase --help`",
        )
    return start, size


def _erase(job: Job, span: tuple[int, int] | None, permit_identity: bool) -> None:
    from workbench.probes.erase import erase_chip, erase_range

    run = job.run
    title = (
        "erasing all flash"
        if span is None
        else f"erasing {words.size(span[1])} from {words.address(span[0])}"
    )
    with job.debug() as debug, run.step("erase", title):
        run.commit()
        job.state = "what was to be erased may be erased in part"
        if span is None:
            result = erase_chip(debug, permit_identity=permit_identity, emit=run.emit, check=job.check)
        else:
            result = erase_range(
                debug, *span, permit_identity=permit_identity, emit=run.emit, check=job.check
            )
        job.state = "the erase was complete"
    run.result |= asdict(result)


def result_words(result: dict[str, Any]) -> list[str]:
    """What was erased, in words."""
    erased = words.size(result["bytes_erased"])
    return [f"erased {erased} in {words.seconds(result['seconds'])}; all of it was read back and is blank"]


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"{words.size(result['bytes_erased'])} blank"
