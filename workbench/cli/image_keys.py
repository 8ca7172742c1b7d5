"""`workbench image keys`: a folder of fresh keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.report import reporting
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.images.keys import Kind


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(keys)


def keys(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the keys go.", show_default=False)],
    profile: typed.ProfileName = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", metavar="KIND", help="What to make; repeat it for several.", show_default=False
        ),
    ] = None,
    intermediates: Annotated[
        int, typer.Option("--intermediates", min=0, max=3, help="CAs between root and signer.")
    ] = 0,
    production: Annotated[
        bool, typer.Option("--production", help="Not marked TEST; needs a passphrase.")
    ] = False,
    passphrase_file: typed.PassphraseFile = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Make the keys that a profile needs: root and signer, encryption keys, KEK, master secret.

    Kinds: ecdsa-p256, rsa-2048, rsa-3072, ed25519 (a root and a signer), encryption, encryption-x25519,
    encryption-rsa-2048, kek, master. Only their owner can read the files, and none is ever overwritten. Keys
    are marked TEST in their certificates, unless --production is given.

    \b
    Examples:
      workbench image keys keys --profile tier-2-ecdsa
      workbench image keys keys --kind ed25519 --kind kek
    """
    from workbench.images.keys import create

    with reporting("image keys", opt.Output(json=json, plain=plain)) as report:
        if production and passphrase_file is None:
            raise InputError(
                "keys for production are not written in the open",
                action="name a passphrase: --passphrase-file",
            )
        made = create(
            folder,
            _kinds(profile, kind),
            test=not production,
            intermediates=intermediates,
            passphrase=typed.passphrase(passphrase_file),
        )
        names = sorted(path.name for path in made.path.iterdir() if path.suffix in (".pem", ".bin"))
        report.result |= {"folder": str(folder), "files": names, "test": not production}
        if not json:
            stdout.say(f"{folder}: {', '.join(names)}")


def _kinds(profile: str | None, kinds: list[str] | None) -> list[Kind]:
    from workbench.images.keys import KINDS
    from workbench.images.profile import load_profile
    from workbench.images.profile_keys import kinds_for

    if (profile is None) == (not kinds):
        raise InputError("name a profile, or the kinds of keys, and not both")
    if profile is not None:
        return kinds_for(load_profile(profile, bench_folder=Path.cwd()))
    unknown = [kind for kind in kinds or () if kind not in KINDS]
    if unknown:
        raise InputError(f"'{unknown[0][:40]}' is no kind of key", cause=f"the kinds are {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in (kinds or ())]
