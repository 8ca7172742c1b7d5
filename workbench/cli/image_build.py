"""`workbench image build`: an image from a binary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.image_files import number
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.images.keys import KeyFolder
    from workbench.images.profile import Profile


MAX_WRITE_ONCE: Final = 0xFFFF
"""Highest security counter of a device that keeps it in words that can only be written once."""


def _option(*names: str, metavar: str | None = None, help: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=help, show_default=False)


Binary = Annotated[
    Path, typer.Argument(metavar="FILE", help="Firmware: BIN, Intel HEX or ELF.", show_default=False)
]
VersionText = Annotated[str, _option("--version", "-v", metavar="VERSION", help="Version: 1.2.3+4.")]
Counter = Annotated[
    str | None,
    _option("--counter", metavar="N", help="Security counter; `auto` makes it of the version."),
]
Severity = Annotated[typed.Pressure | None, _option("--severity", help="How much the update presses.")]
Deferrals = Annotated[
    int | None, _option("--max-deferrals", metavar="N", help="How often a mandatory update may wait.")
]
Depends = Annotated[
    list[str] | None,
    _option("--depends", metavar="IMAGE:VERSION", help="Another image that must be there; repeatable."),
]
Record = Annotated[str | None, _option("--boot-record", metavar="TYPE", help="Boot record of that role.")]
Compress = Annotated[typed.Method | None, _option("--compress", help="Compress the payload.")]
Encrypt = Annotated[bool, typer.Option("--encrypt", help="With a profile that leaves it open: encrypted.")]
Prepare = Annotated[
    bool, typer.Option("--prepare-encryption", help="In the clear, ready for `image encrypt`.")
]
Hash = Annotated[typed.Sha, typer.Option("--sha", help="Hash of the image.")]
HeaderSize = Annotated[str, typer.Option("--header-size", metavar="SIZE", help="Size of the header.")]
HasHeader = Annotated[bool, typer.Option("--has-header", help="The file begins with room for the header.")]
LoadAddress = Annotated[str | None, _option("--load-address", metavar="ADDRESS", help="Runs from RAM there.")]
PadTo = Annotated[
    str | None, _option("--pad-to", metavar="SIZE", help="Pad to the slot's size, with its trailer.")
]
Confirmed = Annotated[bool, typer.Option("--confirmed", help="With --pad-to: stays after its first boot.")]


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(build)


def build(
    file: Binary,
    out: typed.Out,
    version: VersionText,
    profile: typed.ProfileName = None,
    keys: typed.Keys = None,
    device: typed.Device = None,
    chip_id: typed.ChipId = None,
    encrypt: Encrypt = False,
    counter: Counter = None,
    severity: Severity = None,
    max_deferrals: Deferrals = None,
    signed_at: typed.SignedAt = None,
    depends: Depends = None,
    vid: typed.Vid = None,
    cid: typed.Cid = None,
    imgtool_ids: typed.ImgtoolIds = False,
    boot_record: Record = None,
    compress: Compress = None,
    key: typed.Key = None,
    chain: typed.Chain = None,
    mac_key: typed.MacKey = None,
    whole_key: typed.WholeKey = False,
    encrypt_for: typed.EncryptFor = None,
    bits: typed.KeyBits = "128",
    prepare_encryption: Prepare = False,
    sha: Hash = "256",
    header_size: HeaderSize = "0x100",
    has_header: HasHeader = False,
    load_address: LoadAddress = None,
    pad_to: PadTo = None,
    confirmed: Confirmed = False,
    passphrase_file: typed.PassphraseFile = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Build an image from a binary: as a profile wants it, or from single options.

    \b
    Examples:
      workbench image build app.bin app.img -v 1.1.0 -p tier-2-ecdsa --keys keys --device microbit-v1
      workbench image build app.bin app.img -v 1.1.0 --key signer.key.pem --counter 2
    """
    from workbench.images import files
    from workbench.images.build import without_header

    given = dict(locals())
    with reporting("image build", opt.Output(json=json, plain=plain)) as report:
        size = number(header_size) or 0
        payload = without_header(_binary(file), size) if has_header else _binary(file)
        if profile is not None:
            wanted = typed.profile_with_keys(profile, keys, device, passphrase_file)
            image = _as_profile(payload, wanted, size, given)
        else:
            image = _as_told(payload, size, given)
        if pad_to is not None:
            image = _padded(image, number(pad_to) or 0, confirmed=confirmed)
        files.write(out, image)
        _tell(report.result, out, image)
        if not json:
            stdout.say(f"{out}: version {report.result['version']}, {words.size(len(image))}")


_NOT_BESIDE_A_PROFILE = (
    "depends",
    "vid",
    "cid",
    "imgtool_ids",
    "boot_record",
    "compress",
    "key",
    "chain",
    "mac_key",
    "whole_key",
    "encrypt_for",
    "prepare_encryption",
    "load_address",
)
_ONLY_WITH_A_PROFILE = ("keys", "device", "chip_id", "encrypt")


