"""Certificates as the CA makes them, changed in one thing: what our lints must refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from math import prod
from typing import Any

from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.certificate_lab import (
    NOW,
    Issued,
    bytes_changed,
    changed,
    extension,
    fields_for,
    issued,
    unlinted,
)
from workbench.identity.certificates import oids
from workbench.identity.certificates.build import PublicKey
from workbench.identity.certificates.fields import HardwareModule, PermanentIdentifier
from workbench.identity.certificates.other_names import hardware_module_der, permanent_identifier_der
from workbench.identity.certificates.profile import load_profile
from workbench.identity.certificates.profile_file import Limits
from workbench.identity.certificates.rules_holder import _ROCA_PRIMES

Make = Callable[[], Issued]


def of(name: str, change: Callable[[Any], None]) -> Make:
    """The certificate of that profile, changed."""
    return lambda: changed(issued(name), change)


def with_key(name: str, key: Callable[[], PublicKey]) -> Make:
    """A certificate of that profile for another key."""
    return lambda: unlinted(load_profile(name), fields_for(name), issued("issuing"), key())


def put(*path: str, value: Any) -> Callable[[Any], None]:
    """A change of one value of the TBS."""

    def change(tbs: Any) -> None:
        for part in path[:-1]:
            tbs = tbs[part]
        tbs[path[-1]] = value

    return change


def usage(*bits: str) -> bytes:
    der: bytes = asn1.KeyUsage(set(bits)).dump()
    return der


def constraints(*, ca: bool, length: int | None = None) -> bytes:
    der: bytes = asn1.BasicConstraints({"ca": ca, "path_len_constraint": length}).dump()
    return der


def purposes(*found: str) -> bytes:
    der: bytes = asn1.ExtKeyUsageSyntax(list(found)).dump()
    return der


def policies(*found: str) -> bytes:
    der: bytes = asn1.CertificatePolicies([{"policy_identifier": oid} for oid in found]).dump()
    return der


def names(*found: x509.GeneralName) -> bytes:
    return x509.SubjectAlternativeName(found).public_bytes()


def other(oid: str, value: bytes) -> x509.GeneralName:
    return x509.OtherName(x509.ObjectIdentifier(oid), value)


def hardware(serial: bytes, kind: str = oids.TPM_20) -> x509.GeneralName:
    return other(oids.HARDWARE_MODULE_NAME, hardware_module_der(HardwareModule(kind, serial)))


def identifier(value: str, assigner: str | None = oids.EK_SHA256) -> x509.GeneralName:
    return other(oids.PERMANENT_IDENTIFIER, permanent_identifier_der(PermanentIdentifier(value, assigner)))


def san(*found: x509.GeneralName) -> Callable[[Any], None]:
    """A change of the alternative names."""
    return lambda tbs: extension(oids.SUBJECT_ALT_NAME, names(*found))(tbs)


def subject(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], None]:
    """A change of the subject's attributes (each alone in its part of the name)."""

    def do(tbs: Any) -> None:
        parts = [a for part in tbs["subject"].chosen for a in part]
        made = asn1.RDNSequence([asn1.RelativeDistinguishedName([a]) for a in change(parts)])
        tbs["subject"] = asn1.Name(name="", value=made)

    return do


def attribute(kind: str, value: Any) -> Any:
    return asn1.NameTypeAndValue({"type": kind, "value": value})


def leave_out(kind: str) -> Callable[[list[Any]], list[Any]]:
    return lambda found: [a for a in found if a["type"].native != kind]


def text(kind: str, value: Any) -> Callable[[Any], None]:
    """A change of one attribute's value."""
    return subject(lambda found: [*leave_out(kind)(found), attribute(kind, value)])


def utf8(value: str) -> Any:
    return asn1.DirectoryString(name="utf8_string", value=core.UTF8String(value))


def general_time(moment: datetime) -> Any:
    return asn1.Time({"general_time": moment})


def utc_time(moment: datetime) -> Any:
    return asn1.Time({"utc_time": moment})


def ends(form: Callable[[datetime], Any], *, days: int) -> Callable[[Any], None]:
    """A change of notAfter: that many days after the time of issue."""
    return put("validity", "not_after", value=form(NOW + timedelta(days=days)))


def begins(*, days: int) -> Callable[[Any], None]:
    """A change of notBefore."""
    return put("validity", "not_before", value=utc_time(NOW + timedelta(days=days)))


def p521() -> PublicKey:
    return ec.generate_private_key(ec.SECP521R1()).public_key()


def small_exponent() -> PublicKey:
    return rsa.generate_private_key(3, 2048).public_key()


@cache
def roca() -> PublicKey:
    """A modulus that is a power of 65537 modulo each of the primes: the mark of ROCA."""
    product = 2 * prod(_ROCA_PRIMES)
    modulus = pow(65537, 1234567, product) + product * (1 << (2047 - product.bit_length() + 1))
    return rsa.RSAPublicNumbers(65537, modulus + product * (modulus % 2 == 0)).public_key()


def divisible() -> PublicKey:
    return rsa.RSAPublicNumbers(65537, (1 << 2047) + 15 - ((1 << 2047) + 15) % 15 + 15).public_key()


def by_a_leaf() -> Issued:
    return unlinted(load_profile("ldevid"), fields_for("ldevid"), issued("evidence-signer"))


def of_the_issuers_key() -> Issued:
    issuing = issued("issuing")
    return unlinted(load_profile("ldevid"), fields_for("ldevid"), issuing, issuing.key.public_key())


def too_large() -> Issued:
    found = issued("mcu-idevid")
    return replace(found, profile=replace(found.profile, limits=Limits(max_bytes=len(found.der) - 1)))


def below_an_issuing_ca() -> Issued:
    return unlinted(load_profile("issuing"), fields_for("issuing"), issued("issuing"))


def for_issuers_on_p384() -> Issued:
    found = issued("ldevid")
    key = found.profile.key.model_copy(update={"issuer_algorithms": ("ecdsa-p384",)})
    return replace(found, profile=replace(found.profile, key=key))


def with_another_fixed_value() -> Issued:
    found = issued("ldevid")
    rules = found.profile.subject.model_copy(update={"required": (), "fixed": {"commonName": "other"}})
    return replace(found, profile=replace(found.profile, subject=rules))


def with_an_address_of_five_bytes() -> Issued:
    right = b"\x82\x0fupdates.example\x87\x04\xc0\x00\x02\x07"
    wrong = b"\x82\x0eupdates.exampl\x87\x05\x00\xc0\x00\x02\x07"
    return bytes_changed(issued("update-server"), right, wrong)


def in_one_part(tbs: Any) -> None:
    """All attributes of the subject in one part of the name."""
    parts = [a for part in tbs["subject"].chosen for a in part]
    made = asn1.RDNSequence([asn1.RelativeDistinguishedName(parts)])
    tbs["subject"] = asn1.Name(name="", value=made)


def forged() -> Issued:
    found = issued("ldevid")
    return replace(found, der=found.der[:-1] + bytes([found.der[-1] ^ 1]))
