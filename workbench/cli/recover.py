"""`workbench recover`: the mass erase that gives a locked chip back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.probes.session import Debug

app = new_app()


@app.command()
def recover(
    slots: opt.SlotArguments = None,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    dry_run: opt.DryRun = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Give a locked chip back by erasing everything on it.

    Firmware, configuration and identity are gone for good. Name the slot, even if the bench has only one.

    \b
    Examples:
      workbench recover v1 --dry-run
      workbench recover v1
    """
    from workbench.cli.job import Verb, perform

    named = [*(slots or ()), *(slot or ())]
    if not named:
        raise InputError(
            "no slot was named",
            cause="recovering destroys what is on the chip, so the slot has to be named",
            action="name it: `workbench recover SLOT`; `workbench slot list` shows the slots",
        )
    choice = opt.choose(
        bench,
        named,
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        timeout=timeout,
        json=json,
        plain=plain,
    )
    if dry_run:
        from workbench.cli.dry_run import show_recover

        show_recover(choice)
        return
    perform(Verb("recover", _recover, result_words, brief, ("workbench.probes.erase",)), choice)


def _recover(job: Job) -> None:
    from workbench.probes.erase import recover as mass_erase

    run = job.run
    with job.debug(identify=False) as debug:
        known = _identify_if_it_tells(job, debug)
        with run.step("recover", "erasing everything on the chip"):
            run.commit()
            job.state = "its flash may be erased in part or wholly: run the command again"
            result = mass_erase(debug, emit=run.emit, check=job.check)
            job.state = "the erase was complete"
        if not known:
            _identify(job, debug)
    run.result |= asdict(result)


def _identify(job: Job, debug: Debug) -> None:
    from workbench.station.slots import Held, identify_chip

    held: Held = job.held
    identify_chip(held, debug, emit=job.run.emit, accept_chip=job.choice.accept_chip)


def _identify_if_it_tells(job: Job, debug: Debug) -> bool:
    """Whether the chip's ID is known now; some locked chips do not tell it before they are erased."""
    from workbench.events import Notice
    from workbench.probes.errors import DebugFault

    try:
        _identify(job, debug)
    except DebugFault:
        text = "the locked chip does not tell its ID: whether it is the slot's own shows only afterwards"
        job.run.emit(Notice(level="warning", text=text))
        return False
    return True


def result_words(result: dict[str, Any]) -> list[str]:
    """What was erased, in words."""
    return [
        f"everything was erased in {words.seconds(result['seconds'])}: "
        f"{words.size(result['bytes_erased'])} were read back and are blank",
        "the chip is unlocked and halted; flash it with `workbench flash`",
    ]


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"unlocked, {words.size(result['bytes_erased'])} blank"
