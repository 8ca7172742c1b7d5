"""Where the CA's keys live: what a key store can do, whichever it is.

A store never gives a private key away; it signs, and it derives one-time secrets.  `key_file` keeps keys in
encrypted files, `pkcs11` in a token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from workbench.identity.ca.ca_file import Algorithm
from workbench.identity.ca.messages import KeyStoreKind

CURVES: Final[dict[Algorithm, type[ec.EllipticCurve]]] = {
    "ecdsa-p256": ec.SECP256R1,
    "ecdsa-p384": ec.SECP384R1,
}
Role = Literal["root", "issuing"]


class SigningKey(Protocol):
    """A private key that signs."""

    @property
    def kind(self) -> KeyStoreKind:
        """Where it lives."""

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its other half."""

    def sign(self, data: bytes) -> bytes:
        """ECDSA over `data` with the curve's hash, as DER (RFC 3279, 2.2.3); raises CaKeyUnavailable."""

    def close(self) -> None:
        """Gives back what it holds."""


class SecretKey(Protocol):
    """A secret from which one-time secrets are derived."""

    def derive(self, data: bytes) -> bytes:
        """HMAC-SHA256 of `data`, 32 bytes; raises CaKeyUnavailable."""

    def close(self) -> None:
        """Gives back what it holds."""


def hash_of(curve: ec.EllipticCurve) -> SHA256 | SHA384:
    """SHA-256 for P-256, SHA-384 for P-384 (RFC 5758, 3.2: the hash is as long as the curve's order)."""
    return SHA384() if isinstance(curve, ec.SECP384R1) else SHA256()


def open_signing_key(uri: str, folder: Path, passphrase: bytes, *, call_s: float = 10) -> SigningKey:
    """The key that `uri` names, opened; raises CaKeyUnavailable."""
    if uri.startswith("pkcs11:"):
        from workbench.identity.ca.pkcs11 import Pkcs11SigningKey, open_token
        from workbench.identity.ca.pkcs11_uri import parse_uri

        parsed = parse_uri(uri)
        return Pkcs11SigningKey(open_token(parsed, passphrase, call_s=call_s), parsed)
    from workbench.identity.ca.key_file import FileSigningKey

    return FileSigningKey(folder / uri.removeprefix("file:"), passphrase)


def open_secret_key(uri: str, folder: Path, passphrase: bytes, *, call_s: float = 10) -> SecretKey:
    """The secret that `uri` names, opened; raises CaKeyUnavailable."""
    if uri.startswith("pkcs11:"):
        from workbench.identity.ca.pkcs11 import Pkcs11SecretKey, open_token
        from workbench.identity.ca.pkcs11_uri import parse_uri

        parsed = parse_uri(uri)
        return Pkcs11SecretKey(open_token(parsed, passphrase, call_s=call_s), parsed)
    from workbench.identity.ca.key_file import FileSecretKey

    return FileSecretKey(folder / uri.removeprefix("file:"), passphrase)
