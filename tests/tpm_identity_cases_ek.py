"""Refused for the EK, its certificate, or those who signed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.tpm_identity_lab import Bid, Lab
from tests.tpm_identity_refusal import Refusal
from tests.tpm_identity_soft import soft_key
from tests.tpm_identity_vendor import DAY, NOW, Vendor, der_of
from tests.tpm_identity_weak import roca_modulus, smooth_modulus, with_padded_serial
from workbench.identity.tpm.ek import ek_area
from workbench.identity.tpm.policy import CrlMode, EkMode, EkPolicy
from workbench.identity.tpm.structures import (
    Attribute,
    PublicArea,
    RsaKey,
    build_public,
)

# -- the EK


def _certificate(change: Callable[[Lab], bytes]) -> Callable[[Lab], Bid]:
    return lambda lab: lab.with_ek(change(lab))


def _ek(**options: Any) -> Callable[[Lab], Bid]:
    return lambda lab: lab.with_ek(lab.vendor.certify(lab.ek_area, **options))


def _other_ek(change: Callable[[PublicArea], PublicArea]) -> Callable[[Lab], Bid]:
    def make(lab: Lab) -> Bid:
        area = change(lab.ek_area)
        return lab.with_ek(lab.vendor.certify(area), build_public(area))

    return make


def _rsa_ek(modulus: Callable[[], int]) -> Callable[[Lab], Bid]:
    def make(lab: Lab) -> Bid:
        area = ek_area("L-1")
        assert isinstance(area.key, RsaKey)
        area = replace(area, key=replace(area.key, modulus=modulus().to_bytes(256, "big")))
        return lab.with_ek(lab.vendor.certify(area), build_public(area))

    return make


def _storage_key(lab: Lab) -> Bid:
    """A primary storage key of the same TPM, which anybody may use, with a certificate."""
    area = replace(lab.ek_area, auth_policy=b"", attributes=lab.ek_area.attributes | Attribute.NO_DA)
    return lab.with_ek(lab.vendor.certify(area), build_public(area))


def _not_this_template(lab: Lab) -> Bid:
    return lab.genuine().under_ek(templates=frozenset({"H-3", "H-1"}))


def _without_chain(lab: Lab) -> Bid:
    return lab.genuine().under_ek(intermediates=())


def _namesake(lab: Lab) -> Bid:
    """Signed by an authority of the same names, made by somebody else, which the unit brings along."""
    fake = Vendor()
    bid = lab.with_ek(fake.certify(lab.ek_area))
    return bid.asking(ek_chain=(der_of(fake.issuer), der_of(fake.root)))


def _by_an_ek(lab: Lab) -> Bid:
    """Signed by the key of another certificate of the vendor that is no authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = Vendor.authority("Leaf", "Vendor EK CA", key, lab.vendor.key, None, ca=False, sign=False)
    bid = lab.with_ek(lab.vendor.certify(lab.ek_area, by=key, issuer="Leaf"))
    return bid.asking(ek_chain=(der_of(leaf),))


def _too_deep(lab: Lab) -> Bid:
    """By an authority below one that may have none below it."""
    key = ec.generate_private_key(ec.SECP256R1())
    below = Vendor.authority("Below", "Vendor EK CA", key, lab.vendor.key, None)
    bid = lab.with_ek(lab.vendor.certify(lab.ek_area, by=key, issuer="Below"))
    return bid.asking(ek_chain=(der_of(below),))


def _old_intermediate(lab: Lab) -> Bid:
    old = Vendor.authority(
        "Vendor EK CA", "Vendor Root", lab.vendor.key, lab.vendor.root_key, 0, until=NOW - DAY
    )
    return lab.genuine().under_ek(intermediates=(der_of(old),))


def _crl(mode: CrlMode, lists: Callable[[Lab], tuple[bytes, ...]]) -> Callable[[Lab], Bid]:
    return lambda lab: lab.genuine().under_ek(crl_mode=mode, crls=lists(lab))


def _revoked(lab: Lab, **options: Any) -> bytes:
    serial = x509.load_der_x509_certificate(lab.ek_cert).serial_number
    return lab.vendor.crl((serial,), **options)


def _zeros_before_serial(lab: Lab) -> bytes:
    """A certificate whose serial number has a superfluous zero byte, signed so by the vendor."""
    return with_padded_serial(lab.ek_cert, lab.vendor.key)


