"""Keys in a PKCS#11 token: sessions that vanish, calls that hang, wrong PINs, names that are taken."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from tests.ca_lab import NEW, PIN, SOFTHSM_MODULE, Chip, openssl, softhsm_token
from workbench.identity.ca import pkcs11
from workbench.identity.ca.ca_file import read_ca_file
from workbench.identity.ca.client import open_ca
from workbench.identity.ca.create import CaExists, Token, create_ca
from workbench.identity.ca.errors import CaFolderInvalid, CaKeyUnavailable
from workbench.identity.ca.pkcs11_uri import KeyUri, parse_uri
from workbench.identity.ca.token_thread import TokenStuck, TokenThread

# python-pkcs11 complains where a search cannot be ended in a session that is gone, as is meant here.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def token(tmp_path: Path) -> Iterator[Token]:
    with softhsm_token(tmp_path / "hsm") as made:
        yield made


@pytest.fixture
def opened(token: Token) -> Iterator[pkcs11.Token]:
    found = pkcs11.open_token(KeyUri(token.module, token.label), PIN).hold()
    yield found
    found.release()


def close_all_sessions(opened: pkcs11.Token) -> None:
    """Another part of this process closes what is open in the token."""
    slot = opened.call(lambda session: session.token.slot.slot_id)
    assert ctypes.CDLL(SOFTHSM_MODULE).C_CloseAllSessions(ctypes.c_ulong(slot)) == 0


def finalize(_: pkcs11.Token) -> None:
    """Another part of this process ends the module."""
    assert ctypes.CDLL(SOFTHSM_MODULE).C_Finalize(None) == 0


@pytest.mark.parametrize("lose", [close_all_sessions, finalize])
def test_a_lost_session_is_opened_again(opened: pkcs11.Token, token: Token, lose: object) -> None:
    pkcs11.make_signing_key(opened, "signer", "ecdsa-p256")
    pkcs11.make_secret_key(opened, "secret")
    uri = KeyUri(token.module, token.label)
    key, secret = (
        pkcs11.Pkcs11SigningKey(opened, uri.named("signer")),
        pkcs11.Pkcs11SecretKey(opened, uri.named("secret")),
    )
    before, logins = secret.derive(b"one"), opened.logins
    assert callable(lose)
    lose(opened)
    assert secret.derive(b"one") == before
    assert opened.logins == logins + 1
    key.public_key.verify(key.sign(b"data"), b"data", ec.ECDSA(SHA256()))
    assert opened.logins == logins + 1, "once is enough"
    key.close()
    secret.close()


def test_a_removed_token_is_an_error_and_its_return_is_not(opened: pkcs11.Token, tmp_path: Path) -> None:
    pkcs11.make_secret_key(opened, "secret")

    def act(session: Any) -> int:
        return len(list(session.get_objects()))

    place = tmp_path / "hsm" / "tokens"
    place.rename(tmp_path / "gone")
    place.mkdir()
    finalize(opened)
    with pytest.raises(CaKeyUnavailable):
        opened.call(act)
    place.rmdir()
    (tmp_path / "gone").rename(place)
    assert opened.call(act) == 1


def test_a_wrong_pin_is_tried_once(token: Token) -> None:
    with pytest.raises(CaKeyUnavailable) as caught:
        pkcs11.open_token(KeyUri(token.module, token.label), b"0000-wrong")
    assert "PinIncorrect" in caught.value.what
    assert "0000-wrong" not in caught.value.diagnostics()
    pkcs11.open_token(KeyUri(token.module, token.label), PIN).hold().release()


def test_keys_never_leave_the_token(opened: pkcs11.Token) -> None:
    pkcs11.make_signing_key(opened, "signer", "ecdsa-p256")
    pkcs11.make_secret_key(opened, "secret")
    from pkcs11 import Attribute, ObjectClass

    def flags(session: Any) -> list[tuple[bool, bool]]:
        kinds = (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY)
        found = [key for kind in kinds for key in session.get_objects({Attribute.CLASS: kind})]
        return [(key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) for key in found]

    assert opened.call(flags) == [(True, False)] * 2


def test_a_name_that_is_taken_is_refused(opened: pkcs11.Token) -> None:
    pkcs11.make_signing_key(opened, "signer", "ecdsa-p256")
    with pytest.raises(CaKeyUnavailable):
        pkcs11.make_signing_key(opened, "signer", "ecdsa-p256")


def test_a_module_or_token_that_is_not_there_is_said(token: Token) -> None:
    for uri in (KeyUri("/nowhere.so", token.label), KeyUri(token.module, "other")):
        with pytest.raises(CaKeyUnavailable):
            pkcs11.open_token(uri, PIN)


def test_a_call_that_hangs_is_given_up_and_so_is_the_thread() -> None:
    thread, never = TokenThread(call_s=0.05), threading.Event()
    assert thread.call(lambda: 7) == 7
    with pytest.raises(TokenStuck):
        thread.call(never.wait)
    with pytest.raises(TokenStuck):
        thread.call(lambda: 7)
    assert thread.stuck
    never.set()


def test_an_error_in_a_call_is_not_taken_for_a_hanging_one() -> None:
    thread = TokenThread(call_s=5)

    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError):
        thread.call(fail)
    assert not thread.stuck
    thread.end()


def test_a_ca_in_a_token_issues_and_leaves_no_keys_where_it_was_not_finished(
    token: Token, tmp_path: Path
) -> None:
    new = replace(NEW, token=token, root_in_file=True)
    with pytest.raises(Exception, match="organizationName"):
        create_ca(tmp_path / "ca", replace(new, organization=" spaces "), PIN, b"a passphrase of its own")
    assert not (tmp_path / "ca").exists()
    opened = pkcs11.open_token(KeyUri(token.module, token.label), PIN).hold()
    assert opened.call(lambda session: list(session.get_objects())) == []
    opened.release()

    create_ca(tmp_path / "ca", new, PIN, b"a passphrase of its own")
    settings = read_ca_file(tmp_path / "ca")
    assert settings.keys.root == "file:keys/root.key.pem"
    assert PIN.decode() not in (tmp_path / "ca" / "ca.toml").read_text()
    words = ["-in", tmp_path / "ca" / "keys" / "root.key.pem", "-passin", "pass:a passphrase of its own"]
    assert openssl("pkey", "-noout", *words).returncode == 0
    with open_ca(tmp_path / "ca", lambda: PIN) as ca:
        assert Chip().enrol(ca).certificates
    with pytest.raises(CaKeyUnavailable), open_ca(tmp_path / "ca", lambda: b"wrong pin"):
        pass
    with pytest.raises(CaExists):
        create_ca(tmp_path / "ca", new, PIN, b"a passphrase of its own")


@given(*[st.text(min_size=1, max_size=30)] * 3)
def test_uris_come_back_as_they_were(module: str, label: str, name: str) -> None:
    uri = KeyUri(module, label, name)
    assert str(uri).isascii()
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;token=b;object=c?module-path=/m",
        "pkcs11:token=a;object=b?module-path=/m&pin-value=1234",
        "file:token=a;object=b?module-path=/m",
        "pkcs11:token=a;object?module-path=/m",
    ],
)
def test_a_uri_that_says_too_little_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(CaFolderInvalid):
        parse_uri(text)
