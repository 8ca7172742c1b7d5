"""Secrets that an enrolment handles are in no file of the database, whatever a caller tries to store."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as ser
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger_lab import claim_of, digest, enrol, key_of, spki_of
from workbench.database.engine import open_engine
from workbench.errors import WorkbenchError
from workbench.identity.ledger import Ledger, SecretRefused, Unit, ValueNotStorable
from workbench.identity.storable import storable

SECRET = bytes(range(100, 132))
KEY = key_of("secret key")
PEM = KEY.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
DER = KEY.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())
SEC1 = KEY.private_bytes(ser.Encoding.DER, ser.PrivateFormat.TraditionalOpenSSL, ser.NoEncryption())
LOCKED = KEY.private_bytes(
    ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.BestAvailableEncryption(b"passphrase")
)

FORMS: dict[str, Any] = {
    "bytes": SECRET,
    "hex": SECRET.hex(),
    "capitals": SECRET.hex().upper(),
    "base64": base64.b64encode(SECRET).decode(),
    "base64url": base64.urlsafe_b64encode(SECRET).decode(),
    "words": f"the secret is {SECRET.hex()} indeed",
    "pem": PEM.decode(),
    "der in hex": DER.hex(),
    "der in base64": base64.b64encode(DER).decode(),
    "sec1 in hex": SEC1.hex(),
    "encrypted der": LOCKED.hex(),
}
NAMES = ["value", "answer", "lockout_secret", "pin", "lockoutAuth", "master", "private_key"]
PUBLIC = ["nonce", "certificate_sha256", "digest"]

WAYS: dict[str, Callable[[Ledger, Unit, dict[str, Any]], object]] = {
    "details": lambda ledger, unit, value: ledger.keyed(unit.unit_id, {"device": digest("k")}, "tpm", value),
    "intent": lambda ledger, unit, value: ledger.intend(unit.unit_id, "change-auth", value),
    "observed": lambda ledger, unit, value: ledger.observe(ledger.intend(unit.unit_id, "x", {}), value),
    "deep": lambda ledger, unit, value: ledger.intend(unit.unit_id, "x", {"list": [{"more": value}]}),
    "reason": lambda ledger, unit, value: ledger.quarantine(unit.unit_id, " ".join(map(str, value.values()))),
    "rma": lambda ledger, unit, value: ledger.rma(unit.unit_id, " ".join(map(str, value.values())), "eve"),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path / 'db' / 'ledger.sqlite'}"), station="s1")
    ledger.forbid(SECRET)
    yield ledger
    ledger.close()


@pytest.mark.parametrize("way", WAYS)
def test_no_way_into_the_database_takes_a_secret(ledger: Ledger, tmp_path: Path, way: str) -> None:
    for number, form in enumerate(FORMS):
        for name in [*NAMES, *PUBLIC]:
            unit = ledger.claim(claim_of(f"{number}{name.replace('_', '-')}", f"{number}{name}"))
            value = FORMS[form] if way not in ("reason", "rma") else str(FORMS[form])
            with pytest.raises(WorkbenchError) as caught:
                WAYS[way](ledger, unit, {name: value})
            assert type(caught.value).__name__ in ("SecretRefused", "ValueNotStorable", "LedgerValueInvalid")
            assert SECRET.hex() not in str(caught.value)
    enrol(ledger, claim_of("A1", "chip"), "k")
    for file in (tmp_path / "db").iterdir():
        assert_clean(file.read_bytes())


def assert_clean(data: bytes) -> None:
    numbers = KEY.private_numbers().private_value.to_bytes(32, "big")
    for secret in (SECRET, DER, SEC1, LOCKED, PEM, numbers):
        for form in (secret, secret.hex().encode(), secret.hex().upper().encode()):
            assert form not in data
        assert base64.b64encode(secret)[:40] not in data


def test_what_an_enrolment_has_to_say_is_taken() -> None:
    for value in (
        {"template": "H-3", "variant": "y-empty", "handles": ["0x81020000", "0x81020001"]},
        {"name_sha256": digest("name"), "spki": {"device": spki_of("k")}, "policy_digest": digest("p")},
        {"lockout_secret": True, "secret_erased": None, "rc": 0x120, "elapsed_s": 1.25},
        {"act": "nv-write-certificate-idevid-then-lock", "station": "line-1/station-2"},
        {"when": "2026-01-01T00:00:00.000000Z"},
        {"request_id": "0b0e7d2c-7a34-4b8b-9a4e-1f1f0a1a5f00", "manufacturer": "IBM ", "words": "a b c"},
        {"nonce": SECRET.hex(), "certificate": base64.b64encode(bytes(700)).decode()},
    ):
        assert storable(value) == value


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}},
        {"list": list(range(5000))},
        {"text": "x " * 10_000},
        {"x" * 65: 1},
        {"": 1},
        {"number": 1 << 64},
        {"number": float("nan")},
        {"text": "a\0b"},
        {"text": "\ud800"},
        {"object": object()},
        {SECRET.hex(): 1},
    ],
)
def test_what_cannot_be_stored_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueNotStorable):
        storable(value)


@given(st.binary(min_size=16, max_size=64), st.sampled_from(["hex", "base64", "in words"]))
def test_a_known_secret_is_found_under_every_name(secret: bytes, form: str) -> None:
    text = secret.hex() if form != "base64" else base64.b64encode(secret).decode()
    text = f"here: {text}." if form == "in words" else text
    for name in ("nonce", "x", "certificate_sha256"):
        with pytest.raises(SecretRefused):
            storable({name: text}, [secret])