def _unlisted(lab: Lab) -> Bid:
    return lab.with_ek(None).under_ek(mode=EkMode.ALLOW_LIST, allow_list=frozenset({"00" * 32}))


_CRITICAL = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")

EK = (
    Refusal(
        "nobody said which EKs are believed",
        "ek_policy_set",
        "ek-policy-refuses",
        lambda lab: lab.genuine().under_ek(mode=EkMode.REFUSE),
    ),
    Refusal(
        "default policy",
        "ek_policy_set",
        "ek-policy-refuses",
        lambda lab: lab.genuine().under(ek=EkPolicy()),
        "ek-chain-untrusted",
    ),
    Refusal(
        "EK's public area cut short",
        "ek_form",
        "ek-malformed",
        lambda lab: lab.genuine().asking(ek_public=lab.ek_public[:-1]),
        "structure-malformed",
    ),
    Refusal(
        "the EK template itself",
        "ek_form",
        "ek-malformed",
        lambda lab: lab.genuine().asking(ek_public=build_public(ek_area("H-2"))),
        "ek-weak",
    ),
    Refusal("a storage key as EK", "ek_template_known", "ek-template", _storage_key),
    Refusal(
        "EK that can be duplicated",
        "ek_template_known",
        "ek-template",
        _other_ek(lambda a: replace(a, attributes=a.attributes & ~Attribute.FIXED_TPM)),
    ),
    Refusal(
        "EK that is not restricted",
        "ek_template_known",
        "ek-template",
        _other_ek(lambda a: replace(a, attributes=a.attributes & ~Attribute.RESTRICTED)),
    ),
    Refusal(
        "EK that signs",
        "ek_template_known",
        "ek-template",
        _other_ek(lambda a: replace(a, attributes=a.attributes | Attribute.SIGN)),
    ),
    Refusal(
        "another EK than is wanted", "ek_template_allowed", "ek-template-not-allowed", _not_this_template
    ),
    Refusal("EK with a known ROCA modulus", "ek_strength", "ek-weak", _rsa_ek(roca_modulus)),
    Refusal("EK with a small factor", "ek_strength", "ek-weak", _rsa_ek(smooth_modulus)),
    Refusal("no EK certificate", "ek_vouched", "ek-certificate-missing", lambda lab: lab.with_ek(None)),
    Refusal("no certificate and not on the list", "ek_vouched", "ek-not-on-list", _unlisted),
    Refusal(
        "EK certificate cut short",
        "ek_certificate_form",
        "ek-certificate-malformed",
        _certificate(lambda lab: lab.ek_cert[:-1]),
        "structure-malformed",
    ),
    Refusal(
        "index of padding alone",
        "ek_certificate_form",
        "ek-certificate-malformed",
        _certificate(lambda lab: b"\xff" * 64),
        "structure-malformed",
    ),
    Refusal(
        "EK certificate with bytes after it",
        "ek_certificate_form",
        "ek-certificate-malformed",
        _certificate(lambda lab: lab.ek_cert + b"\0\x01"),
        "structure-malformed",
    ),
    Refusal(
        "serial number with leading zeros",
        "ek_certificate_form",
        "ek-certificate-malformed",
        _certificate(_zeros_before_serial),
    ),
    Refusal(
        "certificate of another EK",
        "ek_certificate_key",
        "ek-certificate-foreign",
        _certificate(lambda lab: lab.vendor.certify(soft_key(ek_area("H-2")).area)),
    ),
    Refusal("EK certificate expired", "ek_certificate_dates", "ek-certificate-expired", _ek(end=NOW - DAY)),
    Refusal(
        "EK certificate of tomorrow",
        "ek_certificate_dates",
        "ek-certificate-not-yet-valid",
        _ek(start=NOW + DAY),
    ),
    Refusal(
        "EK certificate without purpose", "ek_certificate_purpose", "ek-certificate-purpose", _ek(purposes=())
    ),
    Refusal(
        "TLS server's certificate",
        "ek_certificate_purpose",
        "ek-certificate-purpose",
        _ek(purposes=("1.3.6.1.5.5.7.3.1",)),
    ),
    Refusal(
        "platform certificate's purpose",
        "ek_certificate_purpose",
        "ek-certificate-purpose",
        _ek(purposes=("2.23.133.8.2",)),
    ),
    Refusal(
        "an authority's certificate as EK's",
        "ek_certificate_authority",
        "ek-certificate-authority",
        _ek(ca=True),
    ),
    Refusal(
        "unknown critical extension",
        "ek_certificate_extensions",
        "ek-certificate-extension",
        _ek(extra=_CRITICAL),
    ),
    Refusal(
        "no TPM attributes", "ek_certificate_attributes", "ek-certificate-attributes", _ek(manufacturer=None)
    ),
    Refusal(
        "another maker's certificate",
        "ek_manufacturer",
        "ek-manufacturer-differs",
        _ek(manufacturer="id:53544D20"),
    ),
    Refusal("maker that is no id", "ek_manufacturer", "ek-manufacturer-differs", _ek(manufacturer="IBM")),
    Refusal(
        "vendor's root not pinned",
        "ek_chain",
        "ek-chain-untrusted",
        lambda lab: lab.genuine().under_ek(roots=(der_of(Vendor("Other").root),)),
    ),
    Refusal("vendor's intermediate missing", "ek_chain", "ek-chain-untrusted", _without_chain),
    Refusal("authority of the same name", "ek_chain", "ek-chain-untrusted", _namesake),
    Refusal("signed by a key that is no authority's", "ek_chain", "ek-chain-untrusted", _by_an_ek),
    Refusal("authority below one that may have none", "ek_chain", "ek-chain-untrusted", _too_deep),
    Refusal(
        "self-signed EK certificate",
        "ek_chain",
        "ek-chain-untrusted",
        _ek(by=ec.generate_private_key(ec.SECP256R1())),
    ),
    Refusal("signature over SHA-224", "ek_chain", "ek-chain-untrusted", _ek(hash_alg=hashes.SHA224())),
    Refusal("vendor's intermediate expired", "ek_chain", "ek-chain-expired", _old_intermediate),
    Refusal(
        "EK certificate revoked",
        "ek_revocation",
        "ek-revoked",
        _crl(CrlMode.GRACE, lambda lab: (_revoked(lab),)),
    ),
    Refusal(
        "revoked by a list that is old",
        "ek_revocation",
        "ek-revoked",
        _crl(CrlMode.GRACE, lambda lab: (_revoked(lab, at=NOW - 90 * DAY, until=NOW - 80 * DAY),)),
    ),
    Refusal(
        "intermediate revoked",
        "ek_revocation",
        "ek-revoked",
        _crl(CrlMode.GRACE, lambda lab: (lab.vendor.crl((lab.vendor.issuer.serial_number,), root=True),)),
    ),
    Refusal(
        "no revocation list", "ek_revocation", "ek-crl-missing", _crl(CrlMode.FAIL_CLOSED, lambda lab: ())
    ),
    Refusal(
        "revocation list of a forger",
        "ek_revocation",
        "ek-crl-missing",
        _crl(
            CrlMode.FAIL_CLOSED,
            lambda lab: (
                lab.vendor.crl(by=ec.generate_private_key(ec.SECP256R1())),
                lab.vendor.crl(root=True),
            ),
        ),
    ),
    Refusal(
        "revocation list of the root missing",
        "ek_revocation",
        "ek-crl-missing",
        _crl(CrlMode.FAIL_CLOSED, lambda lab: (lab.vendor.crl(),)),
    ),
    Refusal(
        "revocation list too old",
        "ek_revocation",
        "ek-crl-stale",
        _crl(CrlMode.FAIL_CLOSED, lambda lab: (lab.vendor.crl(at=NOW - 8 * DAY), lab.vendor.crl(root=True))),
    ),
    Refusal(
        "revocation list overdue",
        "ek_revocation",
        "ek-crl-stale",
        _crl(
            CrlMode.FAIL_CLOSED,
            lambda lab: (lab.vendor.crl(until=NOW - timedelta(hours=1)), lab.vendor.crl(root=True)),
        ),
    ),
    Refusal(
        "revocation list of tomorrow",
        "ek_revocation",
        "ek-crl-stale",
        _crl(CrlMode.FAIL_CLOSED, lambda lab: (lab.vendor.crl(at=NOW + DAY), lab.vendor.crl(root=True))),
    ),
)
