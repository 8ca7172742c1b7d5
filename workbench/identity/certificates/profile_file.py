"""The tables of a certificate profile, `profiles/NAME.toml`, as pydantic models.

Each field's description completes the sentence "must be …" of an error.  Only what one value alone can get
wrong is checked here; what several values must agree on is in `contradictions`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from workbench.toml_file import Table

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"
OID_PATTERN: Final = r"^[0-2](\.(0|[1-9][0-9]{0,38})){1,20}$"

Kind = Literal[
    "root",
    "issuing",
    "idevid",
    "iak",
    "mcu-idevid",
    "ldevid",
    "release-signer",
    "update-server",
    "evidence-signer",
]
KeyAlgorithm = Literal[
    "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096", "ed25519"
]
IssuerAlgorithm = Literal["ecdsa-p256", "ecdsa-p384"]
Attribute = Literal["countryName", "organizationName", "organizationalUnitName", "commonName", "serialNumber"]
KeyUsageBit = Literal[
    "digitalSignature", "contentCommitment", "keyEncipherment", "keyAgreement", "keyCertSign", "cRLSign"
]
AltName = Literal["hardwareModuleName", "permanentIdentifier", "dNSName", "iPAddress"]
Constraints = Literal["absent", "ca", "no-ca"]

YesNo = Annotated[bool, Field(description="true or false, without quotes")]
Oid = Annotated[
    str, Field(pattern=OID_PATTERN, description="object identifiers with dots, such as '2.23.133.8.3'")
]


class Head(Table):
    """`[profile]`: what it is called, and which rules its certificates are held against (`kind`)."""

    name: str = Field(
        pattern=NAME_PATTERN,
        description="lower-case letters, digits, '.', '_' or '-', starting with a letter or digit",
    )
    title: str = Field(min_length=1, max_length=100, description="a text of 1 to 100 characters")
    kind: Kind


class Subject(Table):
    """`[subject]`: which attributes a request must give, which it may give, and which are always the same.

    The order in the certificate is fixed: C, O, OU, CN, serialNumber.
    """

    required: tuple[Attribute, ...] = Field(strict=False, max_length=5, description="a list of attributes")
    optional: tuple[Attribute, ...] = Field(
        strict=False, default=(), max_length=5, description="a list of attributes"
    )
    fixed: dict[Attribute, str] = Field(
        default={}, description='a table of attributes, such as organizationName = "ACME"'
    )


class Validity(Table):
    """`[validity]`: for `days`, or without end (99991231235959Z).

    `backdate_s`: how far before the time of issue it begins, for clocks that run behind.
    """

    days: int | None = Field(default=None, ge=1, le=36525, description="a number of days from 1 to 36525")
    without_end: YesNo = False
    backdate_s: int = Field(default=60, ge=0, le=86400, description="seconds from 0 to 86400")


class Key(Table):
    """`[key]`: kinds of key that are certified, and kinds of key that the issuer may sign with."""

    algorithms: tuple[KeyAlgorithm, ...] = Field(
        strict=False, min_length=1, max_length=7, description="a list of kinds of key"
    )
    issuer_algorithms: tuple[IssuerAlgorithm, ...] = Field(
        strict=False,
        default=("ecdsa-p256", "ecdsa-p384"),
        min_length=1,
        max_length=2,
        description="a list of 'ecdsa-p256' and 'ecdsa-p384'",
    )


class Extensions(Table):
    """`[extensions]`.  Key usage and basic constraints are critical, nothing else is.

    `alt_names_optional`: names that a request may leave out.  `hardware_type`: hwType of hardwareModuleName,
    what the chip's number is unique under.  `crl_distribution_points`: the CA's URLs, if it has any.
    """

    key_usage: tuple[KeyUsageBit, ...] = Field(
        strict=False, min_length=1, max_length=6, description="a list of key usages"
    )
    basic_constraints: Constraints = "no-ca"
    path_length: int | None = Field(default=None, ge=0, le=3, description="a number from 0 to 3")
    extended_key_usage: tuple[Oid, ...] = Field(
        strict=False, default=(), max_length=8, description="a list of object identifiers with dots"
    )
    policies: tuple[Oid, ...] = Field(
        strict=False, default=(), max_length=8, description="a list of object identifiers with dots"
    )
    alt_names: tuple[AltName, ...] = Field(
        strict=False, default=(), max_length=4, description="a list of kinds of name"
    )
    alt_names_optional: tuple[AltName, ...] = Field(
        strict=False, default=(), max_length=4, description="a list of kinds of name"
    )
    hardware_type: Oid | None = None
    subject_key_identifier: YesNo = True
    authority_key_identifier: YesNo = True
    crl_distribution_points: YesNo = False


class Limits(Table):
    """`[limits]`: what the place where the certificate will lie holds."""

    max_bytes: int | None = Field(
        default=None, ge=200, le=65535, description="a number of bytes from 200 to 65535"
    )


class ProfileFile(Table):
    """A whole profile."""

    profile: Head
    subject: Subject
    validity: Validity
    key: Key
    extensions: Extensions
    limits: Limits = Limits()
