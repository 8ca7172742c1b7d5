"""Every check of a microcontroller's request, each with its name and its stable reason.  Pure.

    checked = check_mcu_request(request, policy, nonce, secret, now)

A check raises McuRefused, or returns nothing.  They are done in the order of CHECKS; a check may rely on
those before it.  Whether a serial number, a chip, a key or a request is used a second time is for the CA's
store and the ledger to say, which see all of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, NameOID, SignatureAlgorithmOID

from workbench.identity.mcu.errors import AGAIN, MISTAKE, McuRefused
from workbench.identity.mcu.request import (
    CHIP_ID_BYTES,
    MAX_CSR_BYTES,
    NONCE_BYTES,
    ORIGINS,
    SECRET_BYTES,
    CheckedMcu,
    McuPolicy,
    McuRequest,
    chip_text,
    enrolment_mac,
)

MAX_TEXT: Final = 64
"""Upper bound of a name's attribute: RFC 5280, A.1, ub-common-name and ub-serial-number."""
TRIVIAL_KEYS: Final = 16
"""Private keys 1 to this, and their negatives, are no keys: a broken random number generator yields them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the checks look at."""

    request: McuRequest
    policy: McuPolicy
    nonce: bytes
    secret: bytes = field(repr=False)
    now: datetime
    csr: x509.CertificateSigningRequest

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """The request's key, after `curve` has seen that it is one."""
        key = self.csr.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise McuRefused("csr-key", "the request's key is on no elliptic curve")
        return key

    @property
    def point(self) -> bytes:
        """The key as an uncompressed point."""
        return self.key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def spki(self) -> bytes:
        """The key as SubjectPublicKeyInfo."""
        return self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Check:
    """A check with its name."""

    name: str
    look: Callable[[Case], None]


def check_mcu_request(
    request: McuRequest,
    policy: McuPolicy,
    nonce: bytes,
    secret: bytes,
    now: datetime,
    checks: tuple[Check, ...] | None = None,
) -> CheckedMcu:
    """What may be certified.  `nonce` and `secret` are those that the CA gave for this request, and has not
    taken back; `now` has a time zone.  `checks` is for showing what each of them is good for.

    Raises McuRefused.
    """
    checks = CHECKS if checks is None else checks
    case = Case(
        request=request, policy=policy, nonce=nonce, secret=secret, now=now, csr=read_csr(request.csr)
    )
    for check in checks:
        check.look(case)
    return CheckedMcu(
        request=request,
        public_key=case.key,
        point=case.point,
        spki=case.spki,
        spki_sha256=hashlib.sha256(case.spki).hexdigest(),
        csr_sha256=hashlib.sha256(request.csr).hexdigest(),
        hardware_serial=chip_text(request.chip_id),
        checked=("csr-form", *(check.name for check in checks)),
        at=now,
    )


def read_csr(der: bytes) -> x509.CertificateSigningRequest:
    """The request as a PKCS#10 structure, and nothing behind it.  Raises McuRefused."""
    if not 0 < len(der) <= MAX_CSR_BYTES:
        raise McuRefused("csr-form", f"a request of {len(der)} bytes, not 1 to {MAX_CSR_BYTES}")
    try:
        csr = x509.load_der_x509_csr(der)
        csr.public_key()
        same = csr.public_bytes(Encoding.DER) == der
        same = same and der.endswith(b"\0" + csr.signature)  # whole octets: no bit of the last one is unused
        list(csr.attributes)
        list(csr.subject)
    except (
        Exception
    ) as error:  # the parser's own kinds are many: ValueError, UnsupportedAlgorithm, TypeError …
        raise McuRefused("csr-form", f"no PKCS#10 request: {str(error)[:120]}") from error
    if not same:
        raise McuRefused("csr-form", "the request is not in DER")
    return csr


def _request_id(case: Case) -> None:
    text = case.request.request_id
    try:
        good = str(uuid.UUID(text)) == text
    except ValueError:
        good = False
    _need(good, "request-id", "the request's ID is no UUID", action=MISTAKE)


def _serial(case: Case) -> None:
    good = re.fullmatch(case.policy.serial_pattern, case.request.serial) is not None
    good = good and 0 < len(case.request.serial) <= MAX_TEXT
    _need(good, "serial", "the serial number has not the form that this CA accepts", action=MISTAKE)


def _model(case: Case) -> None:
    model, known = case.request.model, case.policy.models
    _need(_is_name(model), "model", "the model is no name of 1 to 64 printable characters", action=MISTAKE)
    allowed = known is None or model in known
    _need(allowed, "model", "this CA issues nothing for that model", action=MISTAKE)


def _station(case: Case) -> None:
    good = _is_name(case.request.station)
    _need(good, "station", "the station's name is not 1 to 64 printable characters", action=MISTAKE)


def _station_time(case: Case) -> None:
    apart = abs(case.request.station_time - case.now.timestamp())
    _need(
        apart <= case.policy.clock_tolerance_s,
        "station-time",
        f"the station's clock is {apart:.0f} s from the CA's",
        cause="a clock that is wrong, or an old request that was sent again",
        action="set the clock of the station or of the CA, then enrol the unit again",
    )


