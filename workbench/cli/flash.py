"""`workbench flash`: write firmware to a board, read it back, start it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.image_files import Base, Files, Format, image_files, images_for, number, slot_first

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.probes.images import ImageFile

app = new_app()


@app.command()
def flash(
    files: Files,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    base: Base = None,
    format_: Format = None,
    erase: Annotated[
        Literal["sector", "chip"],
        typer.Option(help="What to erase: only the sectors that change, or the whole chip first."),
    ] = "sector",
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Read back every byte and compare it.")
    ] = True,
    skip: Annotated[
        bool,
        typer.Option(
            "--skip-unchanged/--no-skip-unchanged", help="Leave sectors alone that are right already."
        ),
    ] = True,
    reset: Annotated[
        bool,
        typer.Option("--reset/--no-reset", help="Start the firmware afterwards, or leave the core halted."),
    ] = True,
    permit_identity: opt.PermitIdentity = False,
    dry_run: opt.DryRun = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Write firmware to a board and read it back.

    Files are ELF, Intel HEX or BIN files; several are written together, and must not overlap. The board
    is switched on if it is off. What the chip holds already is not written again, and every byte is read back
    and compared.

    \b
    Examples:
      workbench flash hello.hex
      workbench flash v1 hello.hex
      workbench flash --slot a1 boot.hex app.bin@0x4000
      workbench flash --all --erase chip hello.elf
    """
    from workbench.cli.job import Verb, perform

    files, slot = slot_first(files, slot, all_slots=all_slots)
    choice = opt.choose(
        bench,
        slot,
        all_slots=all_slots,
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        timeout=timeout,
        json=json,
        plain=plain,
    )
    given = image_files(files, number(base), format_)
    if dry_run:
        from workbench.cli.dry_run import show_flash

        show_flash(choice, given, erase=erase, verify=verify, permit_identity=permit_identity, reset=reset)
        return

    def work(job: Job) -> None:
        _flash(job, given, erase, verify=verify, skip=skip, reset=reset, permit_identity=permit_identity)

    perform(Verb("flash", work, result_words, brief, preload=("workbench.probes.flash",)), choice)


def _flash(
    job: Job,
    files: list[ImageFile],
    erase: Literal["sector", "chip"],
    *,
    verify: bool,
    skip: bool,
    reset: bool,
    permit_identity: bool,
) -> None:
    from workbench.events import Notice
    from workbench.probes.flash import flash as write
    from workbench.probes.session import TOTAL_S
    from workbench.probes.start import start_image

    run = job.run
    image = images_for(job, files, permit_identity=permit_identity)
    if not verify:
        run.emit(
            Notice(
                level="warning", text="NOT VERIFIED: what the chip holds will not be read back (--no-verify)"
            )
        )
    with job.debug() as debug:
        with run.step("flash", f"flashing {words.size(image.size_bytes)}"):
            run.commit()
            result = write(
                debug,
                image,
                verify=verify,
                erase=erase,
                skip_unchanged=skip,
                permit_identity=permit_identity,
                emit=run.emit,
                check=job.check_stop,
                limit_s=job.left_s(TOTAL_S),
            )
        job.state = "the image is written" + (" and was read back" if verify else ", but was not read back")
        run.result |= asdict(result) | {"kib_per_s": round(result.kib_per_s, 1), "started": False}
        if reset:
            with run.step("start", "starting the firmware"):
                start_image(debug, image)
            run.result["started"] = True
    run.result["files"] = [
        {**asdict(replace(s, path=Path(s.path))), "path": str(s.path)} for s in image.sources
    ]


def result_words(result: dict[str, Any]) -> list[str]:
    """What flashing did, in lines."""
    programmed, skipped = result["bytes_programmed"], result["bytes_skipped"]
    lines = [
        f"{words.size(result['image_bytes'])} in {words.seconds(result['seconds'])}, "
        f"{result['kib_per_s']:.1f} KiB/s, image SHA-256 {words.short_hash(result['image_sha256'])}",
    ]
    if programmed:
        erased = (
            "the whole chip" if result["erase"] == "chip" else words.count(result["sectors_erased"], "sector")
        )
        lines.append(
            f"programmed {words.size(programmed)}, skipped {words.size(skipped)} that were right already, "
            f"erased {erased}"
        )
    else:
        lines.append(f"nothing was written: the chip held all {words.size(skipped)} already")
    lines.append(verification_words(result["verification"]))
    lines.append(
        "the firmware was started" if result["started"] else "the core is halted; `workbench reset` starts it"
    )
    return lines


def verification_words(verification: dict[str, Any]) -> str:
    """How it was made sure that the chip holds the image."""
    if verification["method"] == "none":
        return "NOT VERIFIED: what the chip holds was not read back"
    return (
        f"verified: {words.size(verification['bytes_read'])} were read back from the chip and are equal, "
        f"SHA-256 {words.short_hash(verification['sha256'])}"
    )


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    checked = "NOT VERIFIED" if result["verification"]["method"] == "none" else "verified"
    return (
        f"{words.size(result['bytes_programmed'])} written, {words.size(result['bytes_skipped'])} skipped, "
        f"{result['kib_per_s']:.0f} KiB/s, {checked}"
    )
