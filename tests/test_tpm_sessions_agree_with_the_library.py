"""Our salted session against tpm2-tss's and against the TPM: the same bytes, and the same results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st

from tests.tpm_lab import (
    CERTIFICATE,
    IAK,
    IDEVID,
    NV_CERTIFICATE,
    BareTpm,
    bare_tpm,
    interposed,
    key_policy,
    make_devid,
    make_ek,
    needs_swtpm,
)
from tests.tpm_session_lab import Listener, plain_command, salt_key_public, salt_key_sensitive
from workbench.identity.tpm.credential import make_credential
from workbench.identity.tpm.names import name_of
from workbench.identity.tpm.structures import parse_public
from workbench.wires.tpm import Tpm, derivations, open_tpm
from workbench.wires.tpm.errors import TpmAnswerForged, TpmAnswerInvalid, TpmError, TpmRefused
from workbench.wires.tpm.values import Hierarchy

pytestmark = needs_swtpm
NEW_AUTH = b"a lockout authorization of 32 by"
SECRET = b"the secret of a credential, 32 b"
DATA = b"what is written to an index " * 40


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as made:
        with open_tpm(made.tcti) as tpm:
            tpm.startup()
        yield made


def use(tpm: Tpm) -> dict[str, object]:
    """Commands of every kind of session; what they gave, but for what is random."""
    ek, (idevid, iak) = make_ek(tpm, "H-3"), make_devid(tpm, "H-3")
    blob, closed = make_credential(ek.public, SECRET, iak.name)
    policy = key_policy("iak", 0x000C)
    opened = tpm.activate_credential(IAK, ek.handle, blob, closed, key_policy=policy, ek_kind="H")
    tpm.flush(ek.handle)
    tpm.certify(IDEVID, IAK, b"n", key_policy("idevid", 0x000C))
    tpm.nv_define(CERTIFICATE, len(DATA), NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
    for offset in range(0, len(DATA), tpm.nv_piece):
        tpm.nv_write(CERTIFICATE, DATA[offset : offset + tpm.nv_piece], offset, auth=Hierarchy.PLATFORM)
    read = tpm.nv_read(CERTIFICATE)
    tpm.nv_write_lock(CERTIFICATE, auth=Hierarchy.PLATFORM)
    public = tpm.nv_public(CERTIFICATE)
    tpm.change_auth(Hierarchy.LOCKOUT, NEW_AUTH)
    tpm.da_parameters(32, 7200, 86400)
    tpm.clear_control(disable=False, auth=Hierarchy.PLATFORM)
    hashed, pcrs = tpm.hash(b"data", 0x000B), tpm.pcr_read({0x000B: range(24)})
    assert len(tpm.random(16)) == 16
    assert tpm.clock().time_ms > 0
    key = tpm.read_public(IDEVID)
    tpm.change_auth(Hierarchy.LOCKOUT, b"")
    tpm.clear(Hierarchy.LOCKOUT)
    tpm.change_auth(Hierarchy.LOCKOUT, NEW_AUTH)
    tpm.clear(Hierarchy.LOCKOUT)
    tpm.use_auth(Hierarchy.LOCKOUT, b"")
    tpm.da_parameters(32, 7200, 86400)
    found, indices = tpm.properties(), tpm.handles(0x01000000)
    tpm.nv_undefine(CERTIFICATE, Hierarchy.PLATFORM)
    return {
        "keys": (idevid.public, iak.public, key, opened, ek.public),
        "nv": (read, public),
        "state": (hashed.digest, pcrs, found.max_auth_fail, found.lockout_auth_set, indices),
    }


def secure(tpm: Tpm) -> None:
    """A session salted with a key whose private half the test has."""
    handle = tpm.load_external(salt_key_public(), salt_key_sensitive())
    tpm.secure(handle, name_of(parse_public(salt_key_public())))
    tpm.flush(handle)


@pytest.mark.parametrize("by_library", [False, True], ids=["ours", "library"])
def test_every_hmac_is_computed_again_byte_by_byte(bare: BareTpm, by_library: bool) -> None:
    with interposed(bare) as between:
        with open_tpm(between.tcti, library_sessions=by_library) as tpm:
            secure(tpm)
            use(tpm)
        listener = Listener(between, {})
        agreed = listener.listen()
    assert {0x131, 0x147, 0x148, 0x12A, 0x137, 0x14E, 0x138, 0x169, 0x173, 0x129, 0x13A} <= set(agreed)
    assert {0x126, 0x127, 0x151, 0x17A, 0x17B, 0x17D, 0x17E, 0x181, 0x120} <= set(agreed)
    assert listener.compared > 70


def test_both_do_the_same(bare: BareTpm) -> None:
    given: list[dict[str, object]] = []
    for by_library in (False, True):
        with open_tpm(bare.tcti, library_sessions=by_library) as tpm:
            secure(tpm)
            given.append(use(tpm))
    assert given[0] == given[1]


@pytest.mark.parametrize("by_library", [False, True], ids=["ours", "library"])
def test_a_wrong_authorization_is_refused(bare: BareTpm, by_library: bool) -> None:
    with open_tpm(bare.tcti, library_sessions=by_library) as tpm:
        secure(tpm)
        tpm.use_auth(Hierarchy.OWNER, b"wrong")
        with pytest.raises(TpmRefused, match="0x9a2"):
            tpm.clock_set(1 << 40)
        tpm.use_auth(Hierarchy.OWNER, b"")
        tpm.clock_set(tpm.clock().clock_ms + 100_000)


@pytest.mark.parametrize("ek", ["L-2", "H-1", "H-2", "H-4"])
def test_a_salt_reaches_each_kind_of_endorsement_key(bare: BareTpm, ek: str) -> None:
    with open_tpm(bare.tcti) as tpm:
        made = make_ek(tpm, ek)
        tpm.secure(made.handle, made.name)
        assert len(tpm.random(16)) == 16
        tpm.unsecure()
        assert not tpm.is_secure
        assert tpm.handles(0x02000000) == ()


def test_an_index_that_changed_behind_the_connection_is_met_anew(bare: BareTpm) -> None:
    with open_tpm(bare.tcti) as tpm:
        secure(tpm)
        tpm.nv_define(CERTIFICATE, 8, NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
        before = tpm.nv_public(CERTIFICATE)
        assert before is not None
        assert tpm.nv_public(CERTIFICATE) == before
        undefine = plain_command(0x122, (Hierarchy.PLATFORM, CERTIFICATE), b"", b"")
        assert tpm._wire.exchange(undefine)[6:10] == bytes(4)
        assert tpm.nv_public(CERTIFICATE) is None


def test_a_tpm_that_reads_nothing_at_once_is_not_read_for_ever(bare: BareTpm) -> None:
    def lie(kind: str, message: bytes) -> bytes:
        at = message.find((0x12C).to_bytes(4, "big"))
        if kind == "command" or at < 0 or message[6:10] != bytes(4):
            return message
        return message[: at + 4] + bytes(4) + message[at + 8 :]

    with interposed(bare, lie) as between, open_tpm(between.tcti) as tpm:
        tpm.nv_define(CERTIFICATE, 8, NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
        tpm.properties()
        with pytest.raises(TpmAnswerInvalid, match="no bytes at once"):
            tpm.nv_read(CERTIFICATE)


def test_a_recorded_answer_played_again_is_noticed(bare: BareTpm) -> None:
    recorded: list[bytes] = []
    current = [0]

    def replay(kind: str, message: bytes) -> bytes:
        if kind == "command":
            current[0] = int.from_bytes(message[6:10], "big")
        elif current[0] == 0x17B and message[6:10] == bytes(4):
            recorded.append(message)
            return recorded[0]
        return message

    with interposed(bare, replay) as between, open_tpm(between.tcti) as tpm:
        secure(tpm)
        assert len(tpm.random(16)) == 16
        with pytest.raises(TpmAnswerForged):
            tpm.random(16)
        with pytest.raises(TpmError):
            tpm.random(16)


def test_an_answer_without_a_session_is_not_believed(bare: BareTpm) -> None:
    current = [0]

    def strip(kind: str, message: bytes) -> bytes:
        if kind == "command":
            current[0] = int.from_bytes(message[6:10], "big")
        elif current[0] == 0x17B and message[:2] == b"\x80\x02":
            size = int.from_bytes(message[10:14], "big")
            return b"\x80\x01" + (10 + size).to_bytes(4, "big") + bytes(4) + message[14 : 14 + size]
        return message

    with interposed(bare, strip) as between, open_tpm(between.tcti) as tpm:
        ek = make_ek(tpm)
        tpm.secure(ek.handle, ek.name)
        with pytest.raises(TpmAnswerForged):
            tpm.random(16)


def test_an_answer_in_clear_is_not_taken_for_an_encrypted_one(bare: BareTpm) -> None:
    def clear(kind: str, message: bytes) -> bytes:
        if kind == "command" and message[6:10] == b"\0\0\x01\x7b":
            at = message.rindex(b"\x41\0\x20")  # the session's attributes, before the HMAC
            return message[:at] + b"\x01" + message[at + 1 :]
        return message

    with interposed(bare, clear) as between, open_tpm(between.tcti) as tpm:
        secure(tpm)
        with pytest.raises(TpmRefused):
            tpm.random(16)


@given(
    st.binary(max_size=80), st.binary(min_size=1, max_size=9), st.binary(max_size=70), st.binary(max_size=70)
)
def test_kdfa_is_the_counter_mode_of_nist(key: bytes, label: bytes, u: bytes, v: bytes) -> None:
    label = label.replace(b"\0", b"x")
    for algorithm, bits in ((SHA256(), 256), (SHA256(), 128), (SHA384(), 512)):
        other = KBKDFHMAC(
            algorithm=algorithm,
            mode=Mode.CounterMode,
            length=bits // 8,
            rlen=4,
            llen=4,
            location=CounterLocation.BeforeFixed,
            label=label,
            context=u + v,
            fixed=None,
        )
        assert derivations.kdfa(key, label, u, v, bits, algorithm.name) == other.derive(key)


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=70), st.binary(max_size=70))
def test_kdfe_is_the_concatenation_kdf_of_nist(z: bytes, u: bytes, v: bytes) -> None:
    for algorithm in (SHA256(), SHA384()):
        other = ConcatKDFHash(algorithm, algorithm.digest_size, b"SECRET\0" + u + v)
        assert derivations.kdfe(z, b"SECRET\0", u, v, algorithm.name) == other.derive(z)
