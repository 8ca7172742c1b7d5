"""`ca.toml`: what a certificate authority is called, where its keys are, and what it accepts.  No secrets.

Keys are named by URI: `file:keys/issuing.key.pem`, relative to the folder, or a PKCS#11 URI (RFC 7512).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from workbench.identity.ca.errors import CaFolderInvalid
from workbench.toml_file import FileInvalid, Table, parse, read_bytes

FILE_NAME: Final = "ca.toml"
ROOT_CERTIFICATE: Final = "root.crt"
ISSUING_CERTIFICATE: Final = "issuing.crt"
DATABASE: Final = "ca.db"
KEYS: Final = "keys"
RUN: Final = "run"
PROFILES: Final = "profiles"

Algorithm = Literal["ecdsa-p256", "ecdsa-p384"]
KeyUri = Annotated[
    str,
    Field(
        pattern=r"^(file:[^\x00-\x1f]{1,300}|pkcs11:[!-~]{1,600})$",
        description="file:PATH or a PKCS#11 URI",
    ),
]
Digests = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...],
    Field(strict=False, max_length=100_000, description="a list of SHA-256 digests in hexadecimal"),
]


class CaFileInvalid(FileInvalid):
    """A ca.toml is wrong."""

    code = "ca-file-invalid"
    default_cause = "ca.toml was edited by hand, and not as the workbench expects it"
    default_action = "correct ca.toml where the message says, then start the worker again; see docs/ca.md"


class Head(Table):
    """`[ca]`: its name, as in the certificates, and whether its certificates are for tests only."""

    name: str = Field(min_length=1, max_length=48, description="a text of 1 to 48 characters")
    test: bool
    algorithm: Algorithm = "ecdsa-p256"


class Keys(Table):
    """`[keys]`: where they are.  The root's may be moved away; then its URI is changed here."""

    root: KeyUri
    issuing: KeyUri
    enrolment: KeyUri


class Limits(Table):
    """`[limits]`: how long nonces and CRLs are good for, and how long a key store may take for one call."""

    nonce_minutes: int = Field(default=240, ge=1, le=10_080, description="minutes from 1 to 10080")
    crl_days: int = Field(default=30, ge=1, le=366, description="days from 1 to 366")
    root_crl_days: int = Field(default=366, ge=1, le=1100, description="days from 1 to 1100")
    key_call_s: int = Field(default=10, ge=1, le=120, description="seconds from 1 to 120")


class Product(Table):
    """`[product]`: what certificates of units say of their maker; which models there are (empty: any)."""

    organization: str = Field(min_length=1, max_length=64, description="a text of 1 to 64 characters")
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="two capital letters")
    models: tuple[str, ...] = Field(strict=False, default=(), max_length=1000, description="a list of models")
    serials: tuple[str, ...] = Field(
        strict=False, default=(), max_length=100_000, description="a list of ordered serial numbers"
    )


EkTemplateId = Literal["L-1", "L-2", "H-1", "H-2", "H-3", "H-4", "H-6", "H-7"]


class Tpm(Table):
    """`[tpm]`: which endorsement keys are trusted.  `vendor_roots` and `vendor_crls` are PEM files.

    `templates`: TCG templates of IDevID and IAK that are certified.  `ek_templates`: EK templates that are
    accepted, none for all; a TPM has several endorsement keys, and where one is named none gets two
    identities.
    `without_certificate`: what becomes of a TPM without EK certificate.  `revocation`: whether a missing or
    old CRL of a vendor lets pass (`grace`) or refuses (`fail-closed`).
    """

    vendor_roots: str | None = Field(default=None, max_length=300, description="a path in the CA's folder")
    vendor_crls: str | None = Field(default=None, max_length=300, description="a path in the CA's folder")
    templates: tuple[Literal["H-1", "H-2", "H-3", "H-4"], ...] = Field(
        strict=False, default=("H-2", "H-3"), min_length=1, description="a list of TCG templates"
    )
    ek_templates: tuple[EkTemplateId, ...] = Field(
        strict=False, default=(), max_length=8, description="a list of EK templates such as 'L-1' or 'H-3'"
    )
    revocation: Literal["off", "grace", "fail-closed"] = "off"
    without_certificate: Literal["refuse", "allow-list"] = "refuse"
    ek_allow_list: Digests = ()


class Mcu(Table):
    """`[mcu]`: which origins of a key are certified."""

    origins: tuple[Literal["on-chip", "injected"], ...] = Field(
        strict=False, default=("on-chip",), min_length=1, max_length=2, description="a list of origins"
    )


class Publish(Table):
    """`[publish]`: where relying parties find the CRL, for profiles that name it."""

    crl_urls: tuple[Annotated[str, Field(pattern=r"^https?://[!-~]{1,200}$")], ...] = Field(
        strict=False, default=(), max_length=4, description="a list of http URLs"
    )


class CaFile(Table):
    """A whole ca.toml."""

    ca: Head
    keys: Keys
    product: Product
    limits: Limits = Limits()
    tpm: Tpm = Tpm()
    mcu: Mcu = Mcu()
    publish: Publish = Publish()


def read_ca_file(folder: Path) -> CaFile:
    """The settings of the CA in `folder`; raises CaFolderInvalid, CaFileInvalid."""
    path = folder / FILE_NAME
    missing = [
        name
        for name in (FILE_NAME, ROOT_CERTIFICATE, ISSUING_CERTIFICATE, DATABASE)
        if not (folder / name).is_file()
    ]
    if missing:
        raise CaFolderInvalid(f"{folder} has no {missing[0]}")
    return parse(read_bytes(path, CaFileInvalid), path, CaFile, CaFileInvalid)


def new_ca_file(values: dict[str, dict[str, object]]) -> str:
    """The text of a ca.toml with those values, checked as when it is read; raises CaFileInvalid."""
    text = "".join(_table(name, fields) for name, fields in values.items() if fields)
    try:
        CaFile.model_validate(tomllib.loads(text))
    except ValidationError:
        parse(text.encode(), Path(FILE_NAME), CaFile, CaFileInvalid)
    return text


def _table(name: str, fields: dict[str, object]) -> str:
    lines = [f"{key} = {_value(value)}\n" for key, value in fields.items() if value is not None]
    return f"[{name}]\n{''.join(lines)}\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(item) for item in value)}]"
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x20 or c in '"\\\x7f' else c for c in str(value))
    return f'"{escaped}"'
