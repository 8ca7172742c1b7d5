"""A request under examination: its parts, parsed once, for the checks to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

from workbench.identity.tpm.csr import CsrParts, split_csr
from workbench.identity.tpm.ek import ek_digest
from workbench.identity.tpm.ek_certificate import EkCertificate, read_ek_certificate
from workbench.identity.tpm.ek_chain import Path
from workbench.identity.tpm.names import name_of
from workbench.identity.tpm.policy import EkPolicy, TpmPolicy
from workbench.identity.tpm.public_key import spki
from workbench.identity.tpm.request import NonceState, TpmRequest
from workbench.identity.tpm.structures import (
    Attest,
    Certified,
    Created,
    EccKey,
    PublicArea,
    Quoted,
    RsaKey,
    parse_attest,
    parse_public,
)
from workbench.identity.tpm.templates import SHAPES, Shape

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Check(Generic[Subject]):
    """One check: its name, the reasons for which it refuses, and what it does (raises IdentityRefused)."""

    name: str
    reasons: tuple[str, ...]
    run: Callable[[Subject], None]


def check(*reasons: str) -> Callable[[Callable[[Subject], None]], Check[Subject]]:
    """Makes a Check of a function, named as the function is."""

    def make(function: Callable[[Subject], None]) -> Check[Subject]:
        return Check(function.__name__, reasons, function)

    return make


@dataclass
class EkCase:
    """An EK and what came with it.  `path` and `notes` are filled in by the checks."""

    public_bytes: bytes
    certificate_bytes: bytes | None
    chain: tuple[bytes, ...]
    policy: EkPolicy
    manufacturer: str
    now: datetime
    path: Path | None = None
    notes: list[str] = field(default_factory=list)

    @cached_property
    def public(self) -> PublicArea:
        """The EK's public area; raises TpmStructureMalformed."""
        return parse_public(self.public_bytes)

    @cached_property
    def certificate(self) -> EkCertificate | None:
        """Its certificate, None where the TPM has none; raises EkCertificateMalformed."""
        raw = self.certificate_bytes
        return None if raw is None else read_ek_certificate(raw)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of its SubjectPublicKeyInfo; raises TpmStructureMalformed."""
        return ek_digest(self.public)


@dataclass
class KeyCase:
    """One of the two keys: its public area as the CSR has it."""

    public_bytes: bytes

    @cached_property
    def public(self) -> PublicArea:
        """Raises TpmStructureMalformed."""
        return parse_public(self.public_bytes)

    @cached_property
    def shape(self) -> Shape | None:
        """The shape that fits its type and size, None if none does."""
        key = self.public.key
        found = (key.curve, None) if isinstance(key, EccKey) else (None, key.bits)
        return next((s for s in SHAPES.values() if (s.curve, None if s.curve else s.bits) == found), None)

    @cached_property
    def name(self) -> bytes:
        """Its Name, computed here; raises TpmStructureMalformed."""
        return name_of(self.public)

    @cached_property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo DER; raises TpmStructureMalformed."""
        return spki(self.public)

    @property
    def unique(self) -> bytes:
        """The modulus, or both coordinates."""
        key = self.public.key
        return key.modulus if isinstance(key, RsaKey) else key.x + key.y


@dataclass
class Case:
    """A request, what is known of its nonce, and what the authority wants."""

    request: TpmRequest
    policy: TpmPolicy
    nonce: NonceState
    now: datetime

    @cached_property
    def csr(self) -> CsrParts:
        """The CSR cut by its sizes; raises CsrMalformed."""
        return split_csr(self.request.csr)

    @cached_property
    def idevid(self) -> KeyCase:
        """signingPub."""
        return KeyCase(self.csr.fields.idevid_public)

    @cached_property
    def iak(self) -> KeyCase:
        """attestPub."""
        return KeyCase(self.csr.fields.iak_public)

    def key(self, kind: str) -> KeyCase:
        """`idevid` or `iak`."""
        return self.idevid if kind == "idevid" else self.iak

    @cached_property
    def attest(self) -> Attest:
        """sgnCertifyInfo, whatever its magic; raises TpmStructureMalformed."""
        return parse_attest(self.csr.fields.idevid_attest, any_magic=True)

    @cached_property
    def creation(self) -> Attest:
        """atCertifyInfo, whatever its magic; raises TpmStructureMalformed."""
        return parse_attest(self.csr.fields.iak_attest, any_magic=True)

    @cached_property
    def ek(self) -> EkCase:
        """The EK's part of the request."""
        request = self.request
        return EkCase(
            request.ek_public,
            request.ek_cert,
            request.ek_chain,
            self.policy.ek,
            request.properties.manufacturer,
            self.now,
        )


def attested_name(attest: Attest) -> bytes:
    """Name of the object that is attested; empty for a quote."""
    attested = attest.attested
    return b"" if isinstance(attested, Quoted) else attested.name


def attested_qualified_name(attest: Attest) -> bytes:
    """Qualified Name of the object that was certified; empty for everything but TPM2_Certify."""
    return attest.attested.qualified_name if isinstance(attest.attested, Certified) else b""


def is_creation(attest: Attest) -> bool:
    """Whether TPM2_CertifyCreation made it."""
    return isinstance(attest.attested, Created)
