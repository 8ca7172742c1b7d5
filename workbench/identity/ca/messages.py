"""What the certificate authority answers, and the limits of what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

MAX_MESSAGE_BYTES: Final = 160 << 10
"""Largest request or answer: a TPM request whose parts are all as long as they may be has 145 KiB."""
MAX_CRL_BYTES: Final = 8 << 20
"""Largest answer with a CRL: about 200 000 entries."""
MAX_TEXT_CHARS: Final = 200
NONCE_BYTES: Final = 32
SECRET_BYTES: Final = 32

Kind = Literal["tpm", "mcu"]
KeyStoreKind = Literal["file", "softhsm", "pkcs11"]


@dataclass(frozen=True, slots=True)
class CaStatus:
    """A certificate authority that serves: `chain` is DER, issuing certificate first, root last."""

    name: str
    time: datetime
    test: bool
    chain: tuple[bytes, ...]
    root: bytes
    key_store: KeyStoreKind
    certificates: int = 0
    revoked: int = 0


@dataclass(frozen=True, slots=True)
class Nonce:
    """What a request must contain: 32 bytes, once, until `expires`; for an MCU with its enrolment secret."""

    nonce: bytes
    secret: bytes | None = field(repr=False)
    expires: datetime


@dataclass(frozen=True, slots=True)
class Challenge:
    """MakeCredential's result: TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET as marshalled, with their sizes."""

    credential_blob: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """Certificates (DER) by name: "idevid" and "iak", or "device", or the profile's name; `chain` (DER) leads
    from the issuing certificate to the root."""

    certificates: Mapping[str, bytes]
    chain: tuple[bytes, ...]
