"""`workbench update`: bring a new image into a device over its serial line, and see that it runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import stderr, words
from workbench.cli.commands import new_app

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.updates.deliver import How
    from workbench.updates.release import Release

app = new_app()


@app.command()
def update(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[SLOT] IMAGE",
            help="Slot of the board (default: the bench's only slot), and an image in MCUboot's format.",
        ),
    ],
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    transport: Annotated[
        str | None,
        typer.Option(
            "--transport",
            metavar="WAY",
            help="serial, smp+raw:[PORT], smp+serial:PORT or smp+udp://HOST[:PORT]. Default: serial.",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            "-k",
            metavar="FOLDER",
            help="Key folder that the device's answer to a challenge is checked with.",
            show_default=False,
        ),
    ] = None,
    consent: Annotated[
        Literal["respect", "ask", "grant", "wait"],
        typer.Option(
            help="If the device asks for consent: stop, ask here, agree for its user, or wait for its user."
        ),
    ] = "respect",
    wait_for: Annotated[
        float,
        typer.Option(
            "--wait-for-conditions",
            metavar="SECONDS",
            min=0,
            help="Wait so long for consent, or until the device is no longer busy.",
            show_default=False,
        ),
    ] = 0.0,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Install the image, or only leave it in the other slot.")
    ] = True,
    permanent: Annotated[
        bool,
        typer.Option("--permanent", help="Install it for good at once. A bad image then stays: no way back."),
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Confirm it once it runs, or leave it on trial.")
    ] = True,
    boot_timeout: Annotated[
        float,
        typer.Option("--boot-timeout", metavar="SECONDS", min=1, help="How long installing may take."),
    ] = 120.0,
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            min=1,
            max=8,
            help="Requests under way at once. Default: what the device's buffers permit.",
            show_default=False,
        ),
    ] = None,
    read_back: Annotated[
        bool | None,
        typer.Option(
            "--read-back/--no-read-back",
            help="Compare the flash through the debug port. Default: where it is open.",
            show_default=False,
        ),
    ] = None,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Deliver the image even if its own hash is wrong.")
    ] = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Bring a new image into a device over SMP, and see that it runs.

    The image is uploaded, tried, and confirmed once it runs and its self-test passed; the device takes it
    back otherwise. Then version, hash, slot and a fresh challenge are read, and the flash where the debug
    port is open. Works with any SMP server, such as Zephyr's with MCUboot.

    \b
    Examples:
      workbench update v1 app-1.1.0.bin --keys keys
      workbench update app-1.1.0.bin --consent wait --wait-for-conditions 600
      workbench update v1 zephyr.signed.bin --transport smp+udp://192.0.2.7
    """
    from workbench.cli.job import Verb, perform

    image, slots = _image_and_slots(arguments, slot, all_slots=all_slots)
    choice = opt.choose(
        bench,
        slots,
        all_slots=all_slots,
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        timeout=timeout,
        json=json,
        plain=plain,
    )

    def work(job: Job) -> None:
        from workbench.images import files
        from workbench.images.keys import load
        from workbench.updates.consent import Policy
        from workbench.updates.deliver import How
        from workbench.updates.release import release_of

        with job.run.step("image", f"reading {image.name}"):
            release = release_of(files.read(image), check=not unchecked)
        how = How(
            activate=test,
            permanent=permanent,
            confirm=confirm,
            consent=Policy(consent),
            wait_s=wait_for,
            boot_s=boot_timeout,
            window=window,
            keys=None if keys is None else load(keys),
        )
        _update(job, release, how, transport, read_back)

    perform(Verb("update", work, result_words, brief, PRELOAD), choice)


PRELOAD = ("workbench.station.update", "workbench.probes.read")


def _image_and_slots(
    arguments: list[str], slots: list[str] | None, *, all_slots: bool
) -> tuple[Path, list[str]]:
    from workbench.errors import InputError

    *named, image = arguments
    if len(named) > 1 or (named and (slots or all_slots)):
        raise InputError(
            "an update takes one image",
            cause=f"these were named: {' '.join(arguments)}",
            action="name one image",
        )
    return Path(image), [*named, *(slots or [])]


def _update(job: Job, release: Release, how: How, transport: str | None, read_back: bool | None) -> None:
    from workbench.events import Observed
    from workbench.station.update import update_slot

    run = job.run
    run.emit(
        Observed(
            what="release",
            value={
                "version": str(release.version),
                "hash": release.digest.hex(),
                "bytes": len(release.data),
                "encrypted": release.encrypted,
                "severity": None if release.severity is None else release.severity.name.lower(),
            },
        )
    )
    job.state = "the device keeps what it ran, unless it had been told to install the image"
    with job.hold() as held:
        done = update_slot(
            held,
            release,
            how,
            step=run.step,
            emit=run.emit,
            transport=transport,
            read_back=read_back,
            check=job.check,
            commit=run.commit,
            ask=stderr.ask,
        )
    run.result |= asdict(done)


_OUTCOMES = {
    "updated": "the device runs {version}, which is confirmed",
    "unchanged": "the device ran {version} already; nothing was written",
    "uploaded": "{version} is in the device's other slot and was not installed",
    "on-trial": "the device runs {version} on trial; its next restart takes it back",
}


def result_words(result: dict[str, Any]) -> list[str]:
    """What the update did, in lines."""
    lines = [_OUTCOMES[result["outcome"]].format(version=result["version"])]
    upload = result["upload"]
    if upload:
        share = "" if upload["line_share"] is None else f", {upload['line_share']:.0%} of the line's rate"
        rate = "" if upload["bytes_per_s"] is None else f", {upload['bytes_per_s'] / 1024:.1f} KiB/s"
        lines.append(
            f"uploaded {words.size(upload['bytes'])} in {words.seconds(upload['seconds'])}{rate}{share}"
        )
        if upload["losses"] or upload["reconnections"]:
            lost = words.count(upload["losses"], "loss" if upload["losses"] == 1 else "losse")
            lines.append(f"the line had {lost} and {words.count(upload['reconnections'], 'reconnection')}")
    if result["boot_s"] is not None:
        lines.append(f"it was back {words.seconds(result['boot_s'])} after the restart")
    if result["checks"]:
        lines.append(
            f"verified: {', '.join(result['checks'])}; image hash {words.short_hash(result['hash'])}"
        )
    return lines


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"{result['outcome']} {result['version']}, verified {len(result['checks'])} ways"
