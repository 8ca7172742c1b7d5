"""What can be seen of a CA's folder without its keys.  Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.ca import places
from workbench.identity.ca.ca_file import DATABASE, read_ca_file
from workbench.identity.ca.create import ROOT_CRL_FILE
from workbench.identity.ca.crl import crl_pem
from workbench.identity.ca.errors import CaFolderInvalid
from workbench.identity.ca.manual import CRL_FILE
from workbench.identity.ca.opened import read_chain
from workbench.identity.ca.start_worker import connect
from workbench.identity.ca.store import Store

Part = Literal["root", "issuing", "chain", "crl", "root-crl"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A CA from outside: `keys` says for each role where the key is, and whether a file is there."""

    name: str
    test: bool
    root: x509.Certificate
    issuing: x509.Certificate
    keys: Mapping[str, str]
    serving: bool
    issued: int
    revoked: int


def inspect_ca(folder: Path) -> Seen:
    """The CA in the folder; raises CaFolderInvalid, CaFileInvalid, CaStoreFailed."""
    settings = read_ca_file(folder)
    issuing, root = read_chain(folder)
    store = Store(folder / DATABASE)
    try:
        issued, revoked = store.counts()
    finally:
        store.close()
    uris = {
        "root": settings.keys.root,
        "issuing": settings.keys.issuing,
        "enrolment": settings.keys.enrolment,
    }
    connection = connect(places.socket_path(folder))
    if connection is not None:
        connection.close()
    return Seen(
        name=settings.ca.name,
        test=settings.ca.test,
        root=root,
        issuing=issuing,
        keys={role: _where(folder, uri) for role, uri in uris.items()},
        serving=connection is not None,
        issued=issued,
        revoked=revoked,
    )


def issued_certificates(folder: Path, limit: int) -> list[dict[str, str]]:
    """What was issued, the newest first."""
    store = Store(folder / DATABASE)
    try:
        rows = store.listed(limit)
    finally:
        store.close()
    return [
        {
            "serial_number": row.serial_number,
            "profile": row.profile,
            "subject": x509.load_der_x509_certificate(row.der or b"").subject.rfc4514_string(),
            "request_id": row.request_id,
            "issued_at": datetime.fromtimestamp(row.issued_at, UTC).isoformat(),
            "revoked": row.revocation or "",
        }
        for row in rows
    ]


def public_part(folder: Path, what: Part) -> bytes:
    """Certificates or a CRL in PEM; raises CaFolderInvalid."""
    read_ca_file(folder)
    if what in ("crl", "root-crl"):
        path = folder / (CRL_FILE if what == "crl" else ROOT_CRL_FILE)
        try:
            return crl_pem(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CaFolderInvalid(f"{path} holds no CRL", action="make one: 'workbench ca crl'") from error
    issuing, root = read_chain(folder)
    parts = {"root": (root,), "issuing": (issuing,), "chain": (issuing, root)}[what]
    return b"".join(found.public_bytes(Encoding.PEM) for found in parts)


def _where(folder: Path, uri: str) -> str:
    if not uri.startswith("file:"):
        return uri
    path = folder / uri.removeprefix("file:")
    return f"{path}{'' if path.exists() else ' (not there: moved away)'}"
