"""Certificates that must not be accepted, and the keys below them.  Pure, but for random keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from workbench.images.certificates import (
    CODE_SIGNING,
    Issuer,
    KeyKind,
    PrivateKey,
    PublicKey,
    der,
    issue,
    name,
    new_key,
)

TLS: Final = ExtendedKeyUsageOID.SERVER_AUTH
YEAR: Final = timedelta(days=365)
_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and certificates that are said to vouch for it: DER, the signer's first, without a root."""

    key: PrivateKey
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class Forger:
    """Issues certificates as nobody should; `at` is the time for which they are to be wrong."""

    kind: KeyKind
    root: Issuer
    at: datetime

    @classmethod
    def below(cls, kind: KeyKind, root: x509.Certificate, key: PrivateKey, signed_s: int) -> Forger:
        """One who has the root's key, to show one mistake at a time."""
        return cls(kind, Issuer(root.subject, key), datetime.fromtimestamp(signed_s, UTC))

    def signer(
        self,
        *,
        issuer: Issuer | None = None,
        begin: timedelta = -YEAR,
        end: timedelta = YEAR,
        purposes: Sequence[ObjectIdentifier] = (CODE_SIGNING,),
        ca: bool = False,
        above: Sequence[bytes] = (),
    ) -> Signer:
        """A signer, valid from `begin` to `end` around the signing time; `above` is the rest of the chain."""
        key = new_key(self.kind)
        return Signer(key, (self._leaf(key.public_key(), issuer, begin, end, purposes, ca), *above))

    def _leaf(
        self,
        public: PublicKey,
        issuer: Issuer | None,
        begin: timedelta,
        end: timedelta,
        purposes: Sequence[ObjectIdentifier],
        ca: bool,
    ) -> bytes:
        made = issue(
            name("trial signer"),
            public,
            issuer or self.root,
            ca=ca,
            not_before=self.at + begin,
            not_after=self.at + end,
            purposes=purposes,
            signs=True,
        )
        return der(made)

    def who_may_not_sign(self) -> Signer:
        """A signer whose certificate is for agreeing on keys, and says nothing of signatures."""
        key = new_key(self.kind)
        usage = dict.fromkeys(_USAGES, False) | {"key_agreement": True}
        made = (
            x509.CertificateBuilder(self.root.name, name("trial signer"), key.public_key(), 7)
            .not_valid_before(self.at - YEAR)
            .not_valid_after(self.at + YEAR)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.ExtendedKeyUsage([CODE_SIGNING]), critical=False)
            .sign(self.root.key, SHA256())
        )
        return Signer(key, (der(made),))

    def authority(self, label: str, issuer: Issuer | None = None, *, ca: bool = True) -> tuple[Issuer, bytes]:
        """Somebody between root and signer, and the certificate; `ca` False for one who may issue nothing."""
        key = new_key(self.kind)
        made = issue(
            name(label),
            key.public_key(),
            issuer or self.root,
            ca=ca,
            not_before=self.at - YEAR,
            not_after=self.at + YEAR,
        )
        return Issuer(name(label), key), der(made)

    def of_another_root(self) -> Signer:
        """A good signer below a root that is not the unit's."""
        return self.signer(issuer=Issuer(name("somebody else's root"), new_key(self.kind)))

    def of_a_namesake(self) -> Signer:
        """The same, below a root of the same name and another key."""
        return self.signer(issuer=Issuer(self.root.name, new_key(self.kind)))

    def self_signed(self) -> Signer:
        """A signer who vouches for himself."""
        key = new_key(self.kind)
        own = Issuer(name("trial signer"), key)
        return Signer(key, (self._leaf(key.public_key(), own, -YEAR, YEAR, (CODE_SIGNING,), False),))

    def below_a_signer(self) -> Signer:
        """A signer whose certificate another signer issued, who is no CA."""
        issuer, above = self.authority("trial signer who issues", ca=False)
        return self.signer(issuer=issuer, above=(above,))

    def without_intermediate(self) -> Signer:
        """A signer below an intermediate that is left out of the chain."""
        issuer, _ = self.authority("trial CA")
        return self.signer(issuer=issuer)

    def far_below(self, depth: int) -> Signer:
        """A good signer below so many intermediates."""
        issuer, above = self.root, list[bytes]()
        for number in range(depth):
            issuer, found = self.authority(f"trial CA {number}", issuer)
            above.insert(0, found)
        return self.signer(issuer=issuer, above=above)
