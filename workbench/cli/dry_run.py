"""`--dry-run`: what a command would do, step by step, and what of it cannot be undone.  Touches no board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.cli import stdout, words
from workbench.cli.job import bench_of, slots_of
from workbench.cli.options import Choice
from workbench.cli.report import Report, reporting

if TYPE_CHECKING:
    from workbench.boards.bench import Slot
    from workbench.probes.images import Image, ImageFile


@dataclass(frozen=True, slots=True)
class Step:
    """Something that would be done."""

    title: str
    irreversible: bool = False


_MEET = [
    Step("take the slot, switch it on if it is off"),
    Step("connect, and check that the chip is the slot's own"),
]


def show_flash(
    choice: Choice,
    files: list[ImageFile],
    *,
    erase: Literal["sector", "chip"],
    verify: bool,
    permit_identity: bool,
    reset: bool,
) -> None:
    """What flashing these files would do; wrong files are refused as they would be."""
    from workbench.probes.images import load_images

    with reporting("flash", choice.output) as report:
        for slot in slots_of(bench_of(choice.bench), choice):
            image = load_images(files, slot.target, permit_identity=permit_identity)
            _show(report, slot, [*_MEET, *_flash_steps(slot, image, erase, verify=verify, reset=reset)])


def show_provision(choice: Choice, profile: str) -> None:
    """What provisioning with that profile would do; a profile that does not fit is refused as it would be."""
    from workbench.images.profile import load_profile, refuse_unbuildable
    from workbench.updates.fit import carrier_of, refuse_misfits

    with reporting("provision", choice.output) as report:
        bench = bench_of(choice.bench)
        for slot in slots_of(bench, choice):
            found = load_profile(profile, bench_folder=bench.folder)
            remarks = refuse_misfits(found, carrier_of(slot.target))
            refuse_unbuildable(found)
            _show(report, slot, [*(Step(f"remark: {remark}") for remark in remarks), *_MEET, *_PROVISION])


_PROVISION = [
    Step("make this unit's image, its provisioning page and its device key"),
    Step("refuse a locked chip, and to destroy an identity without permission"),
    Step("erase the whole chip: what it holds is lost, its security counter too", irreversible=True),
    Step("write bootloader, application and provisioning page, and read them back"),
    Step("start the unit, hear its bootloader, ask who it is"),
    Step("file the unit's public key"),
]


def show_enroll(choice: Choice) -> None:
    """What enrolling the units in these slots would do."""
    with reporting("identity enroll", choice.output) as report:
        for slot in slots_of(bench_of(choice.bench), choice):
            show_enroll_steps(report, slot)


def show_enroll_steps(report: Report, slot: Slot) -> None:
    """The steps of an enrolment in that slot, and which of them cannot be undone."""
    from workbench.cli.identity_options import MCU_STEPS, TPM_STEPS
    from workbench.station.enroll import has_tpm

    told = TPM_STEPS if has_tpm(slot) else MCU_STEPS
    _show(report, slot, [_MEET[0], *(Step(title, irreversible) for title, irreversible in told)])


def show_erase(choice: Choice, span: tuple[int, int] | None) -> None:
    """What erasing that range, or all flash, would do."""
    where = "all flash" if span is None else f"{words.size(span[1])} from {words.address(span[0])}"
    steps = [
        *_MEET,
        Step("refuse a locked chip, and to destroy an identity without permission"),
        Step(f"erase {where}: what it holds is lost", irreversible=True),
        Step("read back that it is blank"),
    ]
    with reporting("erase", choice.output) as report:
        for slot in slots_of(bench_of(choice.bench), choice):
            _show(report, slot, steps)


def show_recover(choice: Choice) -> None:
    """What recovering would do."""
    lost = "erase everything on the chip: firmware, configuration and identity are lost"
    steps = [
        *_MEET,
        Step(lost, irreversible=True),
        Step("reset, look that it is unlocked, read back that it is blank"),
    ]
    with reporting("recover", choice.output) as report:
        for slot in slots_of(bench_of(choice.bench), choice):
            _show(report, slot, steps)


def _flash_steps(
    slot: Slot, image: Image, erase: Literal["sector", "chip"], *, verify: bool, reset: bool
) -> list[Step]:
    from workbench.probes.plan import make_plan

    plan = make_plan(image, slot.target)
    sectors, size = words.count(len(plan.sectors), "sector"), words.size(image.size_bytes)
    steps = [
        Step(
            f"load {', '.join(str(s.path) for s in image.sources)}: {size} from {words.address(image.start)}"
        )
    ]
    if erase == "chip":
        steps.append(Step("erase the whole chip: all it holds is lost", irreversible=True))
    elif plan.sectors:
        title = f"erase those of {sectors} that differ: the firmware that was there is lost"
        steps += [
            Step(f"compare {sectors}, to leave alone what is right already"),
            Step(title, irreversible=True),
        ]
    if plan.config:
        steps.append(Step("write configuration words, which only a chip erase clears", irreversible=True))
    if plan.sectors or plan.ram:
        steps.append(Step(f"write what differs, at most {size}"))
    steps.append(Step(f"read back {size} and compare" if verify else "NOT read back (--no-verify)"))
    steps.append(Step("start the firmware" if reset else "leave the core halted"))
    return steps


def _show(report: Report, slot: Slot, steps: list[Step]) -> None:
    for number, step in enumerate(steps, 1):
        value = {"slot": slot.name, "number": number, "title": step.title, "irreversible": step.irreversible}
        report.observe("planned-step", {**value})
    report.result["dry_run"] = True
    if not report.output.json:
        stdout.say(f"{slot.name} ({slot.target.name}) — nothing is done now; these steps would be:")
        for number, step in enumerate(steps, 1):
            stdout.say_wrapped(
                f"  {number}. {step.title}{'   [CANNOT BE UNDONE]' if step.irreversible else ''}"
            )
