"""What `workbench ca issue` was given: a request or a key, and what the certificate says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypedDict

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

from workbench.cli.ca_options import read_bounded
from workbench.errors import InputError

_ATTRIBUTES: Final = {
    "common_name": NameOID.COMMON_NAME,
    "serial_number": NameOID.SERIAL_NUMBER,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "country": NameOID.COUNTRY_NAME,
}


class Source(TypedDict, total=False):
    """One of the two, in DER."""

    csr: bytes
    public_key: bytes


def source_of(csr: Path | None, public_key: Path | None) -> Source:
    """The request or the public key from its file; raises InputError."""
    if csr is not None:
        data = read_bounded(csr)
        try:
            pem = b"-----BEGIN" in data
            found = x509.load_pem_x509_csr(data) if pem else x509.load_der_x509_csr(data)
        except ValueError as error:
            raise InputError(f"{csr} holds no PKCS#10 request") from error
        return {"csr": found.public_bytes(Encoding.DER)}
    if public_key is None:
        raise InputError("name a request or a public key")
    data = read_bounded(public_key)
    if b"PRIVATE KEY-----" in data:
        raise InputError(
            f"{public_key} holds a private key",
            cause="the CA needs the public half only",
            action="write the public key into a file of its own; keep the private one where it is used",
        )
    try:
        key = load_pem_public_key(data) if b"-----BEGIN" in data else load_der_public_key(data)
    except ValueError as error:
        raise InputError(f"{public_key} holds no public key") from error
    return {"public_key": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)}


def fields_of(source: Source, given: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """What was given, and for the rest what the request asks for; raises InputError without a common name."""
    asked = _asked(source["csr"]) if "csr" in source else {}
    fields = {**asked, **{name: value for name, value in given.items() if value}}
    if "common_name" not in fields:
        raise InputError("the certificate needs a common name", action="give one: --cn TEXT")
    return fields


def _asked(der: bytes) -> dict[str, str | list[str]]:
    csr = x509.load_der_x509_csr(der)
    found: dict[str, str | list[str]] = {}
    for name, oid in _ATTRIBUTES.items():
        values = csr.subject.get_attributes_for_oid(oid)
        if len(values) > 1:
            raise InputError(f"the request's subject has {name} twice")
        if values:
            found[name] = str(values[0].value)
    try:
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    except ValueError as error:
        raise InputError("the request's extensions cannot be read") from error
    lists = {
        "dns_names": names.get_values_for_type(x509.DNSName),
        "ip_addresses": [str(address) for address in names.get_values_for_type(x509.IPAddress)],
    }
    return {**found, **{name: values for name, values in lists.items() if values}}
