"""`workbench image verify`: whether a device would take an image, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from workbench.images.verify import Policy


def _option(*names: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, show_default=False)


Root = Annotated[Path | None, _option("--root", metavar="PEM", help="Root certificate of the signers.")]
SignedBy = Annotated[
    list[Path] | None,
    _option("--key", "-k", metavar="PEM", help="Public key or certificate that may have signed; repeatable."),
]
HashOnly = Annotated[bool, typer.Option("--hash-only", help="Ask for nobody's signature.")]
Encrypted = Annotated[bool, typer.Option("--must-be-encrypted", help="Refuse an image in the clear.")]
SlotContents = Annotated[
    bool, typer.Option("--slot-contents", help="Read from the slot that runs: decrypted already.")
]
MinCounter = Annotated[
    int | None, _option("--min-counter", metavar="N", help="The device's security counter.")
]
Running = Annotated[str | None, _option("--running", metavar="VERSION", help="The version that runs.")]
TimeFloor = Annotated[
    str | None, _option("--time-floor", metavar="TIME", help="Refuse what was signed before.")
]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(verify)


def verify(
    image: typed.Source,
    profile: typed.ProfileName = None,
    keys: typed.Keys = None,
    device: typed.Device = None,
    chip_id: typed.ChipId = None,
    root: Root = None,
    key: SignedBy = None,
    mac_key: typed.MacKey = None,
    hash_only: HashOnly = False,
    decrypt_with: typed.DecryptWith = None,
    must_be_encrypted: Encrypted = False,
    slot_contents: SlotContents = False,
    vid: typed.Vid = None,
    cid: typed.Cid = None,
    min_counter: MinCounter = None,
    running: Running = None,
    time_floor: TimeFloor = None,
    passphrase_file: typed.PassphraseFile = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Verify an image as a device does; encrypted ones too, with the right key.

    What is refused is refused for the device's reason, which --json names in `refused`. Exit code 4: not to
    be trusted, 2: no image, or a key is missing.

    \b
    Examples:
      workbench image verify app.img --profile tier-2-ecdsa --keys keys --device microbit-v1
      workbench image verify app.img --root root.cert.pem --decrypt-with enc.key.pem
      workbench image verify app.img --key signer.pub.pem
    """
    from workbench.images import files
    from workbench.images.refusals import ImageRefused
    from workbench.images.verify import verify as verify_image

    given = dict(locals())
    with reporting("image verify", opt.Output(json=json, plain=plain)) as report:
        policy = _of_options(given) if profile is None else _of_profile(profile, given)
        policy = replace(policy, payload_is_plain=slot_contents)
        try:
            found = verify_image(files.read(image), policy)
        except ImageRefused as refusal:
            report.result["refused"] = refusal.reason.word
            raise
        report.observe("image", typed.value_of(found))
        report.result |= {"hash": found.digest.hex(), "proofs": list(found.proofs)}
        if not json:
            stdout.say(f"{image}: version {found.version}, hash {found.digest.hex()}")
            stdout.say(f"holds: {', '.join(found.proofs)}")
            if found.signer is not None:
                stdout.say(f"signed by {found.signer.name}")


_NOT_BESIDE_A_PROFILE = (
    "root",
    "key",
    "mac_key",
    "hash_only",
    "decrypt_with",
    "must_be_encrypted",
    "vid",
    "cid",
)
_ONLY_WITH_A_PROFILE = ("keys", "device", "chip_id")


def _of_profile(profile: str, given: dict[str, Any]) -> Policy:
    from workbench.images.release import policy_for

    typed.refuse(given, _NOT_BESIDE_A_PROFILE, "is the profile's to say", "leave out it, or --profile")
    found, keys, device = typed.profile_with_keys(
        profile, given["keys"], given["device"], given["passphrase_file"]
    )
    return policy_for(
        found, keys, device=device, chip_id=typed.chip_id(given["chip_id"]), **_limits(given, "running")
    )


def _of_options(given: dict[str, Any]) -> Policy:
    from workbench.images.verify import Policy

    typed.refuse(given, _ONLY_WITH_A_PROFILE, "means nothing without a profile", "name one: --profile")
    vendor, kind = typed.ids(given["vid"], given["cid"])
    opened = given["decrypt_with"]
    return Policy(
        root=_root(given["root"]),
        public_keys=tuple(typed.public_key(path) for path in given["key"] or ()),
        mac_key=typed.mac_key(given["mac_key"]),
        hash_is_enough=given["hash_only"],
        decrypt_key=typed.unwrap_key(opened, given["passphrase_file"]) if opened else None,
        must_be_encrypted=given["must_be_encrypted"],
        vid=vendor,
        cid=kind,
        **_limits(given, "running_version"),
    )


def _limits(given: dict[str, Any], running: str) -> dict[str, Any]:
    """What the device has seen already; `running` is what its version is called."""
    return {
        "min_counter": given["min_counter"],
        running: typed.version(given["running"]) if given["running"] else None,
        "time_floor_s": typed.moment(given["time_floor"]) if given["time_floor"] else None,
    }


def _root(path: Path | None) -> Certificate | None:
    from workbench.images import files
    from workbench.images.keys import load_certificates

    return (
        None if path is None else load_certificates(files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES))[0]
    )
