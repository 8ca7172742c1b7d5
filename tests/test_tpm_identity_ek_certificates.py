"""EK certificates are read as they lie in NV; what is wrong with one is named, and passes only where its
name is listed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.tpm_identity_soft import soft_key
from tests.tpm_identity_vendor import DAY, NOW, Vendor, der_of
from tests.tpm_identity_weak import element, roca_modulus, smooth_modulus, with_padded_serial
from workbench.identity.tpm import der
from workbench.identity.tpm.checks_ek import check_ek
from workbench.identity.tpm.ek import ek_area, ek_digest
from workbench.identity.tpm.ek_certificate import (
    EkCertificateMalformed,
    read_ek_certificate,
    strip_padding,
)
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.policy import CheckedEk, CrlMode, EkMode, EkPolicy
from workbench.identity.tpm.quirks import QUIRKS, manufacturer_of_id
from workbench.identity.tpm.structures import RsaKey, build_public
from workbench.identity.tpm.weak_keys import weakness

VENDOR = Vendor()
EK = soft_key(ek_area("H-2"))
CERTIFICATE = VENDOR.certify(EK.area)


def _ask(
    certificate: bytes | None = CERTIFICATE,
    policy: EkPolicy | None = None,
    *,
    public: bytes = EK.public,
    manufacturer: str = "IBM ",
    chain: tuple[bytes, ...] = (),
) -> CheckedEk:
    return check_ek(
        public,
        certificate,
        chain=chain,
        policy=policy or VENDOR.policy,
        manufacturer=manufacturer,
        now=NOW,
    )


def _reason(certificate: bytes | None = CERTIFICATE, policy: EkPolicy | None = None, **more: str) -> str:
    try:
        _ask(certificate, policy, **more)  # type: ignore[arg-type]
    except IdentityRefused as refused:
        return refused.reason
    return "accepted"


# -- padding


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 700, b"\xff" * 700])
def test_padding_of_the_index_is_cut_off_and_the_rest_kept(padding: bytes) -> None:
    assert strip_padding(CERTIFICATE + padding) == CERTIFICATE
    checked = _ask(CERTIFICATE + padding)
    assert checked.certificate == CERTIFICATE
    assert checked.certificate_sha256 == checked.permanent_id == hashlib.sha256(CERTIFICATE).hexdigest()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "nothing"),
        (b"\0" * 8, "padding and nothing else"),
        (b"\xff" * 8, "padding and nothing else"),
        (b"\x10\x01\0\x10" + CERTIFICATE, "TPM 1.2"),
        (CERTIFICATE[:-1], "are left"),
        (CERTIFICATE + b"\0\xff", "no padding"),
        (CERTIFICATE + b"\x30\x03\x02\x01\x01", "no padding"),
        (b"\x30\x80" + CERTIFICATE[4:] + b"\0\0", "length"),
        (b"\x30\x00", "Certificate"),
        (b"-----BEGIN CERTIFICATE-----", "begins with 30"),
    ],
)
def test_what_is_no_certificate_is_named(data: bytes, told: str) -> None:
    with pytest.raises(EkCertificateMalformed, match=told):
        read_ek_certificate(data)


# -- well-formed ones


def test_fields_are_those_of_the_certificate() -> None:
    read = read_ek_certificate(CERTIFICATE)
    assert read.attributes == {"manufacturer": "id:00001014", "model": "swtpm", "version": "id:20191023"}
    assert read.purposes == ("2.23.133.8.1",)
    assert read.deviations == ()
    assert (read.not_before, read.not_after) == (NOW - 100 * DAY, NOW + 3650 * DAY)
    checked = _ask()
    assert checked.hw_serial.startswith("00001014:")
    identifier = read.key_identifier
    assert identifier is not None
    assert checked.hw_serial == f"00001014:{identifier.hex().upper()}:{read.serial.hex().upper()}"


@pytest.mark.parametrize("id", ["L-1", "L-2", "H-1", "H-2", "H-3", "H-4"])
def test_certificate_of_each_template_binds_its_key(id: str) -> None:
    key = soft_key(ek_area(id))
    other = soft_key(ek_area(id))
    certificate = VENDOR.certify(key.area)
    assert _ask(certificate, public=key.public).template == id
    with pytest.raises(IdentityRefused) as refused:
        _ask(certificate, public=other.public)
    assert refused.value.reason == "ek-certificate-foreign"


def test_dates_to_the_end_of_time_are_read() -> None:
    ends = [NOW.replace(year=2049), NOW.replace(year=2051), NOW.replace(year=9999)]
    for end in ends:
        certificate = VENDOR.certify(EK.area, end=end)
        assert read_ek_certificate(certificate).not_after == end
        assert _reason(certificate) == "accepted"


def test_makers_are_told_by_their_ids() -> None:
    assert manufacturer_of_id("id:53544D20") == "STM"
    assert manufacturer_of_id("id:414d4400") == "AMD"
    assert manufacturer_of_id("id:00001014") == "IBM"
    for wrong in ("", "id:", "53544D20", "id:53544D2", "id:53544D2G", "id:53544D200"):
        assert manufacturer_of_id(wrong) is None
    assert _reason(VENDOR.certify(EK.area, manufacturer="id:53544D20"), manufacturer="STM ") == "accepted"
    assert _reason(manufacturer="STM ") == "ek-manufacturer-differs"


# -- faulty ones


def _tbs_with(change: Callable[[list[bytes]], list[bytes]], algorithm: bytes | None = None) -> bytes:
    tbs, outer, _ = der.read(CERTIFICATE).children()
    parts = change([part.raw for part in tbs.children()])
    signed = element(0x30, b"".join(parts))
    signature = VENDOR.key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return element(0x30, signed + (algorithm or outer.raw) + element(0x03, b"\0" + signature))


def _serial(raw: bytes) -> bytes:
    return _tbs_with(lambda parts: [parts[0], element(0x02, raw), *parts[2:]])


def _long_length(parts: list[bytes]) -> list[bytes]:
    serial = der.read(parts[1]).content
    return [parts[0], b"\x02\x81" + bytes([len(serial)]) + serial, *parts[2:]]


def _odd_boolean(parts: list[bytes]) -> list[bytes]:
    return [*parts[:-1], parts[-1].replace(b"\x01\x01\xff", b"\x01\x01\x01", 1)]


def _early_generalized(parts: list[bytes]) -> list[bytes]:
    dates = element(0x18, b"20260101000000Z") + element(0x18, b"20300101000000Z")
    return [*parts[:4], element(0x30, dates), *parts[5:]]


def _printable(parts: list[bytes]) -> list[bytes]:
    name = element(0x31, element(0x30, b"\x06\x03\x55\x04\x03" + element(0x13, b"a@b")))
    return [*parts[:5], element(0x30, name), *parts[6:]]


_NULL_PARAMETERS = element(0x30, bytes.fromhex("06082a8648ce3d040302") + b"\x05\x00")
FAULTS = {
    "serial-leading-zeros": lambda: with_padded_serial(CERTIFICATE, VENDOR.key),
    "serial-not-positive": lambda: _serial(b"\x80"),
    "length-not-minimal": lambda: _tbs_with(_long_length),
    "boolean-not-der": lambda: _tbs_with(_odd_boolean),
    "time-form": lambda: _tbs_with(_early_generalized),
    "algorithm-mismatch": lambda: _tbs_with(lambda p: p, _NULL_PARAMETERS),
    "printable-string": lambda: _tbs_with(_printable),
    "eku-missing": lambda: VENDOR.certify(EK.area, purposes=()),
    "attributes-missing": lambda: VENDOR.certify(EK.area, manufacturer=None),
}


@pytest.mark.parametrize("quirk", FAULTS)
def test_known_fault_is_named_and_passes_by_name_only(quirk: str) -> None:
    certificate = FAULTS[quirk]()
    with pytest.raises(IdentityRefused) as refused:
        _ask(certificate)
    assert QUIRKS[quirk] in refused.value.what
    others = frozenset(QUIRKS) - {quirk}
    assert _reason(certificate, replace(VENDOR.policy, quirks=others)) == refused.value.reason
    checked = _ask(certificate, replace(VENDOR.policy, quirks=frozenset({quirk})))
    assert checked.certificate == certificate
    assert f"quirk {quirk}" in checked.notes


@pytest.mark.parametrize("quirk", FAULTS)
def test_quirk_saves_no_changed_certificate(quirk: str) -> None:
    certificate = FAULTS[quirk]()
    policy = replace(VENDOR.policy, quirks=frozenset(QUIRKS))
    at = certificate.index(b"EK CA")
    changed = certificate[:-1] + bytes([certificate[-1] ^ 1])
    assert _reason(changed, policy) == "ek-chain-untrusted"
    assert _reason(certificate[:at] + b"XK CA" + certificate[at + 5 :], policy) == "ek-chain-untrusted"


def test_key_under_the_oaep_identifier_passes_by_name_only() -> None:
    key = soft_key(ek_area("L-1"))
    certificate = VENDOR.certify(key.area)
    tbs, outer, _ = der.read(certificate).children()
    raw = tbs.raw.replace(bytes.fromhex("06092a864886f70d010101"), bytes.fromhex("06092a864886f70d010107"))
    signature = VENDOR.key.sign(raw, ec.ECDSA(hashes.SHA256()))
    odd = element(0x30, raw + outer.raw + element(0x03, b"\0" + signature))
    with pytest.raises(IdentityRefused, match="id-RSAES-OAEP"):
        _ask(odd, public=key.public)
    policy = replace(VENDOR.policy, quirks=frozenset({"oaep-key"}))
    assert _ask(odd, policy, public=key.public).notes[0] == "quirk oaep-key"


# -- the way to the root


def test_chain_that_the_tpm_brings_is_used_but_not_trusted() -> None:
    alone = replace(VENDOR.policy, intermediates=())
    assert _ask(policy=alone, chain=(der_of(VENDOR.issuer),)).path == ("CN=Vendor EK CA", "CN=Vendor Root")
    other = Vendor()
    foreign = other.certify(EK.area)
    with pytest.raises(IdentityRefused) as refused:
        _ask(foreign, alone, chain=(der_of(other.issuer), der_of(other.root)))
    assert refused.value.reason == "ek-chain-untrusted"
    junk = (b"", b"\x30\x00", b"\xff" * 100, CERTIFICATE, der_of(VENDOR.issuer))
    assert _ask(policy=alone, chain=junk).trust == "certificate"


def test_intermediate_can_be_pinned_itself() -> None:
    pinned = EkPolicy(EkMode.REQUIRE_CERTIFICATE, roots=(der_of(VENDOR.issuer),))
    assert _ask(policy=pinned).path == ("CN=Vendor EK CA",)


def test_circle_of_authorities_ends() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    circle = [
        der_of(Vendor.authority(f"A{n}", f"A{(n + 1) % 3}", keys[n], keys[(n + 1) % 3], None))
        for n in range(3)
    ]
    certificate = VENDOR.certify(EK.area, by=keys[0], issuer="A0")
    with pytest.raises(IdentityRefused) as refused:
        _ask(certificate, chain=tuple(circle))
    assert refused.value.reason == "ek-chain-untrusted"


def test_authority_with_a_short_key_is_not_believed() -> None:
    key = ec.generate_private_key(ec.SECP224R1())
    root = Vendor.authority("Short", "Short", key, key, 0)
    certificate = VENDOR.certify(EK.area, by=key, issuer="Short")
    pinned = EkPolicy(EkMode.REQUIRE_CERTIFICATE, roots=(der_of(root),))
    assert _reason(certificate, pinned) == "ek-chain-untrusted"


def test_thicket_of_authorities_is_not_searched_for_ever() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    thicket = tuple(der_of(Vendor.authority("A", "A", key, key, None)) for _ in range(16))
    certificate = VENDOR.certify(EK.area, by=key, issuer="A")
    with pytest.raises(IdentityRefused) as refused:
        _ask(certificate, chain=thicket)
    assert refused.value.reason == "ek-chain-untrusted"


def test_good_revocation_lists_leave_no_note() -> None:
    lists = (VENDOR.crl((7,)), VENDOR.crl(root=True))
    policy = replace(VENDOR.policy, crl_mode=CrlMode.FAIL_CLOSED, crls=lists)
    assert _ask(policy=policy).notes == ()


def test_grace_records_what_was_let_pass() -> None:
    lists = (VENDOR.crl(at=NOW - 30 * DAY), b"junk")
    policy = replace(VENDOR.policy, crl_mode=CrlMode.GRACE, crls=lists)
    assert _ask(policy=policy).notes == ("ek-crl-stale: CN=Vendor EK CA", "ek-crl-missing: CN=Vendor Root")


# -- without a certificate


def test_list_vouches_for_exactly_its_keys() -> None:
    policy = EkPolicy(EkMode.ALLOW_LIST, allow_list=frozenset({ek_digest(EK.public)}))
    checked = _ask(None, policy)
    assert (checked.trust, checked.hw_serial) == ("allow-list", ek_digest(EK.public))
    with pytest.raises(IdentityRefused) as refused:
        _ask(None, policy, public=soft_key(ek_area("H-2")).public)
    assert refused.value.reason == "ek-not-on-list"
    # A certificate that is there is looked at all the same.
    assert _reason(CERTIFICATE, policy) == "ek-chain-untrusted"


# -- weak keys


def test_weak_moduli_are_known() -> None:
    area = ek_area("L-1")
    assert isinstance(area.key, RsaKey)
    for modulus, told in ((roca_modulus(), "CVE-2017-15361"), (smooth_modulus(), "small factor")):
        weak = replace(area, key=replace(area.key, modulus=modulus.to_bytes(256, "big")))
        assert told in (weakness(weak) or "")
    for _ in range(3):
        private = rsa.generate_private_key(65537, 2048)
        assert weakness(soft_key(area, private).area) is None
    patterned = replace(area, key=replace(area.key, modulus=b"\xff" * 256))
    assert "pattern" in (weakness(patterned) or "")
    assert build_public(patterned)
