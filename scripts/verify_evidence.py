#!/usr/bin/env python3
"""Checks a unit's evidence on any machine: needs Python 3.11 and the package `cryptography`, nothing else.

    python3 verify_evidence.py unit.json --root root.pem [--log log.jsonl] [--require-held]

Prints what the evidence says in short and ends with 0, or prints why it is refused and ends with 4; 2 means
that the files could not be read.  This is a second opinion: it shares no code with the workbench.
"""

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec, utils

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://workbench.invalid/evidence/unit-identity/v1"
PAYLOAD = "application/vnd.in-toto+json"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256's group
KNOWN_CRITICAL = {"2.5.29.15", "2.5.29.19", "2.5.29.32", "2.5.29.37"}
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
HASH, TIME, BASE64 = "[0-9a-f]{64}", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", "[A-Za-z0-9+/]+={0,2}"
TEXT = "(?s)[^\ud800-\udfff]{1,4096}"
STATES = "blank|keyed|certified|locked|verified"
UNIT = {"kind": "tpm|mcu", "ledger_state": STATES, "ek_cert_sha256": (HASH,), "ek_trust": (TEXT,)}
UNIT |= {"enforced_by": (TEXT,)}
UNIT |= dict.fromkeys(("hardware_id", "model", "request_id", "serial", "target", "unit_id"), TEXT)
KEY = {
    "algorithm": (TEXT,),
    "details": dict,
    "origin": "tpm|on-chip|injected",
    "role": TEXT,
    "spki_sha256": HASH,
}
TRIED = {"act": TEXT, "details": dict, "expected": TEXT, "observed": TEXT}
TRIED |= {"outcome": "held|broken|shown|not-tried"}
FLASHED = {"name": TEXT, "sha256": HASH, "size_bytes": int, "version": (TEXT,), "where": (TEXT,)}
FORM = {
    "certificates": [{"der": BASE64, "read_back_sha256": (HASH,), "role": TEXT}],
    "flashed": [FLASHED],
    "intended": dict,
    "keys": [KEY],
    "log": {"line": int, "prev": HASH},
    "observed": dict,
    "run_id": (TEXT,),
    "signer": {"chain": [BASE64], "signed_at": TIME},
    "station": TEXT,
    "times": {"ca_time": (TIME,), "finished": TIME, "started": TIME, "tpm_clock": (dict,)},
    "tried": [TRIED],
    "unit": UNIT,
    "versions": dict,
}
LOG_DATA = {
    "header": {"schema": TEXT, "station": TEXT},
    "signer": {"certificate_sha256": HASH, "key_id": HASH},
    "evidence": {"evidence_sha256": HASH, "serial": TEXT, "unit_id": TEXT},
}
LOG_LINE = {"data": dict, "kind": "header|signer|evidence", "line": int, "prev": HASH, "time": TIME}


class Refused(Exception):
    """The evidence must not be believed; its argument is the reason."""


def need(fine: object, reason: str) -> None:
    if not fine:
        raise Refused(reason)


def fits(value: Any, form: Any) -> bool:
    """A tuple: may be null; a list: any number of these; a string: a pattern."""
    if isinstance(form, tuple):
        return value is None or fits(value, form[0])
    if isinstance(form, list):
        return isinstance(value, list) and len(value) <= 1000 and all(fits(v, form[0]) for v in value)
    if isinstance(form, dict):
        return (
            isinstance(value, dict)
            and value.keys() == form.keys()
            and all(fits(value[k], form[k]) for k in form)
        )
    if form is int:
        return type(value) is int and 0 <= value < 1 << 53
    if form is dict:
        return isinstance(value, dict)
    fine = isinstance(value, str) and re.fullmatch(form, value, re.ASCII) is not None
    return fine and (form is not BASE64 or len(value) <= 16_384)


