"""`workbench verify`: compare what a chip holds with firmware files."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.image_files import Base, Files, Format, image_files, images_for, number, slot_first

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.probes.images import ImageFile

app = new_app()


@app.command()
def verify(
    files: Files,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    base: Base = None,
    format_: Format = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Compare a board's memory with firmware files.

    Every byte of the files is read from the chip and compared; nothing is written. The core is stopped
    meanwhile.

    \b
    Examples:
      workbench verify hello.hex
      workbench verify --slot a1 --base 0x4000 app.bin
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
    perform(Verb("verify", lambda job: _verify(job, given), result_words, brief, PRELOAD), choice)


PRELOAD = ("workbench.probes.verify",)


def _verify(job: Job, files: list[ImageFile]) -> None:
    from workbench.probes.verify import verify_image

    image = images_for(job, files, permit_identity=True)
    with job.debug() as debug, job.run.step("verify", f"comparing {words.size(image.size_bytes)}"):
        result = verify_image(debug, image, emit=job.run.emit, check=job.check)
    job.run.result |= {
        "image_bytes": image.size_bytes,
        "image_sha256": image.sha256,
        "verification": asdict(result),
    }


def result_words(result: dict[str, Any]) -> list[str]:
    """The comparison in words."""
    verification = result["verification"]
    return [
        f"equal: {words.size(verification['bytes_read'])} were read back from the chip, "
        f"SHA-256 {words.short_hash(verification['sha256'])}"
    ]


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"{words.size(result['verification']['bytes_read'])} equal"
