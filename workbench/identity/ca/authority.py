"""What the worker does for each request: nonces, checked requests, challenges, certificates.

Decisions about evidence are those of `identity.tpm.checks` and `identity.mcu.checks`; this module knows what
was asked before, and that nothing is used twice.  One request at a time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from workbench.identity.ca.ca_file import CaFile
from workbench.identity.ca.certify import Certifier
from workbench.identity.ca.clock_guard import ClockGuard
from workbench.identity.ca.errors import CaRefused, CaRequestConflict
from workbench.identity.ca.key_store import SecretKey
from workbench.identity.ca.messages import NONCE_BYTES, CaStatus, Issued, Kind, Nonce
from workbench.identity.ca.store import Request, Store, conflict
from workbench.identity.ca.texts import checked_text, checked_uuid

_SECRET_DOMAIN: Final = b"enrolment-secret-1"


class Authority:
    """The open CA.  `clock` stops everything that gives something new."""

    def __init__(
        self,
        folder: Path,
        settings: CaFile,
        store: Store,
        certifier: Certifier,
        enrolment: SecretKey,
        clock: ClockGuard,
        chain: tuple[x509.Certificate, ...],
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.store = store
        self.certifier = certifier
        self.clock = clock
        self._enrolment = enrolment
        self._chain = tuple(found.public_bytes(Encoding.DER) for found in chain)

    def time(self, station_time: int | None) -> datetime:
        """The time, where all clocks agree that something may be issued; raises CaClockDisagrees."""
        return self.clock.check(station_time, self.store.last_time(), self.certifier.issuer)

    def status(self) -> CaStatus:
        """Who this is."""
        certificates, revoked = self.store.counts()
        return CaStatus(
            name=self.settings.ca.name,
            time=self.clock.now(),
            test=self.settings.ca.test,
            chain=self._chain,
            root=self._chain[-1],
            key_store=self.certifier.key_store,
            certificates=certificates,
            revoked=revoked,
        )

    def nonce(
        self,
        request_id: str,
        *,
        serial: str,
        model: str,
        station: str,
        station_time: int,
        kind: Kind,
        replaces: str | None,
    ) -> Nonce:
        """As CaClient.nonce."""
        checked_uuid("request_id", request_id)
        for name, text in (("serial", serial), ("model", model), ("station", station)):
            checked_text(name, text)
        now = self.time(station_time)
        with self.store.writing():
            found = self.store.request(request_id)
            replaces = self._known_here(request_id, serial, replaces)
            if found is None:
                self._open(request_id, kind, serial, model, station, replaces, now)
            else:
                _same_order(found, kind, serial, model, replaces)
            return self._nonce(self._need(request_id), station, now)

    def issued(self, request_id: str) -> Issued | None:
        """As CaClient.issued."""
        found = self.store.request(checked_uuid("request_id", request_id))
        return None if found is None or found.state != "issued" else self.answer(request_id)

    def answer(self, request_id: str) -> Issued:
        """The request's certificates; raises CaRefused where one was revoked."""
        rows = self.store.certificates(request_id)
        if any(row.revoked_at is not None for row in rows):
            raise CaRefused(
                "the certificates of this request were revoked",
                reason="revoked",
                cause="the unit was replaced, or its key is not trusted any more",
                action="put the unit aside; a new identity needs an RMA that names this request",
            )
        return Issued({row.name: row.der for row in rows if row.der is not None}, self._chain)

    def open_request(self, kind: Kind, fields: Mapping[str, str], content: bytes) -> Request:
        """The request that a nonce was given for, if what was sent fits it: the same unit, an unused nonce.

        Raises CaRefused, CaRequestConflict.
        """
        found = self.store.request(checked_uuid("request_id", fields["request_id"]))
        if found is None or found.nonce is None:
            raise CaRefused(
                "no nonce was given for this request",
                reason="nonce-unknown",
                cause="the request is an old one, or was made for another CA",
                action="ask for a nonce and make the request anew",
            )
        _same_order(found, kind, fields["serial"], fields["model"], found.replaces)
        if found.station != fields["station"]:
            raise CaRefused(
                "the nonce was given to another station",
                reason="nonce-of-another-station",
                action="ask for a nonce at this station and make the request anew",
            )
        if found.state != "open" and found.content_sha256 != content:
            raise CaRequestConflict(
                "another request was accepted with the same number and nonce", reason="request-conflict"
            )
        return found

    def approve_replacement(self, request_id: str, reason: str) -> None:
        """As CaClient.approve_replacement."""
        if self.store.request(checked_uuid("request_id", request_id)) is None:
            raise CaRefused(
                f"the CA knows no request {request_id}",
                reason="request-unknown",
                cause="a mistyped number, or a unit that never asked this CA for a certificate",
                action="`workbench identity show` tells the request of a unit",
            )
        checked_text("reason", reason)
        with self.store.writing():
            self.store.approve(request_id, reason, int(self.clock.now().timestamp()))

    def secret_for(self, request: Request) -> bytes:
        """The enrolment secret of an MCU's request: derived, and kept nowhere.

        It stays the same while nonces come and go, for it lies in the unit beside a key that must not be
        erased with it; what makes a request fresh is the nonce in its MAC.
        """
        return self._enrolment.derive(_SECRET_DOMAIN + request.request_id.encode() + request.serial.encode())

    def _open(
        self,
        request_id: str,
        kind: Kind,
        serial: str,
        model: str,
        station: str,
        replaces: str | None,
        now: datetime,
    ) -> None:
        self._may_be_made(serial, model)
        holder = self.store.holder("serial", serial)
        if replaces is not None and not self.store.approved(replaces):
            raise _not_approved(replaces)
        if holder is not None and holder not in (request_id, replaces):
            raise conflict("serial", serial, holder)
        self.store.add_request(
            request_id,
            kind,
            serial=serial,
            model=model,
            station=station,
            replaces=replaces,
            now=int(now.timestamp()),
        )

    def _known_here(self, request_id: str, serial: str, replaces: str | None) -> str | None:
        """The request that is to be replaced; None for that of a unit which never came as far as this CA.

        Raises CaRefused where it is unknown, and another one holds the serial number.
        """
        if replaces is None or self.store.request(checked_uuid("replaces", replaces)) is not None:
            return replaces
        if self.store.holder("serial", serial) in (None, request_id):
            return None
        raise CaRefused(
            f"there is no request {replaces} that could be replaced",
            reason="replaces-unknown",
            action="name the request of the unit that the RMA replaces",
        )

    def _may_be_made(self, serial: str, model: str) -> None:
        product = self.settings.product
        if product.models and model not in product.models:
            raise CaRefused(
                f"this CA issues nothing for the model '{model}'",
                reason="model-unknown",
                cause="a wrong recipe, or a model that is not in ca.toml",
                action="correct the recipe, or add the model to [product] in ca.toml",
            )
        if product.serials and serial not in product.serials:
            raise CaRefused(
                f"the serial number '{serial}' was not ordered",
                reason="serial-not-ordered",
                cause="a wrong label was scanned, or the order is not in ca.toml",
                action="scan the label again; if it is right, have the order added to ca.toml",
            )

    def _need(self, request_id: str) -> Request:
        found = self.store.request(request_id)
        if found is None:
            raise CaRefused("no such request", reason="request-unknown")
        return found

    def _nonce(self, request: Request, station: str, now: datetime) -> Nonce:
        if request.state == "issued":
            raise CaRefused(
                "certificates were issued for this request already",
                reason="already-issued",
                cause="the unit was enrolled before, and the answer was lost",
                action="resume the unit: the certificates that were issued are given again",
            )
        moment = int(now.timestamp())
        expires = request.nonce_expires or 0
        nonce = request.nonce
        if nonce is None or request.nonce_used or request.station != station or expires <= moment:
            nonce = os.urandom(NONCE_BYTES)
            expires = moment + 60 * self.settings.limits.nonce_minutes
            self.store.set_nonce(request.request_id, station, nonce, expires)
        fresh = self._need(request.request_id)
        secret = self.secret_for(fresh) if request.kind == "mcu" else None
        return Nonce(nonce, secret, datetime.fromtimestamp(expires, UTC))


