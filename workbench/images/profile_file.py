"""The tables of a profile, `profiles/NAME.toml`, as pydantic models.

Each field's description completes the sentence "must be …" of an error.  Only what one value alone can get
wrong is checked here; what several values must agree on is in `contradictions`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from workbench.toml_file import Table

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"

Tier = Literal["1", "1+", "2", "3"]
SignatureAlgorithm = Literal["ecdsa-p256", "rsa-2048", "rsa-3072", "ed25519"]
Authentication = Literal["none", "mac", "signature"]
KeyWrap = Literal["none", "aes-kw", "ecies-p256", "ecies-x25519", "rsa-oaep-2048"]
Compression = Literal["none", "lzma2", "lzma2-thumb"]
Scope = Literal["none", "fleet", "unit"]
Storage = Literal["flash", "tpm"]
CounterStorage = Literal["none", "write-once", "tpm"]
Challenge = Literal["none", "hmac-sha256", "ecdsa-p256"]
Severity = Literal["none", "optional", "mandatory", "critical"]

Sentence = Annotated[
    str, Field(min_length=1, max_length=400, description="a sentence of 1 to 400 characters")
]
Sentences = Annotated[
    tuple[Sentence, ...],
    Field(strict=False, min_length=1, max_length=20, description="a list of 1 to 20 sentences"),
]
YesNo = Annotated[bool, Field(description="true or false, without quotes")]


class Head(Table):
    """`[profile]`: what it is called and what it means to those who decide."""

    name: str = Field(
        pattern=NAME_PATTERN,
        description="lower-case letters, digits, '.', '_' or '-', starting with a letter or digit",
    )
    title: str = Field(min_length=1, max_length=100, description="a text of 1 to 100 characters")
    tier: Tier
    suits: Sentence
    protects: Sentences
    given_up: Sentences


class Authenticity(Table):
    """`[authenticity]`: how the device knows that an image is from its maker.

    `chain`: the signer's certificates ride in the image and lead to a root that was provisioned.
    """

    method: Authentication
    algorithm: SignatureAlgorithm | None = None
    chain: YesNo = False


class Encryption(Table):
    """`[encryption]` of the payload: AES-CTR under a key of its own, wrapped by `method`.

    `bits` is the length of the payload's key.  `required`: the device takes no image in the clear.
    """

    method: KeyWrap
    bits: Literal[128, 256] = 128
    required: YesNo = False


class CompressionTable(Table):
    """`[compression]` of the payload."""

    method: Compression = "none"


class Keys(Table):
    """`[keys]`: what is secret on the device, who shares it, where it rests.

    `symmetric` is the scope of the secret that unwraps or authenticates images: none, one for a whole
    `fleet`, or one for each `unit`.  `device_key`: how the unit got the key pair that answers challenges.
    """

    symmetric: Scope
    storage: Storage
    device_key: Literal["none", "injected", "generated"] = "none"


class Rollback(Table):
    """`[rollback]`: what keeps an older image from being installed again."""

    counter: CounterStorage
    allow_version_downgrade: YesNo = False


class Product(Table):
    """`[product]`: images carry who made the device (VID) and what it is (CID), and others are refused.

    As imgtool derives them: VID is the UUID of `vendor`, a DNS name; CID is that of `device` below it.
    """

    required: YesNo = True
    vendor: str = Field(
        default="workbench.example",
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,100}[a-z0-9])?$",
        description="a DNS name of the maker, such as 'acme.example'",
    )
    device: str | None = Field(
        default=None, min_length=1, max_length=100, description="a text of 1 to 100 characters"
    )


class Proof(Table):
    """`[proof]`: how a unit shows what it runs.  `measured_boot`: the TPM's registers hold it."""

    challenge: Challenge = "none"
    measured_boot: YesNo = False


class Consent(Table):
    """`[consent]`: severity of a release that names none; `max_deferrals` is for mandatory ones."""

    severity: Severity = "none"
    max_deferrals: int = Field(default=0, ge=0, le=0xFFFF, description="a number from 0 to 65535")


class ProfileFile(Table):
    """A whole profile."""

    profile: Head
    authenticity: Authenticity
    encryption: Encryption
    compression: CompressionTable = CompressionTable()
    keys: Keys
    rollback: Rollback
    product: Product = Product()
    proof: Proof = Proof()
    consent: Consent = Consent()
