"""One connection's requests: a map in, a map out.  Refusals go back with their reason; nothing else leaks.

Operators' requests need a proof of the passphrase first, so that a station that may ask for certificates of
units may not ask for one of a release signer.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workbench.errors import Blame, WorkbenchError
from workbench.identity.ca.errors import REFUSALS, CaRefused, CaUnreachable
from workbench.identity.ca.messages import CaStatus, Challenge, Issued, Nonce
from workbench.identity.ca.opened import Opened
from workbench.identity.ca.replies import MAX_WORDS, passphrase_proof
from workbench.identity.ca.texts import checked_text, checked_uuid
from workbench.identity.certificates.build import IssuerUnsuitable

SALT_BYTES: Final = 16
MAX_SECRET_BYTES: Final = 64
_MISSING: Final = object()


@dataclass(slots=True)
class Caller:
    """What is remembered of a connection."""

    salt: bytes = b""
    operator: bool = False


class Service:
    """Answers requests by their `op`."""

    def __init__(self, ca: Opened, passphrase: bytes) -> None:
        self._ca = ca
        self._passphrase = passphrase
        self._broken = False
        self._ops: dict[str, Callable[[Mapping[str, Any], Caller], object]] = {
            "status": lambda _m, _c: _status(ca.authority.status()),
            "nonce": self._nonce,
            "submit-tpm": lambda m, _c: _challenge(ca.units.submit_tpm(m.get("request"))),
            "activate": self._activate,
            "submit-mcu": lambda m, _c: _issued(ca.units.submit_mcu(m.get("request"))),
            "issued": self._issued,
            "unlock": self._unlock,
            "issue": self._issue,
            "revoke": self._revoke,
            "crl": self._crl,
            "approve-replacement": self._approve,
        }

    @property
    def broken(self) -> bool:
        """Whether the key store is beyond help: the process should end."""
        return self._broken

    def answer(self, message: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        """`{"ok": …}`, or `{"error": …}`; never raises."""
        try:
            act = self._ops.get(str(message.get("op")))
            if act is None:
                raise CaRefused("the CA knows no such request", reason="op-unknown")
            return {"ok": act(message, caller)}
        except WorkbenchError as error:
            self._broken = self._broken or error.code == "ca-token-stuck"
            return {"error": _error(error)}
        except Exception as error:
            return {"error": _error(CaUnreachable(f"a defect in the CA's worker: {type(error).__name__}"))}

    def _nonce(self, message: Mapping[str, Any], _caller: Caller) -> object:
        kind = message.get("kind")
        if kind not in ("tpm", "mcu"):
            raise CaRefused("a unit is of kind tpm or mcu", reason="field-invalid")
        made = self._ca.authority.nonce(
            _given(message, "request_id", str),
            serial=_given(message, "serial", str),
            model=_given(message, "model", str),
            station=_given(message, "station", str),
            station_time=_given(message, "station_time", int),
            kind=kind,
            replaces=None if message.get("replaces") is None else _given(message, "replaces", str),
        )
        return _nonce(made)

    def _activate(self, message: Mapping[str, Any], _caller: Caller) -> object:
        secret: bytes = _given(message, "secret", bytes)
        if len(secret) > MAX_SECRET_BYTES:
            raise CaRefused("a secret is not that long", reason="field-invalid")
        request_id = checked_uuid("request_id", message.get("request_id"))
        return _issued(self._ca.units.activate(request_id, secret))

    def _issued(self, message: Mapping[str, Any], _caller: Caller) -> object:
        found = self._ca.authority.issued(_given(message, "request_id", str))
        return None if found is None else _issued(found)

    def _unlock(self, message: Mapping[str, Any], caller: Caller) -> object:
        proof = message.get("proof")
        if proof is None or not caller.salt:
            caller.salt = os.urandom(SALT_BYTES)
            return {"salt": caller.salt}
        salt, caller.salt = caller.salt, b""
        right = passphrase_proof(self._passphrase, salt)
        if not isinstance(proof, bytes) or not hmac.compare_digest(proof, right):
            raise CaRefused(
                "this is not the CA's passphrase",
                reason="passphrase-wrong",
                cause="a mistyped passphrase, or another CA's credential file",
                action="give the passphrase that the worker was started with",
            )
        caller.operator = True
        return {}

    def _issue(self, message: Mapping[str, Any], caller: Caller) -> object:
        _need_operator(caller)
        source = {name: _given(message, name, bytes) for name in ("csr", "public_key") if name in message}
        if len(source) != 1:
            raise CaRefused("a certificate is for a CSR or for a public key", reason="field-invalid")
        made = self._ca.manual.issue(
            _given(message, "request_id", str),
            _given(message, "profile", str),
            source,
            message.get("fields"),
        )
        return _issued(made)

    def _revoke(self, message: Mapping[str, Any], caller: Caller) -> object:
        _need_operator(caller)
        number = checked_text("serial_number", message.get("serial_number"))
        return self._ca.manual.revoke(number, checked_text("reason", message.get("reason")))

    def _approve(self, message: Mapping[str, Any], caller: Caller) -> object:
        _need_operator(caller)
        reason = checked_text("reason", message.get("reason"))
        self._ca.authority.approve_replacement(_given(message, "request_id", str), reason)
        return {}

    def _crl(self, _message: Mapping[str, Any], caller: Caller) -> object:
        _need_operator(caller)
        return self._ca.manual.crl()


def _need_operator(caller: Caller) -> None:
    if not caller.operator:
        raise CaRefused(
            "this needs the CA's passphrase",
            reason="operator-only",
            cause="the connection has not shown that it knows it",
            action="use 'workbench ca' with the passphrase",
        )


def _given(message: Mapping[str, Any], name: str, kind: type) -> Any:
    value = message.get(name, _MISSING)
    if type(value) is not kind:
        raise CaRefused(
            f"'{name}' is missing or of another type",
            reason="field-invalid",
            cause="a station of another version",
            action="bring station and certificate authority to the same version",
        )
    return value


def _error(error: WorkbenchError) -> dict[str, str]:
    if isinstance(error, CaUnreachable):
        code = error.code
    elif error.blame in (Blame.STATION, Blame.BUG, Blame.STOPPED) or isinstance(error, IssuerUnsuitable):
        code = CaUnreachable.code
    else:
        code = error.code if error.code in REFUSALS else CaRefused.code
    words = {"what": error.what, "cause": error.cause, "action": error.action}
    reason = str(getattr(error, "reason", error.code))
    return {"code": code, "reason": reason, **{name: text[:MAX_WORDS] for name, text in words.items()}}


def _status(status: CaStatus) -> dict[str, Any]:
    return {
        "name": status.name,
        "time": int(status.time.timestamp()),
        "test": status.test,
        "chain": list(status.chain),
        "key_store": status.key_store,
        "certificates": status.certificates,
        "revoked": status.revoked,
    }


def _nonce(nonce: Nonce) -> dict[str, Any]:
    return {"nonce": nonce.nonce, "secret": nonce.secret, "expires": int(nonce.expires.timestamp())}


def _challenge(challenge: Challenge) -> dict[str, Any]:
    return {"credential_blob": challenge.credential_blob, "secret": challenge.secret}


def _issued(issued: Issued) -> dict[str, Any]:
    return {"certificates": dict(issued.certificates), "chain": list(issued.chain)}
