"""Options that the verbs of `workbench identity` share, and what the typed values stand for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import words
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.boards.bench import Bench
    from workbench.station.enroll import Wanted

Serial = Annotated[
    str,
    typer.Option("--serial", metavar="TEXT", help="Serial number on the unit's label.", show_default=False),
]
Model = Annotated[str, typer.Option("--model", metavar="TEXT", help="Product model.", show_default=False)]
Ca = Annotated[
    Path | None,
    typer.Option("--ca", metavar="DIR", help="Folder of the certificate authority.", show_default=False),
]
Station = Annotated[
    str | None,
    typer.Option("--station", metavar="NAME", help="Default: this machine's name.", show_default=False),
]
CaCredential = Annotated[
    Path | None,
    typer.Option(
        "--credential",
        metavar="FILE",
        help="File with the CA's passphrase, mode 0600, where no worker serves the CA yet.",
        show_default=False,
    ),
]
KeyCredential = Annotated[
    Path | None,
    typer.Option(
        "--key-credential",
        metavar="FILE",
        help="File with the passphrase of the station's key for evidence, mode 0600.",
        show_default=False,
    ),
]
EscrowKey = Annotated[
    Path | None,
    typer.Option(
        "--escrow-key",
        metavar="PEM",
        help="Public half of the offline key for which lockout passwords are encrypted.",
        show_default=False,
    ),
]
EscrowFolder = Annotated[
    Path | None,
    typer.Option(
        "--escrow-folder",
        metavar="DIR",
        help="Where encrypted lockout passwords go. Default: escrow beside the bench's records.",
        show_default=False,
    ),
]
VendorRoots = Annotated[
    Path | None,
    typer.Option(
        "--vendor-roots",
        metavar="PEM",
        help="TPM vendors that this station trusts. Default: those of the CA.",
        show_default=False,
    ),
]
Template = Annotated[
    str, typer.Option("--template", metavar="ID", help="TCG template of the keys: H-1, H-2, H-3, H-4.")
]
Unique = Annotated[
    str | None,
    typer.Option(
        "--unique",
        metavar="FORM",
        help="How the template's unique field is filled: y-empty or y-equal.",
        show_default=False,
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NAME",
        help="Accept a weaker unit: platform-open, owner-nv, owner-auth. See docs/identity.md.",
        show_default=False,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="HEX",
        help="The part of the chip's ID on the label: the beginning of a TPM's EK digest, or the end of a "
        "chip ID.",
        show_default=False,
    ),
]
PermitLock = Annotated[
    bool, typer.Option("--permit-lock", help="Allow what cannot be undone: the unit is locked for ever.")
]
OffTime = Annotated[
    float, typer.Option("--off", metavar="SECONDS", min=0, help="How long the board is without power.")
]

Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys", "-k", metavar="FOLDER", help="Key folder of units of tier 1 and 1+.", show_default=False
    ),
]
Production = Annotated[
    bool,
    typer.Option(
        "--production", help="Refuse what was made for tests: CA, tokens, keys, TPM. See docs/identity.md."
    ),
]

IRREVERSIBLE = "the CA issues certificates for this serial number: it has an identity from then on"
TPM_STEPS = (
    ("look at the TPM; refuse one that is unknown, used or in lockout", False),
    ("check its endorsement key against the vendors that are trusted", False),
    ("enter the unit into the ledger: serial number and chip belong together from then on", True),
    ("make IDevID and IAK in the TPM, and keep them at their handles", False),
    ("prove them to the CA with its nonce", False),
    (IRREVERSIBLE, True),
    ("set dictionary-attack parameters, disable Clear", True),
    ("give the lockout hierarchy a random password, which only the offline key can have", True),
    ("store both certificates, read them back, and set their write locks", True),
    ("switch the board off and on: its firmware closes the platform hierarchy", True),
    ("read everything again, challenge the keys, try what must fail", False),
    ("sign the evidence", False),
)
MCU_STEPS = (
    ("look at the chip; refuse one that is locked or enrolled", False),
    ("enter the unit into the ledger: serial number and chip belong together from then on", True),
    ("write a one-time secret with the probe; the chip makes its key", True),
    (IRREVERSIBLE, True),
    ("write both copies of the certificate, and freeze them", True),
    ("switch read-back protection on: the chip can then only be erased", True),
    ("attach again, try to read, hear the unit answer a challenge", False),
    ("sign the evidence", False),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """What was typed."""

    serial: str = ""
    model: str = ""
    ca: Path | None = None
    station: str | None = None
    credential: Path | None = None
    key_credential: Path | None = None
    escrow_key: Path | None = None
    escrow_folder: Path | None = None
    vendor_roots: Path | None = None
    template: str = "H-3"
    unique: str | None = None
    allow: tuple[str, ...] = ()
    label: str | None = None
    rma: str | None = None
    permit_lock: bool = False
    off_s: float = 0.5
    keys: Path | None = None
    passphrase_file: Path | None = None
    image: Path | None = None
    production: bool = False

    def wanted(self, bench: Bench) -> Wanted:
        """What the station is to do on that bench; raises InputError where something is missing."""
        from workbench.cli.ca_options import passphrase_of
        from workbench.cli.image_options import passphrase
        from workbench.settings import STATE_FOLDER
        from workbench.station.enroll import TpmWanted, Wanted
        from workbench.station.evidence import evidence_folder
        from workbench.station.places import database_url

        if self.ca is None:
            raise InputError("no certificate authority was named", action="name its folder: --ca DIR")
        return Wanted(
            serial=self.serial,
            model=self.model,
            station=self.station or os.uname().nodename,
            ca=self.ca,
            ledger=database_url(bench.folder),
            evidence=evidence_folder(bench.folder),
            ca_passphrase=passphrase_of(self.credential, "passphrase of the CA"),
            evidence_passphrase=passphrase_of(
                self.key_credential, "passphrase of the station's key", option="--key-credential"
            ),
            label=self.label,
            rma=self.rma,
            permit_lock=self.permit_lock,
            off_s=self.off_s,
            tpm=TpmWanted(
                template=self.template,
                unique=self.unique,
                vendor_roots=self.vendor_roots,
                escrow_key=self.escrow_key,
                escrow_folder=self.escrow_folder or bench.folder / STATE_FOLDER / "escrow",
                allow=frozenset(self.allow),
            ),
            keys=self.keys,
            keys_passphrase=passphrase(self.passphrase_file),
            image=self.image,
            production=self.production,
        )


def result_words(result: dict[str, Any]) -> list[str]:
    """The unit's outcome in lines for a person."""
    if "state" not in result:
        return []
    lines = [f"unit {result['serial']}: {result['state']}, chip {words.short_hash(result['hardware_id'])}"]
    if result["resumed"]:
        lines.append(f"an earlier run had left it {result['resumed']}; it is the same unit")
    for tried in result["tried"]:
        lines.append(
            f"  {tried['act']}: must give {tried['expected']}, gave {tried['observed']}: {tried['outcome']}"
        )
    own_ms = sum(step["own_s"] for step in result["steps"]) * 1000
    tpm_ms = sum(step["tpm_s"] for step in result["steps"]) * 1000
    if tpm_ms:
        lines.append(f"{own_ms:.0f} ms of the station's own time, {tpm_ms:.0f} ms in the TPM")
    return lines


def brief(result: dict[str, Any]) -> str:
    """The same in one cell of a table."""
    return f"{result.get('serial', '-')}: {result.get('state', '-')}"