def _chip_id(case: Case) -> None:
    chip = case.request.chip_id
    good = len(chip) == CHIP_ID_BYTES and chip.strip(b"\x00") != b"" and chip.strip(b"\xff") != b""
    _need(
        good,
        "chip-id",
        "the chip's ID is blank, or has not 8 bytes",
        cause="the probe read nothing, or another kind of chip",
        action="check the probe's wires; a chip without an ID cannot be enrolled",
    )


def _nonce(case: Case) -> None:
    _need(
        len(case.nonce) == NONCE_BYTES and len(set(case.nonce)) > 1,
        "nonce",
        "there is no nonce that this request could be fresh for",
        cause="it was used, or has expired",
        action=AGAIN,
    )


def _secret(case: Case) -> None:
    _need(
        len(case.secret) == SECRET_BYTES and len(set(case.secret)) > 1,
        "secret",
        "there is no one-time secret for this request",
        cause="it was used, or has expired",
        action=AGAIN,
    )


def _origin(case: Case) -> None:
    origin = case.request.key_origin
    _need(origin in ORIGINS, "key-origin", "it is not said where the key was made", action=MISTAKE)
    _need(
        origin in case.policy.origins,
        "key-origin",
        f"this CA certifies no key whose origin is {origin}",
        cause="a key that was outside of the chip may have been copied",
        action="provision the unit with `--device-key on-chip`, or use a CA whose policy accepts such keys",
    )


def _curve(case: Case) -> None:
    key = case.csr.public_key()
    good = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    _need(good, "csr-curve", "the request's key is not on P-256")


def _signature_algorithm(case: Case) -> None:
    good = case.csr.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA256
    good = good and isinstance(case.csr.signature_hash_algorithm, SHA256)
    _need(good, "csr-signature-algorithm", "the request is not signed with ECDSA and SHA-256")


def _signature(case: Case) -> None:
    _need(
        case.csr.is_signature_valid,
        "csr-signature",
        "the request's signature is not its key's",
        cause="the request was changed, or the device does not have the private key",
    )


def _subject(case: Case) -> None:
    rdns = case.csr.subject.rdns
    single = [attribute for rdn in rdns for attribute in rdn]
    form = len(rdns) == 1 and len(single) == 1 and single[0].oid == NameOID.SERIAL_NUMBER
    _need(form, "csr-subject", "the request's subject is not a serial number alone")
    _need(
        single[0].value == case.request.chip_id.hex(),
        "csr-subject",
        "the request is of another chip than the probe is connected to",
        cause="the serial port belongs to another unit, or another unit's request was put in",
        action="check the wires of the slot: probe and serial port must lead to one board; then enrol again",
    )


def _attributes(case: Case) -> None:
    oids = [attribute.oid for attribute in case.csr.attributes]
    _need(
        oids == [AttributeOID.CHALLENGE_PASSWORD],
        "csr-attributes",
        "the request does not have exactly the attribute challengePassword",
        cause="other firmware than ours, or somebody who asks for extensions of his own",
    )


def _mac(case: Case) -> None:
    told = next((a.value for a in case.csr.attributes if a.oid == AttributeOID.CHALLENGE_PASSWORD), b"")
    right = enrolment_mac(case.secret, case.nonce, case.request.chip_id, case.point).encode("ascii")
    _need(
        hmac.compare_digest(told, right),
        "enrolment-mac",
        "the request was not made with this unit's one-time secret for this nonce and this key",
        cause="an old request that was sent again, another unit, or a key that was put in on the way",
    )


def _known_key(case: Case) -> None:
    known = hashlib.sha256(case.spki).digest() in case.policy.refused_keys
    _need(
        not known,
        "known-key",
        "the request's key is published: everybody has it",
        cause="a test key in the firmware",
        action="provision the unit anew; build firmware for production without test keys",
    )


def _trivial_key(case: Case) -> None:
    _need(
        case.key.public_numbers().x not in _trivial_points(),
        "trivial-key",
        "the request's key is one that no random number generator makes",
        cause="the unit's random number generator is broken",
        action="take the unit out of the line; its generator is unhealthy",
    )


CHECKS: Final = (
    Check("request-id", _request_id),
    Check("serial", _serial),
    Check("model", _model),
    Check("station", _station),
    Check("station-time", _station_time),
    Check("chip-id", _chip_id),
    Check("nonce", _nonce),
    Check("secret", _secret),
    Check("key-origin", _origin),
    Check("csr-curve", _curve),
    Check("csr-signature-algorithm", _signature_algorithm),
    Check("csr-signature", _signature),
    Check("csr-subject", _subject),
    Check("csr-attributes", _attributes),
    Check("enrolment-mac", _mac),
    Check("known-key", _known_key),
    Check("trivial-key", _trivial_key),
)
"""All of them; the form of the request is looked at before."""


def _need(good: bool, reason: str, what: str, *, cause: str | None = None, action: str | None = None) -> None:
    if not good:
        raise McuRefused(reason, what, cause=cause, action=action)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_TEXT and text.isprintable() and text == text.strip()


def _trivial_points() -> frozenset[int]:
    """x of the points that belong to trivial private keys; a point and its negative share it."""
    curve = ec.SECP256R1()
    keys = (ec.derive_private_key(number, curve) for number in range(1, TRIVIAL_KEYS + 1))
    return frozenset(key.public_key().public_numbers().x for key in keys)
