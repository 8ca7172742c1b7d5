"""`workbench image encrypt`: an image that only one key opens."""

from __future__ import annotations

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(encrypt)


def encrypt(
    image: typed.Source,
    out: typed.Out,
    encrypt_for: typed.EncryptFor = None,
    bits: typed.KeyBits = "128",
    key: typed.Key = None,
    mac_key: typed.MacKey = None,
    passphrase_file: typed.PassphraseFile = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Encrypt an image's payload.

    Its header says that it is encrypted, and the signature covers the header: an image that was built with
    --prepare-encryption keeps its signature; another one is signed anew, with --key or --mac-key, or has no
    signature at all.

    \b
    Examples:
      workbench image encrypt app.img app.enc.img --encrypt-for enc.pub.pem
      workbench image encrypt app.img app.enc.img --encrypt-for kek.bin --key signer.key.pem
    """
    from workbench.images import files
    from workbench.images.build import Seal, encrypt_image, reseal
    from workbench.images.format import parse
    from workbench.images.tlvs import SIGNATURES, TlvType
    from workbench.images.verify import verify_hash

    with reporting("image encrypt", opt.Output(json=json, plain=plain)) as report:
        how = typed.encryption(encrypt_for, bits)
        if how is None:
            raise InputError("nobody to encrypt for", action="name a key: --encrypt-for")
        found = parse(files.read(image))
        kind = verify_hash(found)[0]
        vouched = any(tlv.type in SIGNATURES or tlv.type == TlvType.HMAC for tlv in found.tlvs)
        if found.has_flag(how.flag) and key is None and mac_key is None:
            made = encrypt_image(found, how).encode()
        elif vouched and key is None and mac_key is None:
            raise InputError(
                "encrypting this image breaks its signature",
                cause="it was built without --prepare-encryption",
                action="sign it anew: --key, or --mac-key",
            )
        else:
            seal = Seal(
                signing_key=typed.signing_key(key, passphrase_file) if key else None,
                mac_key=typed.mac_key(mac_key),
                encryption=how,
                hash_type=kind,  # type: ignore[arg-type]  # verify_hash finds no other
            )
            made = reseal(found, seal)
        files.write(out, made)
        report.result.update({"image": str(out), "size_bytes": len(made)})
        if not json:
            stdout.say(f"{out}: encrypted")
