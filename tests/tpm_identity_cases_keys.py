"""Refused for a public area that no TPM would have made by the template."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.tpm_identity_lab import Bid, Lab, Parts
from tests.tpm_identity_refusal import Refusal, area_with, having, lacking, only
from tests.tpm_identity_soft import area_of, soft_key
from workbench.identity.tpm.policies import devid_policy
from workbench.identity.tpm.structures import (
    Alg,
    Attribute,
    EccKey,
    PublicArea,
    RsaKey,
    Scheme,
    Symmetric,
    build_public,
    parse_public,
)
from workbench.identity.tpm.templates import Kind
from workbench.identity.tpm.wire import u16
from workbench.wires.tpm.values import Hierarchy

# -- the keys' public areas


def _soft(kind: Kind, area: PublicArea, **key: Any) -> Callable[[Lab], Bid]:
    return lambda lab: lab.soft(**only(kind, soft_key(area, **key)))


def _raw(kind: Kind, change: Callable[[bytes], bytes]) -> Callable[[Lab], Bid]:
    def parts(p: Parts) -> Parts:
        return replace(p, **only(kind, change(getattr(p, kind))))

    return lambda lab: lab.soft(parts=parts)


def _unique(kind: Kind, x: bytes, y: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        area = parse_public(raw)
        assert isinstance(area.key, EccKey)
        return build_public(replace(area, key=replace(area.key, x=x, y=y)))

    return change


def _trivial(kind: Kind, scalar: int) -> Callable[[Lab], Bid]:
    return lambda lab: lab.soft(
        **only(kind, soft_key(area_of(kind), ec.derive_private_key(scalar, ec.SECP256R1())))
    )


def _keys(kind: Kind) -> tuple[Refusal, ...]:
    text = {"idevid": b"IDEVID", "iak": b"IAK"}[kind]
    other: Kind = "iak" if kind == "idevid" else "idevid"
    refusals = [
        Refusal(
            "public area cut short", "form", "malformed", _raw(kind, lambda r: r[:-1]), "structure-malformed"
        ),
        Refusal(
            "bytes after the public area",
            "form",
            "malformed",
            _raw(kind, lambda r: r + b"\0"),
            "structure-malformed",
        ),
        Refusal(
            "a symmetric key",
            "form",
            "malformed",
            _raw(kind, lambda r: u16(0x25) + r[2:]),
            "structure-malformed",
        ),
        Refusal("template not accepted", "template_allowed", "template-not-allowed", _other_template(kind)),
        Refusal(
            "nameAlg SHA-384 with P-256",
            "name_alg",
            "name-alg",
            _soft(kind, area_with(kind, name_alg=Alg.SHA384)),
        ),
        *(
            Refusal(f"{bit.name} clear", "attributes", "attributes", _soft(kind, lacking(kind, bit)))
            for bit in (
                Attribute.FIXED_TPM,
                Attribute.FIXED_PARENT,
                Attribute.SENSITIVE_DATA_ORIGIN,
                Attribute.USER_WITH_AUTH,
                Attribute.ADMIN_WITH_POLICY,
                Attribute.SIGN,
            )
        ),
        *(
            Refusal(f"{title} set", "attributes", "attributes", _soft(kind, having(kind, bit)))
            for title, bit in (
                ("DECRYPT", Attribute.DECRYPT),
                ("NO_DA", Attribute.NO_DA),
                ("ST_CLEAR", Attribute.ST_CLEAR),
                ("ENCRYPTED_DUPLICATION", Attribute.ENCRYPTED_DUPLICATION),
                ("a reserved bit", 1 << 31),
            )
        ),
        Refusal("no policy", "auth_policy", "auth-policy", _soft(kind, area_with(kind, auth_policy=b""))),
        Refusal(
            "the other key's policy",
            "auth_policy",
            "auth-policy",
            _soft(kind, area_with(kind, auth_policy=devid_policy(other, Alg.SHA256))),
        ),
        Refusal(
            "scheme over SHA-384",
            "scheme",
            "scheme",
            _soft(kind, area_with(kind, scheme=Scheme(Alg.ECDSA, Alg.SHA384))),
        ),
        Refusal("no scheme", "scheme", "scheme", _soft(kind, area_with(kind, scheme=None))),
        Refusal(
            "symmetric algorithm",
            "parameters",
            "parameters",
            _soft(kind, area_with(kind, symmetric=Symmetric(Alg.AES, 128, Alg.CFB))),
        ),
        Refusal("KDF", "parameters", "parameters", _soft(kind, area_of(kind), kdf=Scheme(0x20, Alg.SHA256))),
        Refusal(
            "the template itself", "unique", "unique", _raw(kind, _unique(kind, text, b"")), f"{kind}-weak"
        ),
        Refusal(
            "the other form of the template",
            "unique",
            "unique",
            _raw(kind, _unique(kind, text, text)),
            f"{kind}-weak",
        ),
        Refusal(
            "text padded with zeros",
            "unique",
            "unique",
            _raw(kind, _unique(kind, text.rjust(32, b"\0"), bytes(32))),
            f"{kind}-weak",
        ),
        Refusal(
            "a point off the curve",
            "unique",
            "unique",
            _raw(kind, _unique(kind, bytes(range(32)), bytes(range(32)))),
            "structure-malformed",
        ),
        Refusal("private key 1", "strength", "weak", _trivial(kind, 1)),
        Refusal("private key 16", "strength", "weak", _trivial(kind, 16)),
        Refusal("RSA of 3072 bits", "type", "key-type", _rsa(kind, bits=3072)),
        Refusal("RSA with exponent 3", "exponent", "exponent", _rsa(kind, exponent=3), f"{kind}-weak"),
        Refusal("curve that no template has", "type", "key-type", _raw(kind, _curve), f"{kind}-unique"),
    ]
    return tuple(
        replace(r, title=f"{kind}: {r.title}", check=f"{kind}_{r.check}", reason=f"{kind}-{r.reason}")
        for r in refusals
    )


def _curve(raw: bytes) -> bytes:
    area = parse_public(raw)
    assert isinstance(area.key, EccKey)
    return build_public(replace(area, key=replace(area.key, curve=0x10)))


def _other_template(kind: Kind) -> Callable[[Lab], Bid]:
    """One key is of H-3 where only H-2 is accepted."""
    return lambda lab: lab.soft(**only(kind, soft_key(area_of(kind, "H-3")))).under(
        templates=frozenset({"H-2"})
    )


def _rsa(kind: Kind, **key: Any) -> Callable[[Lab], Bid]:
    def make(lab: Lab) -> Bid:
        area = area_of(kind, "H-1")
        assert isinstance(area.key, RsaKey)
        if "bits" in key:
            area = replace(area, key=replace(area.key, bits=key["bits"]))
        return lab.soft(**only(kind, soft_key(area, **{n: v for n, v in key.items() if n != "bits"})))

    return make


def _one_key_twice(lab: Lab) -> Bid:
    idevid = soft_key(area_of("idevid"))
    return lab.soft(idevid=idevid, iak=soft_key(area_of("iak"), idevid.private))


MADE_BY_THE_TPM = (
    Refusal(
        "the TPM made an IAK that is not restricted",
        "iak_attributes",
        "iak-attributes",
        lambda lab: lab.real(iak=lacking("iak", Attribute.RESTRICTED)),
    ),
    Refusal(
        "the TPM made an IDevID without adminWithPolicy",
        "idevid_attributes",
        "idevid-attributes",
        lambda lab: lab.real(idevid=lacking("idevid", Attribute.ADMIN_WITH_POLICY)),
    ),
    Refusal(
        "the IDevID is restricted",
        "idevid_attributes",
        "idevid-attributes",
        _soft("idevid", having("idevid", Attribute.RESTRICTED)),
    ),
    Refusal(
        "the TPM made an IDevID that can be duplicated",
        "idevid_attributes",
        "idevid-attributes",
        lambda lab: lab.real(idevid=lacking("idevid", Attribute.FIXED_TPM | Attribute.FIXED_PARENT)),
    ),
    Refusal(
        "the TPM made an IDevID with the IAK's policy",
        "idevid_auth_policy",
        "idevid-auth-policy",
        lambda lab: lab.real(
            idevid=area_with("idevid", auth_policy=devid_policy("iak", Alg.SHA256)), idevid_policy="iak"
        ),
    ),
    Refusal(
        "the TPM made the IDevID in the owner hierarchy",
        "attest_hierarchy",
        "attest-hierarchy",
        lambda lab: lab.real(idevid=area_of("idevid"), in_hierarchy=Hierarchy.OWNER),
    ),
    Refusal(
        "the TPM made the IAK in the owner hierarchy",
        "attest_signer",
        "attest-signer",
        lambda lab: lab.real(iak=area_of("iak"), in_hierarchy=Hierarchy.OWNER),
        "reset-count-differs",
    ),
    Refusal("IDevID and IAK are one key", "keys_distinct", "keys-not-distinct", _one_key_twice),
)


KEYS = (*_keys("idevid"), *_keys("iak"), *MADE_BY_THE_TPM)
