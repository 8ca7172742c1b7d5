"""Certificates for units: a TPM's after its challenge, a microcontroller's at once."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import load_der_public_key

from workbench.identity.ca.authority import Authority, content_digest, plain_fields, same_secret
from workbench.identity.ca.certify import Wanted
from workbench.identity.ca.errors import CaRefused, CaRequestConflict
from workbench.identity.ca.framing import encode
from workbench.identity.ca.mcu_wire import mcu_from_map, mcu_to_map
from workbench.identity.ca.messages import MAX_MESSAGE_BYTES, SECRET_BYTES, Challenge, Issued
from workbench.identity.ca.store import Request
from workbench.identity.certificates.build import PublicKey
from workbench.identity.certificates.fields import CertificateFields, HardwareModule, PermanentIdentifier
from workbench.identity.mcu.checks import check_mcu_request
from workbench.identity.mcu.request import CheckedMcu, McuPolicy
from workbench.identity.tpm.checks import check_tpm_request
from workbench.identity.tpm.credential import make_credential
from workbench.identity.tpm.policy import CheckedTpm, EkPolicy, TpmPolicy
from workbench.identity.tpm.request import NonceState, TpmRequest, request_from_map, request_to_map

MAX_TRIES: Final = 5
"""Wrong secrets before a challenge is over."""
_KEY_CLAIMS: Final = ("idevid", "iak")


class Units:
    """What stations ask for.  Refusals of the checks pass through as they are."""

    def __init__(self, authority: Authority, ek: EkPolicy, refused_keys: frozenset[bytes]) -> None:
        self._authority = authority
        self._store = authority.store
        self._ek = ek
        self._refused_keys = refused_keys

    def submit_tpm(self, sent: object) -> Challenge:
        """As CaClient.submit_tpm; may be repeated, each time with a new challenge."""
        request = request_from_map(sent)
        content = content_digest(encode(request_to_map(request), limit=MAX_MESSAGE_BYTES))
        found = self._authority.open_request("tpm", plain_fields(request), content)
        now = self._authority.time(request.station_time)
        checked = self._check_tpm(request, found, now)
        self._same_ek(found, checked)
        wanted = self._tpm_certificates(checked) if found.state != "issued" else ()
        reserved = [self._authority.certifier.prepare(found.request_id, one, now) for one in wanted]
        secret = os.urandom(SECRET_BYTES)
        blob, encrypted = make_credential(checked.ek.public, secret, checked.iak.name)
        with self._store.writing():
            if found.state != "issued":
                self._store.claim(found.request_id, _tpm_claims(checked), replaces=found.replaces)
                for row in reserved:
                    self._store.reserve(row)
                self._store.accept(found.request_id, content)
            self._store.set_challenge(found.request_id, hashlib.sha256(secret).digest())
        return Challenge(blob, encrypted)

    def activate(self, request_id: str, secret: bytes) -> Issued:
        """As CaClient.activate: the right secret, and the clock, decide."""
        found = self._store.request(request_id)
        if found is None or found.kind != "tpm" or found.challenge_sha256 is None:
            raise CaRefused(
                "no challenge was given for this request",
                reason="challenge-unknown",
                cause="the request was not sent, or a new nonce was asked for since",
                action="send the request again and answer its challenge",
            )
        if found.tries >= MAX_TRIES:
            raise CaRefused(
                f"{MAX_TRIES} wrong secrets came for this challenge",
                reason="challenge-over",
                action="send the request again; if it happens again, the keys are not in this TPM",
            )
        if not same_secret(found.challenge_sha256, secret):
            with self._store.writing():
                self._store.count_try(request_id)
            raise CaRefused(
                "the secret is not the one of the challenge",
                reason="challenge-wrong",
                cause="the TPM that answered has not both this EK and this attestation key",
                action="put the unit aside: its request names keys that its TPM does not have",
            )
        if found.state != "issued":
            now = self._authority.time(None)
            self._authority.certifier.finish(request_id, now)
        return self._authority.answer(request_id)

    def submit_mcu(self, sent: object) -> Issued:
        """As CaClient.submit_mcu; the same request gives the same certificate."""
        request = mcu_from_map(sent)
        content = content_digest(encode(mcu_to_map(request), limit=MAX_MESSAGE_BYTES))
        found = self._authority.open_request("mcu", plain_fields(request), content)
        if found.state == "issued":
            return self._authority.answer(found.request_id)
        now = self._authority.time(request.station_time)
        if found.state == "open":
            if (found.nonce_expires or 0) <= now.timestamp():
                raise CaRefused(
                    "the nonce has expired",
                    reason="nonce-expired",
                    cause="the request was made long ago",
                    action="ask for a nonce and make the request anew",
                )
            secret = self._authority.secret_for(found)
            checked = check_mcu_request(request, self._mcu_policy(), found.nonce or b"", secret, now)
            self._same_chip(found, checked)
            self._accept_mcu(found, checked, content, now)
        self._authority.certifier.finish(found.request_id, now)
        return self._authority.answer(found.request_id)

    def _check_tpm(self, request: TpmRequest, found: Request, now: datetime) -> CheckedTpm:
        settings = self._authority.settings
        policy = TpmPolicy(
            ek=self._ek,
            templates=frozenset(settings.tpm.templates),
            holder=lambda kind, value: self._holder(kind, value, found.request_id),
            replaces=found.replaces,
            production=not settings.ca.test,
        )
        again = found.state != "open"  # the same bytes as those that used the nonce up
        expires = int(now.timestamp()) + 1 if again else found.nonce_expires or 0
        nonce = NonceState(found.nonce or b"", expires, found.nonce_used and not again)
        return check_tpm_request(request, policy, nonce, now)

    def _holder(self, kind: str, value: str, request_id: str) -> str | None:
        holder = self._store.holder("key" if kind in _KEY_CLAIMS else kind, value)
        return None if holder == request_id else holder

    def _same_ek(self, found: Request, checked: CheckedTpm) -> None:
        known = self._store.claims(found.request_id).get("ek", set())
        if known and checked.ek.digest not in known:
            raise CaRequestConflict("another TPM was accepted for this request before", reason="ek-changed")

    def _same_chip(self, found: Request, checked: CheckedMcu) -> None:
        known = self._store.claims(found.request_id).get("chip", set())
        if known and checked.request.chip_id.hex() not in known:
            raise CaRequestConflict(
                "another chip was accepted for this request before", reason="chip-changed"
            )

    def _tpm_certificates(self, checked: CheckedTpm) -> tuple[Wanted, ...]:
        fields = self._fields(
            checked.serial,
            checked.model,
            hardware_module=HardwareModule.tpm(checked.ek.hw_serial),
            permanent_identifier=_permanent(checked),
        )
        certifier = self._authority.certifier
        return (
            Wanted("idevid", certifier.profile("idevid"), fields, _public(checked.idevid.spki)),
            Wanted("iak", certifier.profile("iak"), fields, _public(checked.iak.spki)),
        )

    def _accept_mcu(self, found: Request, checked: CheckedMcu, content: bytes, now: datetime) -> None:
        profile = self._authority.certifier.profile("mcu-idevid")
        module = HardwareModule(profile.extensions.hardware_type or "", checked.request.chip_id)
        fields = self._fields(checked.request.serial, checked.request.model, hardware_module=module)
        wanted = Wanted("device", profile, fields, _public(checked.spki))
        reserved = self._authority.certifier.prepare(found.request_id, wanted, now)
        claims = (
            ("serial", checked.request.serial),
            ("chip", checked.request.chip_id.hex()),
            ("key", checked.spki_sha256),
            ("csr", checked.csr_sha256),
        )
        with self._store.writing():
            self._store.claim(found.request_id, claims, replaces=found.replaces)
            self._store.reserve(reserved)
            self._store.accept(found.request_id, content)

    def _mcu_policy(self) -> McuPolicy:
        settings = self._authority.settings
        models = frozenset(settings.product.models) or None
        return McuPolicy(
            origins=frozenset(settings.mcu.origins), models=models, refused_keys=self._refused_keys
        )

    def _fields(self, serial: str, model: str, **more: Any) -> CertificateFields:
        product = self._authority.settings.product
        return CertificateFields(
            common_name=model,
            serial_number=serial,
            organization=product.organization,
            country=product.country,
            crl_urls=self._authority.settings.publish.crl_urls,
            **more,
        )


def _tpm_claims(checked: CheckedTpm) -> tuple[tuple[str, str], ...]:
    return (
        ("serial", checked.serial),
        ("ek", checked.ek.digest),
        ("key", checked.idevid.spki_sha256),
        ("key", checked.iak.spki_sha256),
        ("csr", checked.csr_sha256),
    )


def _permanent(checked: CheckedTpm) -> PermanentIdentifier | None:
    digest = checked.ek.certificate_sha256
    return None if digest is None else PermanentIdentifier.ek(bytes.fromhex(digest))


def _public(spki: bytes) -> PublicKey:
    key: Any = load_der_public_key(spki)
    loaded: PublicKey = key
    return loaded
