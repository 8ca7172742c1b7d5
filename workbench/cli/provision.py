"""`workbench provision`: give a unit its bootloader, application, keys and identity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.complete import profile_names
from workbench.cli.image_options import PassphraseFile, passphrase

if TYPE_CHECKING:
    from workbench.cli.job import Job

app = new_app()


@app.command()
def provision(
    slots: opt.SlotArguments = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile", "-p", metavar="PROFILE", help="Security profile.", autocompletion=profile_names
        ),
    ] = "",
    keys: Annotated[
        Path | None,
        typer.Option("--keys", "-k", metavar="FOLDER", help="Key folder, see `workbench image keys`."),
    ] = None,
    bench: opt.Bench = None,
    slot: opt.Slots = None,
    all_slots: opt.All = False,
    firmware: Annotated[
        Path | None,
        typer.Option(
            "--firmware",
            metavar="FOLDER",
            help="Folder with boot.hex and app.bin, or the samples' build. Default: firmware-samples/build.",
            show_default=False,
        ),
    ] = None,
    version: Annotated[
        str, typer.Option("--app-version", metavar="VERSION", help="Version of the application.")
    ] = "1.0.0",
    counter: Annotated[
        int, typer.Option("--counter", min=0, max=0xFFFF, help="Security counter of the application.")
    ] = 1,
    device_key: Annotated[
        str,
        typer.Option(
            "--device-key",
            metavar="injected|on-chip",
            help="Who makes the unit's key: the station now, or the unit when it is enrolled.",
        ),
    ] = "injected",
    passphrase_file: PassphraseFile = None,
    permit_identity: opt.PermitIdentity = False,
    dry_run: opt.DryRun = False,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Give a unit its bootloader, application, keys and identity.

    The chip is erased, its security counter too. What is written is read back, the unit is started, heard and
    asked who it is. A unit that has an identity already is left alone without --permit-identity. With
    --device-key on-chip it has no key until `workbench identity enroll` has it make one.

    \b
    Examples:
      workbench provision v1 --profile tier-2-ecdsa --keys keys
      workbench provision v1 -p tier-2-rsa -k keys --dry-run
      workbench provision --all -p tier-1-plus -k keys --firmware build
    """
    from workbench.cli.job import Verb, perform
    from workbench.errors import InputError

    if not profile or keys is None:
        raise InputError(
            "a profile and a key folder are needed",
            cause="--profile or --keys was not given",
            action="see `workbench profile list` and `workbench image keys --help`",
        )
    if device_key not in ("injected", "on-chip"):
        raise InputError(
            f"'{device_key[:40]}' is no origin of a key",
            cause="there are injected and on-chip",
            action="correct --device-key",
        )
    choice = opt.choose(
        bench,
        [*(slots or ()), *(slot or ())],
        all_slots=all_slots,
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        json=json,
        plain=plain,
    )

    if dry_run:
        from workbench.cli.dry_run import show_provision

        show_provision(choice, profile)
        return

    order = _Order(profile, keys, passphrase_file, firmware, version, counter, permit_identity, device_key)

    def work(job: Job) -> None:
        _provision(job, order)

    perform(Verb("provision", work, result_words, brief, PRELOAD), choice)


PRELOAD = ("workbench.station.provision", "workbench.probes.flash", "workbench.wires.console")


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for."""

    profile: str
    keys: Path
    passphrase_file: Path | None
    firmware: Path | None
    version: str
    counter: int
    permit_identity: bool
    device_key: str


def _provision(job: Job, order: _Order) -> None:
    from workbench.images import keys
    from workbench.images.profile import load_profile
    from workbench.images.tlvs import Version
    from workbench.station.demo import FIRMWARE
    from workbench.station.provision import provision as give
    from workbench.updates.fit import carrier_of, refuse_misfits
    from workbench.updates.provision import find_firmware

    def commit() -> None:
        job.state = "the chip may hold a part of what was to be written; provision it again"
        run.commit()

    run, target = job.run, job.slot.target
    with run.step("load", f"loading profile {order.profile}, keys and firmware"):
        profile = load_profile(order.profile, bench_folder=job.bench.folder)
        refuse_misfits(profile, carrier_of(target))
        folder = keys.load(order.keys, passphrase(order.passphrase_file))
        version = Version.parse(order.version)
        found = find_firmware(order.firmware or FIRMWARE, target, profile, version, order.counter)
    made = give(
        job.slot,
        profile,
        folder,
        found,
        run.emit,
        permit_identity=order.permit_identity,
        device_key="on-chip" if order.device_key == "on-chip" else "injected",
        accept_chip=job.choice.accept_chip,
        kick=job.choice.kick,
        wait_s=job.choice.wait_s,
        step=run.step,
        commit=commit,
    )
    key = str(made.device_key) if made.device_key is not None else None
    run.result |= asdict(made) | {"device_key": key, "test_keys": folder.is_test}


def result_words(result: dict[str, Any]) -> list[str]:
    """What the unit was given, in lines."""
    chip = result["chip_id"] or "without an ID"
    lines = [
        f"unit {chip}: profile {result['profile']}, version {result['version']}, "
        f"image SHA-256 {words.short_hash(result['hash'])}, security counter {result['counter']}",
        f"{words.size(result['image_bytes'])} were written and read back; the bootloader started the "
        "application",
    ]
    if result["device_key"]:
        lines.append(
            f"its public key is in {result['device_key']}; the key was made by the station (injected)"
        )
    elif result["key_origin"] == "on-chip":
        lines.append("it has no key yet: `workbench identity enroll` has it make one on the chip")
    if result["test_keys"]:
        lines.append("TEST KEYS: this unit is not for the field")
    return lines


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"{result['profile']} {result['version']}, chip {result['chip_id'] or '-'}"