def _not_approved(request_id: str) -> CaRefused:
    return CaRefused(
        f"nobody at the CA agreed that the unit of request {request_id} is replaced",
        reason="replacement-not-approved",
        cause="the RMA is in the ledger, and the CA's operator has not approved it",
        action=f"have the CA's operator run `workbench ca approve CA-FOLDER {request_id} --reason …`",
    )


def content_digest(encoded: bytes) -> bytes:
    """What tells two requests apart: SHA-256 of the request as it was sent."""
    return hashlib.sha256(encoded).digest()


def same_secret(digest: bytes | None, secret: bytes) -> bool:
    """Whether the secret is the one with that digest, in constant time."""
    return digest is not None and hmac.compare_digest(digest, hashlib.sha256(secret).digest())


def plain_fields(request: Any) -> dict[str, str]:
    """The parts of a TPM's or MCU's request that say which unit it is for."""
    return {name: getattr(request, name) for name in ("request_id", "serial", "model", "station")}


def _same_order(found: Request, kind: str, serial: str, model: str, replaces: str | None) -> None:
    told = (kind, serial, model, replaces)
    if told != (found.kind, found.serial, found.model, found.replaces):
        raise CaRequestConflict(
            f"request {found.request_id} is for the unit {found.serial}, model {found.model}",
            reason="request-conflict",
            cause="two units share one request number, or a wrong label was scanned",
        )
