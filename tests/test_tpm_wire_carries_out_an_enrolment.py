"""The adapter carries out every command of an enrolment on a TPM, and reports its response codes exactly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from tests.tpm_lab import (
    CERTIFICATE,
    IAK,
    IDEVID,
    NV_CERTIFICATE,
    bare_tpm,
    key_policy,
    make_devid,
    make_ek,
    needs_swtpm,
    started_tpm,
    write_certificate,
)
from workbench.identity.tpm.credential import make_credential
from workbench.identity.tpm.ek import ek_template
from workbench.identity.tpm.names import name_of
from workbench.identity.tpm.structures import parse_public
from workbench.identity.tpm.templates import template
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.errors import TpmLockout, TpmRefused, TpmValueInvalid
from workbench.wires.tpm.values import (
    ALG_SHA256,
    ALG_SHA384,
    EkKind,
    First,
    Hierarchy,
    KeyPolicy,
    Nv,
)

pytestmark = needs_swtpm
SHA1_BANK = 0x0004


@pytest.fixture
def tpm() -> Iterator[Tpm]:
    with started_tpm() as connected:
        yield connected


@pytest.fixture(params=[False, True], ids=["plain", "secure"])
def either(request: pytest.FixtureRequest, tpm: Tpm) -> Tpm:
    """The same with and without a salted session."""
    if request.param:
        ek = make_ek(tpm)
        tpm.secure(ek.handle, ek.name)
    return tpm


def test_startup_is_told_from_one_that_came_before() -> None:
    with bare_tpm() as bare, open_tpm(bare.tcti) as tpm:
        with pytest.raises(TpmRefused) as refused:
            tpm.properties()
        assert refused.value.rc == 0x100
        assert tpm.startup()
        assert not tpm.startup()
        tpm.self_test()
        assert tpm.test_result()[1] == 0


def test_properties_are_those_of_swtpm(tpm: Tpm) -> None:
    found = tpm.properties()
    assert (found.manufacturer, found.vendor) == ("IBM ", "SW   TPM")
    assert found.nv_buffer_max == 1024
    assert (found.ph_enable, found.sh_enable, found.eh_enable, found.ph_enable_nv) == (True,) * 4
    assert (found.owner_auth_set, found.lockout_auth_set, found.endorsement_auth_set) == (False,) * 3
    assert (found.in_lockout, found.disable_clear) == (False, False)
    assert (found.lockout_counter, found.max_auth_fail) == (0, 3)


def test_the_clock_counts_resets() -> None:
    with bare_tpm() as bare:
        seen = []
        for _ in range(2):
            with open_tpm(bare.tcti) as tpm:
                tpm.startup()
                seen.append(tpm.clock())
                tpm.shutdown()
            bare.cycle()
        assert seen[1].reset_count == seen[0].reset_count + 1
        assert seen[1].safe


def test_keys_are_made_kept_and_recognised(either: Tpm) -> None:
    idevid, iak = make_devid(either)
    assert either.handles(First.PERSISTENT) == (IDEVID, IAK)
    for created, handle in ((idevid, IDEVID), (iak, IAK)):
        found = either.read_public(handle)
        assert found is not None
        assert found.public == created.public
        assert found.name == created.name == name_of(parse_public(created.public))
    assert either.read_public(IDEVID + 2) is None
    again = either.create_primary(Hierarchy.ENDORSEMENT, template("H-2", "idevid").public)
    assert again.name == idevid.name
    either.evict(IDEVID, IDEVID)
    assert either.handles(First.PERSISTENT) == (IAK,)
    assert either.read_public(IDEVID) is None


def test_an_idevid_is_certified_by_its_policy_only(either: Tpm) -> None:
    idevid, _ = make_devid(either)
    attested = either.certify(IDEVID, IAK, b"n" * 32, key_policy("idevid"))
    assert attested.attest[:6] == bytes.fromhex("ff5443478017")
    assert idevid.name in attested.attest
    assert b"n" * 32 in attested.attest
    assert either.attempt(lambda: either.certify(IDEVID, IAK, b"n", None)) == 0x124
    wrong = KeyPolicy(ALG_SHA256, (*key_policy("idevid").branches[:3], bytes(32)))
    assert either.attempt(lambda: either.certify(IDEVID, IAK, b"n", wrong)) == 0x99D


def test_creation_is_certified(either: Tpm) -> None:
    idevid, iak = make_devid(either)
    attested = either.certify_creation(IAK, idevid, IDEVID, b"n")
    assert attested.attest[:6] == bytes.fromhex("ff544347801a")
    assert idevid.creation_hash in attested.attest
    assert either.attempt(lambda: either.certify_creation(IAK, iak, IDEVID, b"n")) == 0x4E0


def test_an_idevid_signs_and_an_iak_does_not(either: Tpm) -> None:
    idevid, _ = make_devid(either)
    digest = b"d" * 32
    signature = either.sign(IDEVID, digest)
    r_size = int.from_bytes(signature[4:6], "big")
    r, s = signature[6 : 6 + r_size], signature[8 + r_size :]
    public = parse_public(idevid.public)
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(public.key.x, "big"),  # type: ignore[union-attr]
        int.from_bytes(public.key.y, "big"),  # type: ignore[union-attr]
        ec.SECP256R1(),
    )
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    numbers.public_key().verify(der, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    assert either.attempt(lambda: either.sign(IAK, digest)) == 0x3E0
    hashed = either.hash(b"from inside", ALG_SHA256)
    assert either.sign(IAK, hashed.digest, ticket=hashed.ticket)


def test_an_rsa_idevid_signs_with_the_scheme_it_is_told(tpm: Tpm) -> None:
    made = tpm.create_primary(Hierarchy.ENDORSEMENT, template("H-1", "idevid").public)
    assert tpm.sign(made.handle, b"d" * 32, ALG_SHA256, scheme=0x0014)[:4] == bytes.fromhex("0014000b")
    assert tpm.attempt(lambda: tpm.sign(made.handle, b"d" * 32)) == 0x2D2


def test_a_quote_carries_nonce_and_pcrs(either: Tpm) -> None:
    make_devid(either)
    either.pcr_extend(16, {ALG_SHA256: b"\x11" * 32})
    quoted = either.quote(IAK, b"nonce", {ALG_SHA256: [0, 16]})
    assert quoted.attest[:6] == bytes.fromhex("ff5443478018")
    assert b"nonce" in quoted.attest
    values = either.pcr_read({ALG_SHA256: [0, 16], SHA1_BANK: [16]})
    assert values[ALG_SHA256][0] == bytes(32)
    assert values[ALG_SHA256][16] != bytes(32)
    assert len(values[SHA1_BANK][16]) == 20


@pytest.mark.parametrize(("ek", "kind"), [("L-1", "L"), ("L-2", "L"), ("H-2", "H"), ("H-3", "H")])
def test_a_credential_is_activated_by_its_key_only(either: Tpm, ek: str, kind: EkKind) -> None:
    _, iak = make_devid(either, "H-3")
    endorsement = either.create_primary(Hierarchy.ENDORSEMENT, ek_template(ek))
    blob, closed = make_credential(endorsement.public, b"s" * 32, iak.name)
    policy = key_policy("iak", ALG_SHA384)

    def activate(key: int) -> bytes:
        return either.activate_credential(
            key, endorsement.handle, blob, closed, key_policy=policy, ek_kind=kind
        )

    assert activate(IAK) == b"s" * 32
    with pytest.raises(TpmRefused):
        activate(IDEVID)


def test_a_certificate_is_written_in_pieces_and_locked(either: Tpm) -> None:
    data = bytes(i % 251 for i in range(1500))
    assert either.nv_public(CERTIFICATE) is None
    either.nv_define(CERTIFICATE, len(data), NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
    assert either.attempt(lambda: either.nv_read(CERTIFICATE)) == 0x14A
    either.nv_write(CERTIFICATE, data[:1024], auth=Hierarchy.PLATFORM)
    public = either.nv_public(CERTIFICATE)
    assert public is not None
    assert public.has(Nv.WRITTEN)
    assert not public.has(Nv.WRITELOCKED)
    assert either.nv_read(CERTIFICATE) == data[:1024] + b"\xff" * 476
    either.nv_write(CERTIFICATE, data[1024:], 1024, auth=Hierarchy.PLATFORM)
    assert either.nv_read(CERTIFICATE) == data
    either.nv_write_lock(CERTIFICATE, auth=Hierarchy.PLATFORM)
    public = either.nv_public(CERTIFICATE)
    assert public is not None
    assert public.has(Nv.WRITELOCKED)
    assert either.attempt(lambda: either.nv_write(CERTIFICATE, b"x", auth=Hierarchy.PLATFORM)) == 0x148
    assert either.attempt(lambda: either.nv_undefine(CERTIFICATE, Hierarchy.OWNER)) == 0x149
    assert either.nv_read(CERTIFICATE) == data
    assert either.handles(0x01C90000) == (CERTIFICATE,)
    either.nv_undefine(CERTIFICATE, Hierarchy.PLATFORM)
    assert either.nv_public(CERTIFICATE) is None


def test_more_than_one_piece_is_not_sent(tpm: Tpm) -> None:
    tpm.nv_define(CERTIFICATE, 2000, NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
    with pytest.raises(TpmValueInvalid, match="do not fit"):
        tpm.nv_write(CERTIFICATE, bytes(1025), auth=Hierarchy.PLATFORM)


def test_an_owner_index_is_written_by_its_owner(tpm: Tpm) -> None:
    tpm.nv_define(
        0x01500001, 4, Nv.OWNERWRITE | Nv.OWNERREAD | Nv.AUTHREAD | Nv.NO_DA, hierarchy=Hierarchy.OWNER
    )
    tpm.nv_write(0x01500001, b"mine", auth=Hierarchy.OWNER)
    assert tpm.nv_read(0x01500001) == tpm.nv_read(0x01500001, auth=Hierarchy.OWNER) == b"mine"
    assert tpm.nv_read(0x01500001, by_index=True) == b"mine"


def test_what_ends_an_identity_is_refused_once_it_is_locked(either: Tpm) -> None:
    write_certificate(either, b"certificate")
    either.da_parameters(32, 7200, 86400)
    either.change_auth(Hierarchy.LOCKOUT, b"escrowed" * 4)
    either.clear_control(disable=True)
    either.hierarchy_control(Hierarchy.PLATFORM, state=False)
    assert either.attempt(either.clear) == 0x120
    assert either.attempt(either.change_eps) == 0x185
    assert either.attempt(lambda: either.nv_undefine(CERTIFICATE, Hierarchy.PLATFORM)) == 0x185
    assert either.nv_read(CERTIFICATE) == b"certificate"
    found = either.properties()
    assert (found.max_auth_fail, found.lockout_interval_s, found.lockout_recovery_s) == (32, 7200, 86400)
    assert found.lockout_auth_set
    assert found.disable_clear
    assert not found.ph_enable
    assert found.lockout_counter == 0


def test_a_lockout_authorization_is_needed_once_it_is_set() -> None:
    with bare_tpm() as bare:
        with open_tpm(bare.tcti) as tpm:
            tpm.startup()
            tpm.change_auth(Hierarchy.LOCKOUT, b"escrowed")
            tpm.da_lock_reset()
        with open_tpm(bare.tcti) as tpm:
            tpm.use_auth(Hierarchy.LOCKOUT, b"escrowed")
            tpm.da_lock_reset()
        with open_tpm(bare.tcti) as tpm:
            assert tpm.attempt(tpm.da_lock_reset) == 0x98E
            with pytest.raises(TpmLockout):
                tpm.da_lock_reset()


def test_losing_power_in_use_locks_a_tpm_that_nobody_shut_down() -> None:
    """TPM 2.0 Part 1, 19.8.6: keys without noDA were used, and the power went without Shutdown."""
    with bare_tpm() as bare:
        with open_tpm(bare.tcti) as tpm:
            tpm.startup()
            make_devid(tpm)
        counters = []
        for orderly in (True, True, False, False, False):
            bare.cycle()
            with open_tpm(bare.tcti) as tpm:
                tpm.startup()
                counters.append(tpm.properties().lockout_counter)
                tpm.sign(IDEVID, b"d" * 32)
                if orderly:
                    tpm.shutdown()
        bare.cycle()
        assert counters == [0, 0, 0, 1, 2]
        with open_tpm(bare.tcti) as tpm:
            tpm.startup()
            assert tpm.properties().in_lockout
            with pytest.raises(TpmLockout) as refused:
                tpm.sign(IDEVID, b"d" * 32)
            assert refused.value.rc == 0x921
            tpm.da_lock_reset()
            tpm.sign(IDEVID, b"d" * 32)


def test_clear_takes_what_the_owner_made(either: Tpm) -> None:
    make_devid(either)
    either.clear()
    assert either.handles(First.PERSISTENT) == ()
    make_devid(either)


def test_damaged_structures_are_refused_before_they_are_sent(tpm: Tpm) -> None:
    good = template("H-2", "idevid").public
    before = tpm.spent.commands
    for bad in (b"", good[:-1], good + b"\0", b"\xff" * 40):
        with pytest.raises(TpmValueInvalid):
            tpm.create_primary(Hierarchy.ENDORSEMENT, bad)
    assert tpm.spent.commands == before


def test_refusals_are_said_in_words(tpm: Tpm) -> None:
    with pytest.raises(TpmRefused, match="handle is not correct") as refused:
        tpm.nv_read(0x01C90200)
    assert refused.value.rc == 0x18B
    assert refused.value.command == "NV_ReadPublic"
    assert "0x18b" in refused.value.what
    assert refused.value.code == "tpm-refused"


def test_commands_and_their_time_are_counted() -> None:
    timed = []
    with bare_tpm() as bare, open_tpm(bare.tcti, timed=lambda name, s: timed.append((name, s))) as tpm:
        tpm.startup()
        before = tpm.spent.commands
        make_devid(tpm)
        spent = tpm.spent
        assert spent.by_command["CreatePrimary"].count == 2
        assert spent.by_command["EvictControl"].count == 2
        assert spent.commands == sum(c.count for c in spent.by_command.values()) == len(timed)
        assert spent.commands - before == 6
        assert sum(s for _, s in timed) == pytest.approx(spent.tpm_s)
        assert ("CreatePrimary", spent.by_command["CreatePrimary"].tpm_s) not in timed