def no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def encode(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def decode(data: bytes, reason: str) -> Any:
    """JSON in its only form: sorted, without spaces, ASCII."""
    try:
        value = json.loads(data.decode("ascii"), parse_constant=no_constant)
        need(encode(value) == data, reason)
    except (ValueError, RecursionError):
        raise Refused(reason) from None
    return value


def unbase64(text: str, reason: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(reason) from None
    need(base64.b64encode(data).decode() == text, reason)
    return data


def fingerprint(key: Any) -> str:
    return sha256(key.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def low_s(signature: bytes) -> bytes:
    r, s = utils.decode_dss_signature(signature)
    return utils.encode_dss_signature(r, min(s, ORDER - s))


def certificate(der: bytes, reason: str) -> x509.Certificate:
    try:
        found = x509.load_der_x509_certificate(der)
        critical = {e.oid.dotted_string for e in found.extensions if e.critical}
        _ = (found.public_key(), found.subject, found.issuer, found.signature_hash_algorithm)
        _ = (moment(found, "not_valid_before"), moment(found, "not_valid_after"))
    except Exception:
        raise Refused(reason) from None
    need(critical <= KNOWN_CRITICAL, reason)
    return found


def extension(found: x509.Certificate, kind: Any) -> Any:
    return next((e.value for e in found.extensions if isinstance(e.value, kind)), None)


def is_ca(found: x509.Certificate, below: int) -> bool:
    constraints, usage = extension(found, x509.BasicConstraints), extension(found, x509.KeyUsage)
    if not (constraints and constraints.ca and usage and usage.key_cert_sign):
        return False
    return constraints.path_length is None or constraints.path_length >= below


def issued_by(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    key, algorithm = issuer.public_key(), found.signature_hash_algorithm
    if found.issuer != issuer.subject or not isinstance(
        algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    ):
        return False
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
        return False
    try:
        key.verify(found.signature, found.tbs_certificate_bytes, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def moment(found: x509.Certificate, name: str) -> datetime:
    """Older versions of the package give times without their zone, which is UTC."""
    zoned: datetime = getattr(found, f"{name}_utc", None) or getattr(found, name).replace(tzinfo=UTC)
    return zoned


def check_chain(ders: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> list[x509.Certificate]:
    need(2 <= len(ders) <= 5, "chain-malformed")
    chain = [certificate(der, "chain-malformed") for der in ders]
    need(ders[-1] in roots, "chain-root-unknown")
    need(all(is_ca(found, below) for below, found in enumerate(chain[1:])), "chain-not-ca")
    for found, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
        need(issued_by(found, issuer), "chain-broken")
        need(moment(found, "not_valid_before") <= at <= moment(found, "not_valid_after"), "chain-time")
    return chain


def check_signature(chain: list[x509.Certificate], payload: bytes, key_id: str, signature: bytes) -> None:
    key, usage = chain[0].public_key(), extension(chain[0], x509.KeyUsage)
    purposes = {p.dotted_string for p in extension(chain[0], x509.ExtendedKeyUsage) or ()}
    p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    fine = usage and usage.digital_signature and DOCUMENT_SIGNING in purposes and not is_ca(chain[0], 0)
    need(fine and p256 and isinstance(key, ec.EllipticCurvePublicKey), "signer-usage")
    need(key_id == fingerprint(key), "key-id")
    signed = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
    try:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        need(low_s(signature) == signature, "signature-wrong")
    except (InvalidSignature, ValueError):
        raise Refused("signature-wrong") from None


def check_unit(told: dict[str, Any], issuers: list[x509.Certificate], subject: object) -> None:
    unit, keys = told["unit"], {key["role"]: key["spki_sha256"] for key in told["keys"]}
    roles = {found["role"] for found in told["certificates"]}
    need(len(keys) == len(told["keys"]) and len(roles) == len(told["certificates"]), "predicate-malformed")
    subjects = [(f"unit:{unit['model']}/{unit['serial']}", unit["hardware_id"].encode())]
    ders = [unbase64(found["der"], "certificate-foreign") for found in told["certificates"]]
    for found, der in zip(told["certificates"], ders, strict=True):
        own = certificate(der, "certificate-foreign")
        names = {str(a.value) for a in own.subject.get_attributes_for_oid(x509.NameOID.SERIAL_NUMBER)}
        need(any(issued_by(own, issuer) for issuer in issuers), "certificate-foreign")
        need(fingerprint(own.public_key()) == keys.get(found["role"]), "certificate-foreign")
        need(names <= {unit["serial"], unit["hardware_id"]}, "certificate-foreign")
        need(found["read_back_sha256"] in (None, sha256(der).hexdigest()), "certificate-not-stored")
        subjects.append((f"certificate:{found['role']}", der))
    need(
        subject == [{"digest": {"sha256": sha256(d).hexdigest()}, "name": n} for n, d in subjects],
        "subject-mismatch",
    )


def check_log(lines: Iterator[bytes], digest: str, told: dict[str, Any]) -> None:
    prev, count, found, station, signers = "0" * 64, 0, [], "", [""]
    for line in lines:
        need(len(line) <= 16_384 and line[-1:] == b"\n", "log-malformed")
        entry = decode(line[:-1], "log-malformed")
        need(fits(entry, LOG_LINE) and fits(entry["data"], LOG_DATA[entry["kind"]]), "log-malformed")
        need((entry["line"], entry["prev"]) == (count, prev), "log-broken")
        need((entry["kind"] == "header") == (count == 0), "log-malformed")
        need(
            entry["data"].get("schema", "workbench.evidence-log/1") == "workbench.evidence-log/1",
            "log-malformed",
        )
        station = entry["data"].get("station", station)
        signers += [entry["data"].get("certificate_sha256", signers[-1])]
        if entry["data"].get("evidence_sha256") == digest:
            found.append(entry)
        prev, count = sha256(line).hexdigest(), count + 1
    need(count, "log-malformed")
    need(found, "log-lacks-it")
    data = {"evidence_sha256": digest, "serial": told["unit"]["serial"], "unit_id": told["unit"]["unit_id"]}
    own = {"data": data, "kind": "evidence", "time": told["signer"]["signed_at"], **told["log"]}
    need(found == [own], "log-elsewhere")
    signer = sha256(unbase64(told["signer"]["chain"][0], "chain-malformed")).hexdigest()
    need((station, signers[told["log"]["line"]]) == (told["station"], signer), "log-of-another")


def verify(
    data: bytes, roots: Sequence[bytes], log: Iterator[bytes] | None, require_held: bool
) -> dict[str, Any]:
    """What the evidence says; raises Refused."""
    need(len(data) <= 1 << 20, "too-large")
    need(data[-1:] == b"\n", "envelope-malformed")
    envelope = decode(data[:-1], "envelope-malformed")
    signatures = [{"keyid": HASH, "sig": BASE64}]
    blob = "(?s)" + BASE64  # of any length
    need(
        fits(envelope, {"payload": blob, "payloadType": TEXT, "signatures": signatures}), "envelope-malformed"
    )
    need(len(envelope["signatures"]) == 1, "envelope-malformed")
    need(envelope["payloadType"] == PAYLOAD, "payload-type")
    payload = unbase64(envelope["payload"], "envelope-malformed")
    signature = unbase64(envelope["signatures"][0]["sig"], "envelope-malformed")
    statement = decode(payload, "statement-malformed")
    subject = [{"digest": {"sha256": HASH}, "name": TEXT}]
    form = {"_type": TEXT, "predicate": dict, "predicateType": TEXT, "subject": subject}
    need(fits(statement, form) and statement["_type"] == STATEMENT, "statement-malformed")
    need(statement["predicateType"] == PREDICATE, "predicate-type")
    told: dict[str, Any] = statement["predicate"]
    need(fits(told, FORM) and all(fits(v, (TEXT,)) for v in told["versions"].values()), "predicate-malformed")
    ders = [unbase64(text, "chain-malformed") for text in told["signer"]["chain"]]
    try:
        at = datetime.fromisoformat(told["signer"]["signed_at"])
    except ValueError:
        raise Refused("predicate-malformed") from None
    chain = check_chain(ders, roots, at)
    check_signature(chain, payload, envelope["signatures"][0]["keyid"], signature)
    check_unit(told, chain[1:], statement["subject"])
    if log is not None:
        check_log(log, sha256(data).hexdigest(), told)
    broken = [tried["act"] for tried in told["tried"] if tried["outcome"] == "broken"]
    need(not (require_held and broken), "act-broken")
    outcomes = {tried["outcome"] for tried in told["tried"]}
    need(not require_held or ("held" in outcomes and "not-tried" not in outcomes), "act-missing")
    return {"unit": told["unit"], "signed_at": told["signer"]["signed_at"], "broken": broken}


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--root", required=True, action="append", help="root certificate, PEM or DER")
    parser.add_argument("--log", help="the station's log.jsonl")
    parser.add_argument(
        "--require-held", action="store_true", help="refuse evidence of an act that broke through"
    )
    given = parser.parse_args()
    try:
        roots: list[bytes] = []
        for path in given.root:
            with open(path, "rb") as file:
                data = file.read(1 << 16)
            pems = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", data, re.S)
            found = [x509.load_pem_x509_certificate(pem) for pem in pems]
            found = found or [x509.load_der_x509_certificate(data)]
            roots += [root.public_bytes(ser.Encoding.DER) for root in found]
        with open(given.file, "rb") as file:
            data = file.read((1 << 20) + 1)
        lines = None
        if given.log:
            log = open(given.log, "rb")  # noqa: SIM115 - read to the end of this process
            lines = iter(lambda: log.readline(16_385), b"")
        said = verify(data, roots, lines, given.require_held)
    except (OSError, ValueError) as error:
        print(f"cannot read: {error}", file=sys.stderr)
        return 2
    except Refused as error:
        print(f"REFUSED {error}")
        return 4
    print(f"ACCEPTED {json.dumps(said)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
