"""Makes a new CA: keys, root and issuing certificate, store, both CRLs.

All of it is made in a folder beside the one that was named, which appears whole under its name at the end, or
not at all.  Keys that a token made for a CA that was not finished are taken out again; after a kill they
stay there under a name that nothing refers to.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.errors import InputError
from workbench.identity.ca import ca_file as cf
from workbench.identity.ca.certify import spki_sha256
from workbench.identity.ca.crl import build_crl
from workbench.identity.ca.errors import CaStoreFailed
from workbench.identity.ca.folder_files import new_file, sync_folder
from workbench.identity.ca.key_file import MIN_PASSPHRASE_BYTES, encrypted_pem
from workbench.identity.ca.key_store import CURVES, SigningKey, open_signing_key
from workbench.identity.ca.manual import CRL_FILE
from workbench.identity.ca.store import Certificate, Store, create_store
from workbench.identity.certificates.build import build_certificate, new_serial
from workbench.identity.certificates.fields import CertificateFields
from workbench.identity.certificates.profile import load_profile

ROOT_CRL_FILE: Final = "root.crl"
_ROLES: Final = ("root", "issuing", "enrolment")


class CaExists(InputError):
    """There is something already where a new CA should be."""

    code = "ca-exists"
    default_cause = "a CA was made there before; its keys are never overwritten"
    default_action = "name another folder, or move the old one away"


@dataclass(frozen=True, slots=True)
class Token:
    """A PKCS#11 token that is to hold the keys: path of the module, label of the token."""

    module: str
    label: str


@dataclass(frozen=True, slots=True)
class NewCa:
    """What a new CA is to be.

    `token`: where its keys go; None: encrypted files.  `root_in_file`: the root's key goes into an encrypted
    file, from where it can be taken offline, whatever the others do.
    """

    name: str
    organization: str
    test: bool = False
    country: str | None = None
    algorithm: cf.Algorithm = "ecdsa-p256"
    token: Token | None = None
    root_in_file: bool = False
    vendor_roots: bytes | None = None
    crl_urls: tuple[str, ...] = ()


def create_ca(folder: Path, new: NewCa, passphrase: bytes, root_passphrase: bytes | None = None) -> None:
    """Makes the CA; `root_passphrase` protects the root's key file, if it is not the same.

    Raises CaExists, InputError, CaKeyUnavailable, CaStoreFailed, CertificateFieldInvalid.
    """
    folder = Path(os.path.abspath(folder))
    _refuse_existing(folder)
    root_passphrase = passphrase if root_passphrase is None else root_passphrase
    _check_passphrases(new, passphrase, root_passphrase)
    uris = _uris(new)
    with _building(folder) as draft, _token_keys(new, uris, passphrase):
        new_file(draft / cf.FILE_NAME, cf.new_ca_file(_settings(new, uris)).encode())
        if new.vendor_roots is not None:
            new_file(draft / "vendor-roots.pem", new.vendor_roots)
        _make_key_files(draft, new, uris, passphrase, root_passphrase)
        create_store(draft / cf.DATABASE)
        root_key = open_signing_key(
            uris["root"], draft, root_passphrase if _in_file(uris["root"]) else passphrase
        )
        issuing_key = open_signing_key(uris["issuing"], draft, passphrase)
        try:
            _certify(draft, new, root_key, issuing_key)
        finally:
            issuing_key.close()
            root_key.close()


def ca_subject(new_name: str, what: str, *, test: bool) -> str:
    """The common name of a CA's certificate: marked where it is for tests only."""
    return f"{'TEST ' if test else ''}{new_name} {what}"


def _certify(draft: Path, new: NewCa, root_key: SigningKey, issuing_key: SigningKey) -> None:
    now = datetime.now(UTC)
    root_name = ca_subject(new.name, "Root CA", test=new.test)
    fields = CertificateFields(common_name=root_name, organization=new.organization, country=new.country)
    root_der = build_certificate(
        load_profile("root"), fields, None, root_key.public_key, now, new_serial(), root_key.sign
    )
    root = x509.load_der_x509_certificate(root_der)
    issuing = issuing_certificate(new, root, root_key, issuing_key.public_key, now)
    new_file(draft / cf.ROOT_CERTIFICATE, root.public_bytes(Encoding.PEM))
    new_file(draft / cf.ISSUING_CERTIFICATE, issuing.public_bytes(Encoding.PEM))
    store = Store(draft / cf.DATABASE)
    try:
        record_issuing(store, issuing, root_key, now)
        crls = ((ROOT_CRL_FILE, root, root_key, 366), (CRL_FILE, issuing, issuing_key, 30))
        for name, issuer, key, days in crls:
            stem = cf.ROOT_CERTIFICATE if issuer is root else cf.ISSUING_CERTIFICATE
            number = store.next_crl_number(stem, int(now.timestamp()))
            made = build_crl(issuer, (), number=number, now=now, days=days, sign=key.sign)
            new_file(draft / name, made)
    finally:
        store.close()