def _as_profile(
    payload: bytes, wanted: tuple[Profile, KeyFolder, str], header_size: int, given: dict[str, Any]
) -> bytes:
    """The image that the profile makes of it."""
    from workbench.images.release import build_release

    typed.refuse(given, _NOT_BESIDE_A_PROFILE, "is the profile's to say", "leave out it, or --profile")
    profile, keys, device = wanted
    version = typed.version(given["version"])
    signed_at = given["signed_at"]
    counter = _counter(given) or 0
    if profile.rollback.counter == "write-once" and counter > MAX_WRITE_ONCE:
        raise InputError(
            f"a write-once counter goes to {MAX_WRITE_ONCE}, and {counter} is higher",
            cause="`auto` makes a counter for devices with 32 bits",
        )
    return build_release(
        payload,
        profile,
        keys,
        version=version,
        counter=counter,
        device=device,
        chip_id=typed.chip_id(given["chip_id"]),
        severity=given["severity"],
        max_deferrals=given["max_deferrals"],
        signing_time_s=None if signed_at is None else typed.moment(signed_at),
        encrypt=True if given["encrypt"] else None,
        header_size=header_size,
    )


def _as_told(payload: bytes, header_size: int, given: dict[str, Any]) -> bytes:
    """The image that the single options make of it."""
    from workbench.images.build import Options, Seal
    from workbench.images.build import build as build_image

    typed.refuse(given, _ONLY_WITH_A_PROFILE, "means nothing without a profile", "name one: --profile")
    vendor, kind = typed.ids(given["vid"], given["cid"])
    key, bits = given["key"], given["bits"]
    options = Options(
        version=typed.version(given["version"]),
        header_size=header_size,
        counter=_counter(given),
        dependencies=tuple(typed.dependency(text) for text in given["depends"] or ()),
        boot_record=given["boot_record"],
        vid=vendor,
        cid=kind,
        imgtool_ids=given["imgtool_ids"],
        severity=typed.severity(given["severity"]),
        max_deferrals=given["max_deferrals"],
        compression=given["compress"],
        for_encryption=int(bits) if given["prepare_encryption"] else 0,
        **_signer(key, given["chain"], given["signed_at"]),
        **_load(given["load_address"]),
    )
    seal = Seal(
        signing_key=typed.signing_key(key, given["passphrase_file"]) if key else None,
        mac_key=typed.mac_key(given["mac_key"]),
        encryption=typed.encryption(given["encrypt_for"], bits),
        hash_type=_hash(given["sha"]),
        whole_public_key=given["whole_key"],
    )
    return build_image(payload, options, seal)


def _counter(given: dict[str, Any]) -> int | None:
    text = given["counter"]
    return typed.version(given["version"]).counter if text == "auto" else number(text)


def _padded(image: bytes, slot_size: int, *, confirmed: bool) -> bytes:
    from workbench.images.format import ENCRYPTED, parse
    from workbench.images.trailer import Slot, pad_to_slot

    slot = Slot(size=slot_size, encrypted=parse(image).has_flag(ENCRYPTED))
    return pad_to_slot(image, slot, confirmed=confirmed)


def _signer(key: Path | None, chain: Path | None, signed_at: str | None) -> dict[str, Any]:
    if chain is None:
        return {} if signed_at is None else {"signing_time_s": typed.moment(signed_at)}
    if key is None:
        raise InputError("--chain goes with --key: the signer's own")
    return {
        "signer_chain": tuple(typed.certificates(chain)),
        "signing_time_s": typed.moment(signed_at or "now"),
    }


def _load(address: str | None) -> dict[str, Any]:
    from workbench.images.format import Flag

    if address is None:
        return {}
    return {"load_address": number(address), "flags": int(Flag.RAM_LOAD)}


def _hash(sha: typed.Sha) -> Any:
    from workbench.images.tlvs import TlvType

    return TlvType[f"SHA{sha}"]


def _binary(path: Path) -> bytes:
    """The bytes of the file; of HEX and ELF those that are loaded, gaps erased."""
    from workbench.images import files
    from workbench.probes.formats import FormatError, looks_like, parse

    data = files.read(path)
    kind = looks_like(data)
    if kind is None:
        return data
    try:
        chunks = parse(data, kind, 0)
    except FormatError as error:
        raise InputError(f"{path}: {error}", cause="a damaged file") from error
    begin, end = chunks[0].address, chunks[-1].end
    if end - begin > files.MAX_FILE_BYTES:
        raise InputError(f"{path} spreads over {end - begin} bytes", cause="it holds more than one image")
    made = bytearray(b"\xff" * (end - begin))
    for chunk in chunks:
        made[chunk.address - begin : chunk.end - begin] = chunk.data
    return bytes(made)


def _tell(result: dict[str, Any], out: Path, image: bytes) -> None:
    from workbench.images.describe import describe
    from workbench.images.format import parse

    result.update({"image": str(out), "size_bytes": len(image), **describe(parse(image))})
