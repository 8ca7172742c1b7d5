"""`ca.db`: requests, claims, certificates, CRL numbers.  SQLite, each commit is on the disk at once.

One process uses it, the worker, which holds the folder's lock.  Nothing here decides what is trusted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.identity.ca.errors import CaFolderInvalid, CaRequestConflict, CaStoreFailed
from workbench.identity.ca.store_schema import SCHEMA, VERSION
from workbench.identity.labels import compared

RequestKind = Literal["tpm", "mcu", "manual"]


@dataclass(frozen=True, slots=True)
class Request:
    """A row of `requests`; times are in seconds since 1970 UTC."""

    request_id: str
    kind: RequestKind
    serial: str
    model: str
    station: str
    replaces: str | None
    state: Literal["open", "checked", "issued"]
    nonce: bytes | None
    nonce_expires: int | None
    nonce_used: bool
    content_sha256: bytes | None
    challenge_sha256: bytes | None
    tries: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A row of `certificates`: `serial_number` in hexadecimal; without `der` nobody ever got it."""

    serial_number: str
    request_id: str
    name: str
    profile: str
    basis: bytes
    tbs: bytes
    issuer_sha256: bytes
    der: bytes | None
    issued_at: int
    revoked_at: int | None = None
    revocation: str | None = None


def create_store(path: Path) -> None:
    """A new, empty database; its mode is 0600."""
    path.touch(mode=0o600, exist_ok=False)
    connection = _connect(path)
    try:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO about VALUES ('version', ?)", (str(VERSION),))
    finally:
        connection.close()


