"""`workbench identity rehearse`: an enrolment on a virtual board that is thrown away, or only the look
before one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workbench.cli import identity_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.cli.report import Report


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(rehearse)


def rehearse(
    slot: opt.OneSlot = None,
    template: typed.Template = "H-3",
    ca: typed.Ca = None,
    vendor_roots: typed.VendorRoots = None,
    dry_run: opt.DryRun = False,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Enrol a virtual board with a TPM from blank to verified, in a folder that is removed afterwards.

    It has a test CA, a ledger and an evidence key of its own; no board of a bench is touched. With
    --dry-run it looks at the TPM in a slot instead, and says what is in the way and what could not be
    undone.

    \b
    Examples:
      workbench identity rehearse
      workbench identity rehearse t1 --ca ca --dry-run
    """
    with reporting("identity rehearse", opt.Output(json=json, plain=plain)) as report:
        if dry_run:
            order = typed.Typed(ca=ca, vendor_roots=vendor_roots, template=template, model="rehearsal")
            _look(report, opt.choose(bench, [slot] if slot else [], json=json, plain=plain), order)
            return
        from workbench.station.enroll import outcome_error, outcome_result
        from workbench.station.rehearse import rehearse as play

        outcome = play(template, lambda title: None if json else stdout.say(title))
        report.result |= outcome_result(outcome)
        if not json:
            for line in typed.result_words(report.result):
                stdout.say_wrapped(line)
        error = outcome_error(outcome)
        if error is not None:
            raise error


def _look(report: Report, choice: opt.Choice, order: typed.Typed) -> None:
    from workbench.cli.dry_run import show_enroll_steps
    from workbench.cli.job import bench_of, slots_of
    from workbench.events import ignore
    from workbench.station.enroll import look

    bench = bench_of(choice.bench)
    for slot in slots_of(bench, choice):
        seen, said = look(slot, order.wanted(bench), ignore)
        report.observe("tpm", {"slot": slot.name, "in_the_way": said, **seen})
        if not report.output.json:
            stdout.say(f"{slot.name}: TPM of {seen['manufacturer']}, {seen['vendor']}")
            for line in said or ["nothing is in the way of an enrolment"]:
                stdout.say_wrapped(f"  {line}")
        show_enroll_steps(report, slot)
