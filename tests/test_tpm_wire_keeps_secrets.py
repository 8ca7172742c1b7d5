"""Between station and TPM: a salted session hides secrets from who listens, and shows who changes something.

Without the session the same secrets do cross the wire, which shows that the tests look in the right place.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tpm_lab import (
    CERTIFICATE,
    IAK,
    IDEVID,
    NV_CERTIFICATE,
    BareTpm,
    Interposer,
    bare_tpm,
    interposed,
    key_policy,
    make_devid,
    make_ek,
    needs_swtpm,
)
from workbench.identity.tpm.credential import make_credential
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.errors import TpmAnswerForged, TpmError, TpmRefused
from workbench.wires.tpm.values import Hierarchy

pytestmark = needs_swtpm
LOCKOUT_AUTH = b"the lockout authorization, 32 by"
SECRET = b"the secret of a credential, 32 b"
DATA = b"what is written to an index " * 3


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as tpm:
        with open_tpm(tpm.tcti) as first:
            first.startup()
        yield tpm


@pytest.fixture
def between(bare: BareTpm) -> Iterator[Interposer]:
    with interposed(bare) as interposer:
        yield interposer


def secured(tpm: Tpm, ek: str) -> None:
    made = make_ek(tpm, ek)
    tpm.secure(made.handle, made.name)
    assert tpm.is_secure


def use_secrets(tpm: Tpm) -> None:
    """Everything secret that an enrolment sends or receives."""
    ek = make_ek(tpm)
    _, iak = make_devid(tpm)
    blob, closed = make_credential(ek.public, SECRET, iak.name)
    policy = key_policy("iak")
    assert tpm.activate_credential(IAK, ek.handle, blob, closed, key_policy=policy, ek_kind="L") == SECRET
    tpm.flush(ek.handle)
    tpm.nv_define(CERTIFICATE, len(DATA), NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
    tpm.nv_write(CERTIFICATE, DATA, auth=Hierarchy.PLATFORM)
    assert tpm.nv_read(CERTIFICATE) == DATA
    tpm.change_auth(Hierarchy.LOCKOUT, LOCKOUT_AUTH)
    tpm.da_parameters(32, 7200, 86400)


@pytest.mark.parametrize("ek", ["L-1", "H-3"])
def test_a_salted_session_hides_them(between: Interposer, ek: str) -> None:
    with open_tpm(between.tcti) as tpm:
        secured(tpm, ek)
        use_secrets(tpm)
    for secret in (LOCKOUT_AUTH, SECRET, DATA[:28]):
        assert secret not in between.wire


def test_without_it_they_are_to_be_read(between: Interposer) -> None:
    with open_tpm(between.tcti) as tpm:
        assert not tpm.is_secure
        use_secrets(tpm)
    for secret in (LOCKOUT_AUTH, SECRET, DATA[:28]):
        assert secret in between.wire


def test_the_salt_goes_to_the_key_that_was_verified_only(between: Interposer) -> None:
    with open_tpm(between.tcti) as tpm:
        mine, other = make_ek(tpm), make_ek(tpm, "L-2")
        with pytest.raises(TpmAnswerForged, match="as verified"):
            tpm.secure(mine.handle, other.name)
        assert not tpm.is_secure


def use_and_attest(tpm: Tpm) -> None:
    use_secrets(tpm)
    tpm.certify(IDEVID, IAK, b"n", key_policy("idevid"))
    tpm.quote(IAK, b"n", {0x000B: [0]})


CHANGED = {"NV_Read": 0x14E, "ActivateCredential": 0x147, "Certify": 0x148, "Quote": 0x158, "NV_Write": 0x137}


@pytest.mark.parametrize("code", CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize("kind", ["command", "answer"])
def test_who_changes_a_message_is_noticed(bare: BareTpm, kind: str, code: int) -> None:
    current = [0]

    def change(what: str, message: bytes) -> bytes:
        if what == "command":
            current[0] = int.from_bytes(message[6:10], "big")
        if what != kind or current[0] != code or (what == "answer" and message[6:10] != bytes(4)):
            return message
        at = len(message) - 70 if what == "command" else 16
        return message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]

    with interposed(bare, change) as between, open_tpm(between.tcti) as tpm:
        secured(tpm, "L-1")
        with pytest.raises(TpmError) as caught:
            use_and_attest(tpm)
        if kind == "answer":
            assert isinstance(caught.value, TpmAnswerForged)
            assert caught.value.blame == "trust"
        else:
            assert isinstance(caught.value, TpmRefused)
