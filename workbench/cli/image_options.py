"""Options that the verbs of `workbench image` share, and what the typed values stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.images.encryption import Encryption, UnwrapKey, WrapKey
    from workbench.images.keys import KeyFolder, PrivateKey, PublicKey
    from workbench.images.profile import Profile
    from workbench.images.tlvs import Dependency, Severity, Version
    from workbench.images.verify import Verified

Method = Literal["lzma2", "lzma2-thumb"]
Pressure = Literal["optional", "mandatory", "critical"]
Sha = Literal["256", "384", "512"]
Bits = Literal["128", "256"]

Source = Annotated[Path, typer.Argument(metavar="IMAGE", help="An image.", show_default=False)]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="Where the image goes.", show_default=False)]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile", "-p", metavar="PROFILE", help="Security profile: name or file.", show_default=False
    ),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys", metavar="FOLDER", help="Keys of the profile, from `image keys`.", show_default=False
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Target that the image is for; gives the class ID.",
        show_default=False,
    ),
]
ChipId = Annotated[
    str | None,
    typer.Option(
        "--chip-id",
        metavar="HEX",
        help="The unit, where a profile makes an image for each: its chip ID, as `slot list` shows it.",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option("--key", "-k", metavar="PEM", help="Private key that signs.", show_default=False),
]
Chain = Annotated[
    Path | None,
    typer.Option(
        "--chain", metavar="PEM", help="The signer's certificates, its own first.", show_default=False
    ),
]
SignedAt = Annotated[
    str | None,
    typer.Option(
        "--signed-at", metavar="TIME", help="Signing time. Default, with a chain: now.", show_default=False
    ),
]
MacKey = Annotated[
    Path | None,
    typer.Option("--mac-key", metavar="FILE", help="Key of the HMAC, 32 bytes.", show_default=False),
]
EncryptFor = Annotated[
    Path | None,
    typer.Option(
        "--encrypt-for",
        metavar="FILE",
        help="Public key (PEM: P-256, X25519, RSA-2048), or a KEK of 16 or 32 bytes.",
        show_default=False,
    ),
]
KeyBits = Annotated[Bits, typer.Option("--bits", help="Length of the payload's key.")]
DecryptWith = Annotated[
    Path | None,
    typer.Option(
        "--decrypt-with",
        metavar="FILE",
        help="Private key (PEM), or a KEK of 16 or 32 bytes.",
        show_default=False,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="File whose first line opens the private keys.",
        show_default=False,
    ),
]
WholeKey = Annotated[
    bool, typer.Option("--whole-key", help="The whole public key in the image, not its hash.")
]
Vid = Annotated[
    str | None,
    typer.Option("--vid", metavar="VENDOR", help="Vendor: a domain name, or a UUID.", show_default=False),
]
Cid = Annotated[
    str | None,
    typer.Option("--cid", metavar="CLASS", help="Class of devices: a name, or a UUID.", show_default=False),
]
ImgtoolIds = Annotated[
    bool, typer.Option("--imgtool-ids", help="Vendor and class in the TLVs of imgtool 2.5 (0x74, 0x75).")
]


def refuse(given: Mapping[str, Any], names: Iterable[str], why: str, action: str) -> None:
    """Refuses the options of those names, where they were given."""
    for name in names:
        if given[name]:
            raise InputError(f"--{name.replace('_', '-')} {why}", action=action)


def passphrase(path: Path | None) -> bytes | None:
    """The first line of the file."""
    from workbench.images import files

    if path is None:
        return None
    line = files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES).partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise InputError(f"{path} begins with an empty line instead of a passphrase")
    return line


def key_folder(path: Path | None, passphrase_file: Path | None) -> KeyFolder | None:
    """The folder's keys."""
    from workbench.images.keys import load

    return None if path is None else load(path, passphrase(passphrase_file))


def profile_with_keys(
    name: str, folder: Path | None, device: str | None, passphrase_file: Path | None
) -> tuple[Profile, KeyFolder, str]:
    """The profile, its keys and the device."""
    from workbench.images.profile import load_profile

    keys = key_folder(folder, passphrase_file)
    if keys is None or device is None:
        raise InputError(
            "a profile needs --keys and --device",
            cause="it says what is done, not with which keys or for whom",
        )
    return load_profile(name, bench_folder=Path.cwd()), keys, device


def chip_id(text: str | None) -> bytes | None:
    """8 bytes as they lie in the chip, from 16 hexadecimal digits as the workbench shows them."""
    from workbench.images.unit import chip_id_bytes

    return None if text is None else chip_id_bytes(text.removeprefix("0x"))


