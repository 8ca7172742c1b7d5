"""`workbench image sign`: another signature on an image."""

from __future__ import annotations

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(sign)


def sign(
    image: typed.Source,
    out: typed.Out,
    key: typed.Key = None,
    chain: typed.Chain = None,
    signed_at: typed.SignedAt = None,
    mac_key: typed.MacKey = None,
    whole_key: typed.WholeKey = False,
    passphrase_file: typed.PassphraseFile = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Sign an image that is not encrypted, in place of the signature that it may have.

    With --chain the signer's certificates and the signing time become part of it. A damaged image is refused.

    \b
    Examples:
      workbench image sign app.img signed.img --key signer.key.pem
      workbench image sign app.img signed.img --key signer.key.pem --chain signer.chain.pem
    """
    from workbench.images import files
    from workbench.images.build import Seal, Signer, reseal
    from workbench.images.format import parse
    from workbench.images.verify import verify_hash

    with reporting("image sign", opt.Output(json=json, plain=plain)) as report:
        if key is None and mac_key is None:
            raise InputError("nothing to sign with", action="name a key: --key, or --mac-key for an HMAC")
        found = parse(files.read(image))
        kind = verify_hash(found)[0]
        seal = Seal(
            signing_key=typed.signing_key(key, passphrase_file) if key else None,
            mac_key=typed.mac_key(mac_key),
            hash_type=kind,  # type: ignore[arg-type]  # verify_hash finds no other
            whole_public_key=whole_key,
        )
        signer = None
        if chain is not None:
            signer = Signer(tuple(typed.certificates(chain)), typed.moment(signed_at or "now"))
        made = reseal(found, seal, signer)
        files.write(out, made)
        report.result.update({"image": str(out), "size_bytes": len(made)})
        if not json:
            stdout.say(f"{out}: signed")