class Store:
    """The open database.  Every method raises CaStoreFailed where SQLite fails."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CaFolderInvalid(f"{path} is not there")
        with _failures(path):
            self._connection = _connect(path)
            found = self._connection.execute("SELECT value FROM about WHERE key = 'version'").fetchone()
        self._path = path
        if found is None or found[0] != str(VERSION):
            raise CaFolderInvalid(f"{path} was made by another version of the workbench")

    def close(self) -> None:
        """Leaves the database."""
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all of it is on the disk at the end, or nothing."""
        with _failures(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def request(self, request_id: str) -> Request | None:
        """The request of that ID."""
        row = self._one("SELECT * FROM requests WHERE request_id = ?", request_id)
        if row is None:
            return None
        fields = {name: row[name] for name in Request.__dataclass_fields__}
        return Request(**fields | {"nonce_used": bool(row["nonce_used"])})

    def add_request(
        self,
        request_id: str,
        kind: RequestKind,
        *,
        serial: str,
        model: str,
        station: str,
        replaces: str | None,
        now: int,
    ) -> None:
        """A new request, without a nonce."""
        if replaces is not None:
            other = self._one("SELECT request_id FROM requests WHERE replaces = ?", replaces)
            if other is not None:
                raise CaRequestConflict(
                    f"request {replaces} was replaced already, by {other[0]}", reason="replaced-already"
                )
        self._run(
            "INSERT INTO requests (request_id, kind, serial, model, station, replaces, state, opened_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'open', ?)",
            *(request_id, kind, serial, model, station, replaces, now),
        )

    def approve(self, request_id: str, reason: str, now: int) -> None:
        """The request's unit may be replaced; the first time counts."""
        self._run("INSERT OR IGNORE INTO approvals VALUES (?, ?, ?)", request_id, reason, now)

    def approved(self, request_id: str) -> bool:
        """Whether the request's unit may be replaced."""
        return self._one("SELECT 1 FROM approvals WHERE request_id = ?", request_id) is not None

    def set_nonce(self, request_id: str, station: str, nonce: bytes, expires: int) -> None:
        """A fresh nonce; what was checked with the old one has to be sent again."""
        self._run(
            "UPDATE requests SET nonce = ?, nonce_expires = ?, nonce_used = 0, station = ?, state = 'open',"
            " content_sha256 = NULL, challenge_sha256 = NULL, tries = 0 WHERE request_id = ?",
            *(nonce, expires, station, request_id),
        )

    def accept(self, request_id: str, content_sha256: bytes) -> None:
        """The request was checked; its nonce is used up."""
        self._run(
            "UPDATE requests SET state = 'checked', nonce_used = 1, content_sha256 = ? WHERE request_id = ?",
            *(content_sha256, request_id),
        )

    def set_challenge(self, request_id: str, secret_sha256: bytes) -> None:
        """The digest of the secret that must come back."""
        self._run(
            "UPDATE requests SET challenge_sha256 = ?, tries = 0 WHERE request_id = ?",
            *(secret_sha256, request_id),
        )

    def count_try(self, request_id: str) -> None:
        """One more wrong secret."""
        self._run("UPDATE requests SET tries = tries + 1 WHERE request_id = ?", request_id)

    def holder(self, kind: str, value: str) -> str | None:
        """The request that claims the value."""
        known = _known_as(kind, value)
        row = self._one("SELECT request_id FROM claims WHERE kind = ? AND value = ?", kind, known)
        return None if row is None else str(row[0])

    def claims(self, request_id: str) -> dict[str, set[str]]:
        """What the request claims, by kind."""
        found: dict[str, set[str]] = {}
        for row in self._all("SELECT kind, value FROM claims WHERE request_id = ?", request_id):
            found.setdefault(row[0], set()).add(row[1])
        return found

    def claim(self, request_id: str, claims: Iterable[tuple[str, str]], *, replaces: str | None) -> None:
        """Claims the values for the request; what `replaces` held goes over to it.

        Raises CaRequestConflict where another request holds one.
        """
        for kind, value in claims:
            holder = self.holder(kind, value)
            if holder == request_id:
                continue
            if holder is not None and holder != replaces:
                raise conflict(kind, value, holder)
            self._run(
                "INSERT INTO claims (kind, value, request_id) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, value) DO UPDATE SET request_id = excluded.request_id"
                " WHERE claims.request_id IS ?",
                *(kind, _known_as(kind, value), request_id, replaces),
            )
            if self.holder(kind, value) != request_id:
                raise conflict(kind, value, "another")

    def certificates(self, request_id: str) -> tuple[Certificate, ...]:
        """The request's certificates by name, those too that are only reserved."""
        rows = self._all("SELECT * FROM certificates WHERE request_id = ? ORDER BY name", request_id)
        return tuple(_certificate(row) for row in rows)

    def certificate(self, serial_number: str) -> Certificate | None:
        """The certificate with that number."""
        row = self._one("SELECT * FROM certificates WHERE serial_number = ?", serial_number)
        return None if row is None else _certificate(row)

    def reserve(self, made: Certificate) -> None:
        """Puts down what is going to be signed, in the place of what was not signed yet."""
        self._run(
            "DELETE FROM certificates WHERE request_id = ? AND name = ? AND der IS NULL",
            *(made.request_id, made.name),
        )
        self._run(
            "INSERT INTO certificates (serial_number, request_id, name, profile, basis, tbs, issuer_sha256,"
            " issued_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(made.serial_number, made.request_id, made.name, made.profile, made.basis),
            *(made.tbs, made.issuer_sha256, made.issued_at),
        )

    def issue(self, request_id: str, ders: Mapping[str, bytes], now: int) -> None:
        """The certificates of a request, all at once; those of the request it replaces are revoked."""
        for serial_number, der in ders.items():
            self._run(
                "UPDATE certificates SET der = ? WHERE serial_number = ? AND request_id = ? AND der IS NULL",
                *(der, serial_number, request_id),
            )
        self._run("UPDATE requests SET state = 'issued', issued_at = ? WHERE request_id = ?", now, request_id)
        self._run(
            "UPDATE certificates SET revoked_at = ?, revocation = 'superseded' WHERE revoked_at IS NULL AND"
            " request_id = (SELECT replaces FROM requests WHERE request_id = ?)",
            *(now, request_id),
        )

    def revoke(self, serial_number: str, reason: str, now: int) -> None:
        """Revokes a certificate; the first time counts."""
        self._run(
            "UPDATE certificates SET revoked_at = ?, revocation = ? WHERE serial_number = ?"
            " AND revoked_at IS NULL",
            *(now, reason, serial_number),
        )

    def revoked(self, issuer_sha256: bytes) -> tuple[Certificate, ...]:
        """What the issuer revoked, by number."""
        rows = self._all(
            "SELECT * FROM certificates WHERE revoked_at IS NOT NULL AND issuer_sha256 = ?"
            " ORDER BY serial_number",
            issuer_sha256,
        )
        return tuple(_certificate(row) for row in rows)

    def next_crl_number(self, issuer: str, now: int) -> int:
        """The next CRL's number: each one once, always rising (RFC 5280, 5.2.3)."""
        row = self._one("SELECT max(number) FROM crls WHERE issuer = ?", issuer)
        number = 1 + (row[0] or 0 if row is not None else 0)
        self._run("INSERT INTO crls VALUES (?, ?, ?)", issuer, number, now)
        return number

    def counts(self) -> tuple[int, int]:
        """Certificates issued, and how many of them are revoked; without those of the issuing CA."""
        row = self._one("SELECT count(der), count(revoked_at) FROM certificates WHERE profile != 'issuing'")
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    def listed(self, limit: int) -> tuple[Certificate, ...]:
        """Issued certificates, the newest first."""
        rows = self._all(
            "SELECT * FROM certificates WHERE der IS NOT NULL ORDER BY issued_at DESC, serial_number LIMIT ?",
            limit,
        )
        return tuple(_certificate(row) for row in rows)

    def last_time(self) -> int | None:
        """The latest time that is known to have been: of a request, a certificate or a CRL."""
        row = self._one(
            "SELECT max(t) FROM (SELECT max(opened_at) t FROM requests UNION ALL"
            " SELECT max(issued_at) FROM certificates UNION ALL SELECT max(made_at) FROM crls)"
        )
        return None if row is None else row[0]

    def _one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        with _failures(self._path):
            row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
            return row

    def _all(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        with _failures(self._path):
            return self._connection.execute(statement, values).fetchall()

    def _run(self, statement: str, *values: Any) -> None:
        with _failures(self._path):
            self._connection.execute(statement, values)


def conflict(kind: str, value: str, holder: str) -> CaRequestConflict:
    """What is said where a value is claimed already."""
    words = {"serial": "serial number", "ek": "endorsement key", "csr": "signing request", "chip": "chip"}
    return CaRequestConflict(
        f"the {words.get(kind, 'key')} {value} belongs to request {holder}", reason=f"{kind}-used"
    )


def _known_as(kind: str, value: str) -> str:
    """The form in which a value is claimed: one for all that mean the same."""
    return compared(value) if kind == "serial" else value


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=5)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _certificate(row: sqlite3.Row) -> Certificate:
    return Certificate(**{name: row[name] for name in Certificate.__dataclass_fields__})


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise CaStoreFailed(f"{path}: {error}") from error
