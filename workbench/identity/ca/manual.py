"""What an operator asks for, after the passphrase: certificates of signers and servers, CRLs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from workbench.identity.ca.authority import Authority, content_digest
from workbench.identity.ca.ca_file import ISSUING_CERTIFICATE
from workbench.identity.ca.certify import Wanted, spki_sha256
from workbench.identity.ca.crl import build_crl, check_reason
from workbench.identity.ca.errors import CaRefused, CaRequestConflict
from workbench.identity.ca.folder_files import replace_file
from workbench.identity.ca.framing import encode
from workbench.identity.ca.messages import MAX_MESSAGE_BYTES, Issued
from workbench.identity.ca.texts import checked_text, checked_uuid
from workbench.identity.certificates.build import PublicKey
from workbench.identity.certificates.fields import CertificateFields
from workbench.identity.certificates.known_keys import KNOWN_KEYS

MAX_CSR_BYTES: Final = 16 << 10
CRL_FILE: Final = "issuing.crl"
BY_CHECKS_ONLY: Final = frozenset({"root", "issuing", "idevid", "iak", "mcu-idevid"})
"""Kinds of profiles whose certificates come from `init` or from a unit's checked request, never by hand."""
_TEXTS: Final = ("common_name", "serial_number", "organization", "organizational_unit", "country")
_LISTS: Final = ("dns_names", "ip_addresses")
MAX_NAMES: Final = 32


class Manual:
    """An operator's requests."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._store = authority.store

    def issue(self, request_id: str, profile_name: str, source: Mapping[str, bytes], said: object) -> Issued:
        """A certificate by a profile: for `csr` (PKCS#10, whose signature is verified) or for `public_key`.

        Both in DER; `said` has the fields of the subject and the names.  The same request_id with the same
        content gives the same certificate.
        """
        checked_uuid("request_id", request_id)
        fields, plain = _fields(said, self._authority.settings.publish.crl_urls)
        key, kind = _public_key(source)
        content = content_digest(
            encode({"profile": profile_name, kind: source[kind], "fields": plain}, limit=MAX_MESSAGE_BYTES)
        )
        profile = self._authority.certifier.profile(checked_text("profile", profile_name))
        if profile.kind in BY_CHECKS_ONLY:
            raise CaRefused(
                f"certificates of profile {profile.name} are not issued by hand",
                reason="profile-refused",
                cause="they say what was checked of a unit, or what 'workbench ca init' makes",
                action="enrol the unit: 'workbench identity enroll'",
            )
        if any(spki_sha256(key) in known for known in KNOWN_KEYS.values()):
            raise _bad_source("known-key", "the key is published: everybody has it")
        found = self._store.request(request_id)
        if found is not None and (found.kind != "manual" or found.content_sha256 != content):
            raise CaRequestConflict("this request number was used before", reason="request-conflict")
        now = self._authority.time(None)
        if found is None:
            wanted = Wanted(profile.name, profile, fields, key)
            row = self._authority.certifier.prepare(request_id, wanted, now)
            with self._store.writing():
                self._store.add_request(
                    request_id,
                    "manual",
                    serial=fields.serial_number or fields.common_name or "",
                    model=profile.name,
                    station="operator",
                    replaces=None,
                    now=int(now.timestamp()),
                )
                self._store.claim(request_id, [("key", spki_sha256(key))], replaces=None)
                self._store.reserve(row)
                self._store.accept(request_id, content)
        if found is None or found.state != "issued":
            self._authority.certifier.finish(request_id, now)
        return self._authority.answer(request_id)

    def revoke(self, serial_number: str, reason: str) -> bytes:
        """Revokes a certificate of this CA by its number (hexadecimal), and returns the new CRL."""
        check_reason(reason)
        number = checked_text("serial_number", serial_number).lower().replace(":", "").lstrip("0")
        found = self._store.certificate(number)
        if found is None or found.der is None:
            raise CaRefused(
                f"this CA issued no certificate with the number {number}",
                reason="certificate-unknown",
                cause="a mistyped number, or another CA's certificate",
                action="look it up with 'workbench ca show --certificates'",
            )
        now = self._authority.time(None)
        with self._store.writing():
            self._store.revoke(number, reason, int(now.timestamp()))
        return self.crl()

    def crl(self) -> bytes:
        """A new CRL of the issuing CA in DER, also put into the folder."""
        now = self._authority.time(None)
        certifier = self._authority.certifier
        with self._store.writing():
            number = self._store.next_crl_number(ISSUING_CERTIFICATE, int(now.timestamp()))
        made = build_crl(
            certifier.issuer,
            self._store.revoked(certifier.issuer_sha256),
            number=number,
            now=now,
            days=self._authority.settings.limits.crl_days,
            sign=certifier.sign_bytes,
        )
        replace_file(self._authority.folder / CRL_FILE, made)
        return made


def _public_key(source: Mapping[str, bytes]) -> tuple[PublicKey, str]:
    try:
        if "csr" in source:
            csr = x509.load_der_x509_csr(source["csr"])
            if not csr.is_signature_valid:
                raise _bad_source("csr-signature", "the request's signature is not its key's")
            key: Any = csr.public_key()
            kind = "csr"
        else:
            key, kind = load_der_public_key(source["public_key"]), "public_key"
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise _bad_source("csr-form", "no PKCS#10 request, or no public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise _bad_source("key-kind", "a key of a kind that is not certified")
    return key, kind


def _bad_source(reason: str, what: str) -> CaRefused:
    return CaRefused(
        what,
        reason=reason,
        cause="another file was meant, or it was changed",
        action="give a PKCS#10 request or a public key in PEM or DER form",
    )


def _fields(said: object, crl_urls: tuple[str, ...]) -> tuple[CertificateFields, dict[str, Any]]:
    if not isinstance(said, Mapping) or not set(said) <= {*_TEXTS, *_LISTS}:
        raise _bad_source("field-invalid", "fields that no certificate has")
    plain: dict[str, Any] = {name: checked_text(name, said[name]) for name in _TEXTS if name in said}
    for name in _LISTS:
        values = said.get(name, [])
        if not isinstance(values, list) or len(values) > MAX_NAMES:
            raise _bad_source("field-invalid", f"'{name}' is no list of at most {MAX_NAMES} names")
        plain[name] = [checked_text(name, value) for value in values]
    lists = {name: tuple(plain[name]) for name in _LISTS}
    return CertificateFields(**{**plain, **lists}, crl_urls=crl_urls), plain
