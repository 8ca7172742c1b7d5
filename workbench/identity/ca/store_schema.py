"""The tables of `ca.db`.

`claims` holds what may be used once: a serial number, an EK, a key, a CSR, a chip.  Its primary key is the
last word on duplicates, whatever the code above believes.  `certificates.tbs` is on disk before it is signed,
so that a worker killed in between signs the same bytes again; a certificate exists once `der` is there.
`approvals` names the requests whose units an operator of the CA gave up: only these may be replaced.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
SCHEMA: Final = """
CREATE TABLE about (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    request_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    serial TEXT NOT NULL,
    model TEXT NOT NULL,
    station TEXT NOT NULL,
    replaces TEXT UNIQUE REFERENCES requests (request_id),
    state TEXT NOT NULL CHECK (state IN ('open', 'checked', 'issued')),
    nonce BLOB UNIQUE,
    nonce_expires INTEGER,
    nonce_used INTEGER NOT NULL DEFAULT 0,
    content_sha256 BLOB,
    challenge_sha256 BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    opened_at INTEGER NOT NULL,
    issued_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    request_id TEXT NOT NULL REFERENCES requests (request_id),
    PRIMARY KEY (kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_of_request ON claims (request_id);

CREATE TABLE approvals (
    request_id TEXT PRIMARY KEY REFERENCES requests (request_id),
    reason TEXT NOT NULL,
    approved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    serial_number TEXT PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES requests (request_id),
    name TEXT NOT NULL,
    profile TEXT NOT NULL,
    basis BLOB NOT NULL,
    tbs BLOB NOT NULL,
    issuer_sha256 BLOB NOT NULL,
    der BLOB,
    issued_at INTEGER NOT NULL,
    revoked_at INTEGER,
    revocation TEXT,
    UNIQUE (request_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX certificates_revoked ON certificates (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE crls (
    issuer TEXT NOT NULL,
    number INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, number)
) STRICT, WITHOUT ROWID;
"""
