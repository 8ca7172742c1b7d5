"""The worker's answers as the client reads them: plain maps become dataclasses and errors.  Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final, TypeVar

from workbench.errors import WorkbenchError
from workbench.identity.ca.errors import INTERRUPTIONS, REFUSALS, CaUnreachable
from workbench.identity.ca.messages import CaStatus, Challenge, Issued, Nonce

MAX_WORDS: Final = 2000
"""Characters of each text of an error."""
T = TypeVar("T")


def passphrase_proof(passphrase: bytes, salt: bytes) -> bytes:
    """What shows that somebody knows the passphrase, without saying it: scrypt (RFC 7914), 32 bytes."""
    return hashlib.scrypt(passphrase, salt=salt, n=1 << 14, r=8, p=1, dklen=32)


def error_from_map(sent: object) -> WorkbenchError:
    """The error that `_error` wrote, as the client raises it."""
    if not isinstance(sent, Mapping) or not all(isinstance(value, str) for value in sent.values()):
        return CaUnreachable("the CA's worker answered with something that is no answer")
    what, cause, action = (sent.get(name, "")[:MAX_WORDS] for name in ("what", "cause", "action"))
    code = sent.get("code", "")
    if code in REFUSALS:
        return REFUSALS[code](what, reason=sent.get("reason", "refused")[:80], cause=cause, action=action)
    return INTERRUPTIONS.get(code, CaUnreachable)(what, cause=cause, action=action)


def _strict(read: Callable[[Any], T]) -> Callable[[Any], T]:
    """An answer of another form is no answer."""

    @wraps(read)
    def reading(sent: Any) -> T:
        try:
            return read(sent)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            raise CaUnreachable("the CA's worker answered with something that is no answer") from error

    return reading


@_strict
def status_from_map(sent: Any) -> CaStatus:
    """As the worker's `status`."""
    chain = tuple(bytes(found) for found in sent["chain"])
    return CaStatus(
        name=str(sent["name"]),
        time=datetime.fromtimestamp(sent["time"], UTC),
        test=sent["test"] is not False,
        chain=chain,
        root=chain[-1],
        key_store=sent["key_store"],
        certificates=int(sent["certificates"]),
        revoked=int(sent["revoked"]),
    )


@_strict
def nonce_from_map(sent: Any) -> Nonce:
    """As the worker's `nonce`."""
    secret = sent["secret"]
    expires = datetime.fromtimestamp(sent["expires"], UTC)
    return Nonce(bytes(sent["nonce"]), None if secret is None else bytes(secret), expires)


@_strict
def challenge_from_map(sent: Any) -> Challenge:
    """As the worker's `submit-tpm`."""
    return Challenge(bytes(sent["credential_blob"]), bytes(sent["secret"]))


@_strict
def issued_from_map(sent: Any) -> Issued:
    """As the worker's `issued`."""
    certificates = {str(name): bytes(der) for name, der in sent["certificates"].items()}
    return Issued(certificates, tuple(bytes(found) for found in sent["chain"]))