def issuing_certificate(
    new: NewCa, root: x509.Certificate, root_key: SigningKey, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.Certificate:
    """A certificate of the issuing CA, signed by the root."""
    name = ca_subject(new.name, "Issuing CA", test=new.test)
    fields = CertificateFields(common_name=name, organization=new.organization, country=new.country)
    der = build_certificate(load_profile("issuing"), fields, root, key, now, new_serial(), root_key.sign)
    return x509.load_der_x509_certificate(der)


def record_issuing(store: Store, issuing: x509.Certificate, root_key: SigningKey, now: datetime) -> None:
    """Keeps the issuing certificate in the store, so that the root's CRL can name it one day."""
    request_id, moment = str(uuid4()), int(now.timestamp())
    number = f"{issuing.serial_number:x}"
    with store.writing():
        store.add_request(
            request_id,
            "manual",
            serial="issuing CA",
            model="issuing",
            station="operator",
            replaces=None,
            now=moment,
        )
        store.reserve(
            Certificate(
                serial_number=number,
                request_id=request_id,
                name="issuing",
                profile="issuing",
                basis=b"",
                tbs=issuing.tbs_certificate_bytes,
                issuer_sha256=bytes.fromhex(spki_sha256(root_key.public_key)),
                der=None,
                issued_at=moment,
            )
        )
        store.issue(request_id, {number: issuing.public_bytes(Encoding.DER)}, moment)


def _refuse_existing(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise CaExists(f"{folder} is there already")


def _check_passphrases(new: NewCa, passphrase: bytes, root_passphrase: bytes) -> None:
    in_files = (() if new.token else (passphrase,)) + (
        (root_passphrase,) if new.token is None or new.root_in_file else ()
    )
    if any(len(found) < MIN_PASSPHRASE_BYTES for found in in_files):
        raise InputError(
            f"a passphrase for a key file has at least {MIN_PASSPHRASE_BYTES} bytes",
            cause="a short one can be guessed by whoever gets hold of the file",
            action="choose a longer one: a few random words do",
        )


def _uris(new: NewCa) -> dict[str, str]:
    files = {role: f"file:{cf.KEYS}/{role}.key.pem" for role in _ROLES}
    if new.token is None:
        return files
    from workbench.identity.ca.pkcs11_uri import KeyUri

    mark = secrets.token_hex(4)
    uris = {
        role: str(KeyUri(new.token.module, new.token.label, f"workbench-{mark}-{role}")) for role in _ROLES
    }
    return {**uris, "root": files["root"]} if new.root_in_file else uris


def _in_file(uri: str) -> bool:
    return uri.startswith("file:")


def _settings(new: NewCa, uris: dict[str, str]) -> dict[str, dict[str, object]]:
    return {
        "ca": {"name": new.name, "test": new.test, "algorithm": new.algorithm},
        "keys": dict(uris),
        "product": {"organization": new.organization, "country": new.country},
        "tpm": {"vendor_roots": "vendor-roots.pem"} if new.vendor_roots is not None else {},
        "publish": {"crl_urls": new.crl_urls} if new.crl_urls else {},
    }


def _make_key_files(
    draft: Path, new: NewCa, uris: dict[str, str], passphrase: bytes, root_passphrase: bytes
) -> None:
    (draft / cf.KEYS).mkdir(mode=0o700)
    for role, uri in uris.items():
        if _in_file(uri):
            key = ec.generate_private_key(CURVES[new.algorithm]())
            protected = encrypted_pem(key, root_passphrase if role == "root" else passphrase)
            new_file(draft / uri.removeprefix("file:"), protected, mode=0o600)
    sync_folder(draft / cf.KEYS)


@contextmanager
def _token_keys(new: NewCa, uris: dict[str, str], pin: bytes) -> Iterator[None]:
    """Has the token make the keys; takes them out again where the CA is not finished."""
    if new.token is None:
        yield
        return
    from workbench.identity.ca import pkcs11
    from workbench.identity.ca.pkcs11_uri import parse_uri

    found = {role: parse_uri(uri) for role, uri in uris.items() if not _in_file(uri)}
    token = pkcs11.open_token(found["issuing"], pin).hold()
    try:
        try:
            for role, uri in found.items():
                if role == "enrolment":
                    pkcs11.make_secret_key(token, uri.object)
                else:
                    pkcs11.make_signing_key(token, uri.object, new.algorithm)
            yield
        except BaseException:
            pkcs11.remove_keys(token, tuple(uri.object for uri in found.values()))
            raise
    finally:
        token.release()


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A draft of the folder, which takes its name when all went well."""
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.draft")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise CaStoreFailed(f"{draft}: {error.strerror or error}") from error
    try:
        yield draft
        sync_folder(draft)
        draft.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise CaStoreFailed(f"{folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
