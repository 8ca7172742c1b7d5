"""The device's side of an enrolment over SMP: group 64, commands 4 to 7, as typed calls.

Decides nothing, and takes nothing for granted: every answer is looked at for form and size.  The messages are
described in firmware-samples/secure/app/enrol.h.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from workbench.identity.mcu.request import MAX_CSR_BYTES, POINT_BYTES
from workbench.wires.smp_errors import WORKBENCH_GROUP, SmpGarbled, SmpRefused, SmpSilent
from workbench.wires.smp_message import Op, Request

if TYPE_CHECKING:
    from workbench.wires.smp import Smp

ENROL, CSR, CERTIFICATE, EAT = 4, 5, 6, 7
MAX_CERTIFICATE_BYTES: Final = 1008
MAX_EAT_BYTES: Final = 1024
PIECE_BYTES: Final = 256
"""Bytes of a certificate in one message: fits the smallest buffer of the samples."""
TRIES: Final = 4
SLOW_S: Final = 20.0
"""Random samples, a key or a signature take seconds on a small core."""
NO_KEY, FAILED, ENROL_STATE, NO_SECRET, RANDOM, FLASH, FROZEN, NO_CERTIFICATE, WRONG_CERTIFICATE = (
    6, 7, 9, 10, 11, 12, 13, 14, 15,
)  # fmt: skip
"""Numbers with which the device refuses."""

State = Literal["none", "secret", "key", "cert", "done"]
Origin = Literal["none", "on-chip", "injected"]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Where a device stands.

    `point` is its public key (65 bytes, uncompressed), None where it has none.  `certificates`: whether copy
    A and B are whole; `repaired`: whether one was written anew from the other since the start.
    """

    state: State
    origin: Origin
    point: bytes | None
    certificates: tuple[bool, bool]
    repaired: tuple[bool, bool]
    healthy: bool


def read_enrolment(smp: Smp) -> Enrolment | None:
    """Where the device stands; None where its firmware knows no enrolment."""
    try:
        body = smp.call(
            Request("its enrolment", Op.READ, WORKBENCH_GROUP, ENROL), timeout_s=SLOW_S, tries=TRIES
        )
    except SmpRefused as error:
        if error.group is None or error.unsupported or error.is_own(1):
            return None
        raise
    return _enrolment(body)


def generate(smp: Smp) -> Enrolment:
    """Has the device make its key, or keep the one that it has."""
    return _act(smp, "to make its key", "generate")


def commit(smp: Smp) -> Enrolment:
    """Has the device overwrite the one-time secret and freeze key and certificate."""
    return _act(smp, "to end the enrolment", "commit")


def request_csr(smp: Smp, nonce: bytes) -> bytes:
    """Its PKCS#10 request for that nonce, DER."""
    body = smp.call(
        Request("a certificate request", Op.WRITE, WORKBENCH_GROUP, CSR, {"nonce": nonce}),
        timeout_s=SLOW_S,
        tries=TRIES,
    )
    return _bytes(body, "csr", MAX_CSR_BYTES)


def request_eat(smp: Smp, nonce: bytes) -> bytes:
    """Its attestation token over that nonce of 8 to 64 bytes."""
    body = smp.call(
        Request("an attestation token", Op.WRITE, WORKBENCH_GROUP, EAT, {"nonce": nonce}),
        timeout_s=SLOW_S,
        tries=TRIES,
    )
    return _bytes(body, "eat", MAX_EAT_BYTES)


def read_certificate(smp: Smp) -> bytes | None:
    """The certificate that it holds, None where it holds none."""
    held = b""
    while True:
        asked = Request("its certificate", Op.READ, WORKBENCH_GROUP, CERTIFICATE, {"off": len(held)})
        try:
            body = smp.call(asked, timeout_s=SLOW_S, tries=TRIES)
        except SmpRefused as error:
            if error.is_own(NO_CERTIFICATE) and not held:
                return None
            raise
        total, data = body.get("len"), body.get("data")
        if (
            not isinstance(total, int)
            or not 0 < total <= MAX_CERTIFICATE_BYTES
            or body.get("off") != len(held)
        ):
            raise SmpGarbled("the device's certificate has no length, or another place than was asked for")
        if not isinstance(data, bytes) or not 0 < len(data) <= total - len(held):
            raise SmpGarbled("the device sends no more of its certificate, or too much")
        held += data
        if len(held) == total:
            return held


def write_certificate(smp: Smp, der: bytes) -> None:
    """Gives it its certificate.  A device that was restarted meanwhile is begun with anew, once.

    Raises SmpRefused (WRONG_CERTIFICATE, FROZEN, FLASH), SmpSilent, SmpGarbled.
    """
    restarts, at = 0, 0
    while True:
        asked = _piece(der, at)
        body = smp.call(asked, timeout_s=SLOW_S, tries=TRIES)
        if body.get("match") is True:
            return
        there = body.get("off")
        if not isinstance(there, int) or not 0 <= there <= len(der):
            raise SmpGarbled("the device does not say where to go on with its certificate")
        restarts += there <= at
        if restarts > TRIES or there == len(der):
            raise SmpSilent("the device takes its certificate and does not keep it")
        at = there


def _piece(der: bytes, at: int) -> Request:
    body: dict[str, object] = {"off": at, "data": der[at : at + PIECE_BYTES]}
    if at == 0:
        body |= {"len": len(der), "sha": hashlib.sha256(der).digest()}
    return Request("to keep its certificate", Op.WRITE, WORKBENCH_GROUP, CERTIFICATE, body)


def _act(smp: Smp, what: str, act: str) -> Enrolment:
    asked = Request(what, Op.WRITE, WORKBENCH_GROUP, ENROL, {"act": act})
    return _enrolment(smp.call(asked, timeout_s=SLOW_S, tries=TRIES))


def _enrolment(body: dict[str, Any]) -> Enrolment:
    state: Any = body.get("state")
    origin: Any = body.get("origin")
    point = body.get("pub")
    if state not in get_args(State) or origin not in get_args(Origin):
        raise SmpGarbled("the device does not say where its enrolment stands")
    if point is not None and not (isinstance(point, bytes) and len(point) == POINT_BYTES and point[0] == 4):
        raise SmpGarbled("the device's public key is no uncompressed point")
    return Enrolment(
        state=state,
        origin=origin,
        point=point,
        certificates=_pair(body.get("certs")),
        repaired=_pair(body.get("repaired", [False, False])),
        healthy=body.get("health") is True,
    )


def _pair(found: object) -> tuple[bool, bool]:
    if not isinstance(found, list) or [type(value) for value in found] != [bool, bool]:
        raise SmpGarbled("the device does not say which of its certificates are whole")
    return found[0], found[1]


def _bytes(body: dict[str, Any], name: str, limit: int) -> bytes:
    found = body.get(name)
    if not isinstance(found, bytes) or not 0 < len(found) <= limit:
        raise SmpGarbled(f"the device's answer has no {name} of at most {limit} bytes")
    return found