def signing_key(path: Path, passphrase_file: Path | None) -> PrivateKey:
    """The private key in the PEM file."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from workbench.images.keys import KeyInvalid, load_private

    key = load_private(_pem(path), passphrase(passphrase_file))
    if isinstance(key, X25519PrivateKey):
        raise KeyInvalid(f"{path} holds a key that cannot sign")
    return key


def public_key(path: Path) -> PublicKey:
    """The public key in the PEM file, which may also be a certificate or a private key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from workbench.images.keys import KeyInvalid, load_public

    key = load_public(_pem(path))
    if isinstance(key, X25519PublicKey):
        raise KeyInvalid(f"{path} holds a key that cannot sign")
    return key


def certificates(path: Path) -> list[bytes]:
    """DER certificates of a PEM file."""
    from workbench.images.certificates import der
    from workbench.images.keys import load_certificates

    return [der(found) for found in load_certificates(_pem(path))]


def mac_key(path: Path | None) -> bytes | None:
    """32 bytes from a file."""
    from workbench.images import files
    from workbench.images.derive import SECRET_BYTES
    from workbench.images.keys import KeyInvalid

    if path is None:
        return None
    key = files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES)
    if len(key) != SECRET_BYTES:
        raise KeyInvalid(f"{path} has {len(key)} bytes; a key of an HMAC has {SECRET_BYTES}")
    return key


def encryption(path: Path | None, bits: Bits) -> Encryption | None:
    """How to encrypt for the key in the file."""
    from workbench.images.encryption import Encryption

    if path is None:
        return None
    return Encryption(wrap_key(path), 128 if bits == "128" else 256)


def wrap_key(path: Path) -> WrapKey:
    """A public key or a KEK."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from workbench.images.keys import KeyInvalid, load_public

    data = _pem(path)
    if not data.lstrip().startswith(b"-----"):
        return _kek(path, data)
    key = load_public(data)
    if isinstance(key, Ed25519PublicKey):
        raise KeyInvalid(f"{path} holds a key that only signs")
    return key


def unwrap_key(path: Path, passphrase_file: Path | None) -> UnwrapKey:
    """A private key or a KEK."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from workbench.images.keys import KeyInvalid, load_private

    data = _pem(path)
    if not data.lstrip().startswith(b"-----"):
        return _kek(path, data)
    key = load_private(data, passphrase(passphrase_file))
    if isinstance(key, Ed25519PrivateKey):
        raise KeyInvalid(f"{path} holds a key that only signs")
    return key


def moment(text: str) -> int:
    """Seconds since 1970 UTC from 2026-01-31, 2026-01-31T12:00:00Z, `now`; without a zone it is UTC."""
    if text == "now":
        return int(datetime.now(UTC).timestamp())
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"'{text[:40]}' is no time", action="write it as 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
    seconds = int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    if seconds < 0:
        raise InputError(f"'{text}' lies before 1970")
    return seconds


def version(text: str) -> Version:
    """1.2.3+4."""
    from workbench.images.tlvs import Version

    return Version.parse(text)


def severity(text: Pressure | None) -> Severity | None:
    """By its word."""
    from workbench.images.tlvs import Severity

    return None if text is None else Severity[text.upper()]


def dependency(text: str) -> Dependency:
    """1:2.3.4 means image 1 in at least that version."""
    from workbench.images.tlvs import Dependency

    image, colon, least = text.partition(":")
    if not colon or not image.isdecimal() or int(image) > 255:
        raise InputError(
            f"'{text[:40]}' is no dependency", action="write it as IMAGE:VERSION, such as 1:2.0.0"
        )
    return Dependency(int(image), version(least))


def ids(vid: str | None, cid: str | None) -> tuple[bytes | None, bytes | None]:
    """Vendor and class as they lie in an image."""
    from workbench.images.tlvs import cid_of, vid_of

    vendor = None if vid is None else vid_of(vid)
    return vendor, None if cid is None else cid_of(cid, vendor)


def value_of(found: Verified) -> dict[str, object]:
    """What was verified, as an observation."""
    from workbench.images.describe import describe

    return describe(found.image) | {
        "hash": found.digest.hex(),
        "proofs": list(found.proofs),
        "signer": found.signer.name if found.signer else None,
        "payload_bytes": len(found.payload),
    }


def _pem(path: Path) -> bytes:
    from workbench.images import files

    return files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES)


def _kek(path: Path, data: bytes) -> bytes:
    from workbench.images.keys import KeyInvalid

    if len(data) not in (16, 32):
        raise KeyInvalid(f"{path} is neither PEM nor a KEK of 16 or 32 bytes")
    return data
