"""Templates of IDevID and IAK (TCG "TPM 2.0 Keys for Device Identity and Attestation" 7.3.4), handles and
indices.

The published implementations disagree on `unique` of the ECC templates, and the two forms give different keys
from the same seed: so a form has a name, the record keeps it, and `variants` gives all forms for a unit to be
recognised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from workbench.identity.tpm.errors import TpmStructureMalformed
from workbench.identity.tpm.policies import POLICY_INDICES, devid_branches, devid_policy
from workbench.identity.tpm.structures import (
    Alg,
    Attribute,
    Curve,
    EccKey,
    PublicArea,
    RsaKey,
    Scheme,
    build_public,
)

Kind = Literal["idevid", "iak"]
Variant = Literal["y-empty", "y-equal", "plain"]

KINDS: Final[tuple[Kind, ...]] = ("idevid", "iak")
UNIQUE: Final[dict[Kind, bytes]] = {"idevid": b"IDEVID", "iak": b"IAK"}
"""Text in `unique` (7.3.1)."""
HANDLES: Final[dict[Kind, int]] = {"idevid": 0x81020000, "iak": 0x81020001}
"""Persistent handles."""
CERT_INDICES: Final[dict[Kind, int]] = {"idevid": 0x01C90200, "iak": 0x01C90100}
"""NV indices of the certificates."""

IDEVID_ATTRIBUTES: Final = (
    Attribute.FIXED_TPM
    | Attribute.FIXED_PARENT
    | Attribute.SENSITIVE_DATA_ORIGIN
    | Attribute.USER_WITH_AUTH
    | Attribute.ADMIN_WITH_POLICY
    | Attribute.SIGN
)
ATTRIBUTES: Final[dict[Kind, Attribute]] = {
    "idevid": IDEVID_ATTRIBUTES,
    "iak": IDEVID_ATTRIBUTES | Attribute.RESTRICTED,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What one template id fixes: key type and size, nameAlg."""

    id: str
    title: str
    name_alg: Alg
    curve: Curve | None
    bits: int


SHAPES: Final[dict[str, Shape]] = {
    "H-1": Shape("H-1", "RSA-2048, SHA-256", Alg.SHA256, None, 2048),
    "H-2": Shape("H-2", "ECC P-256, SHA-256", Alg.SHA256, Curve.P256, 256),
    "H-3": Shape("H-3", "ECC P-384, SHA-384", Alg.SHA384, Curve.P384, 384),
    "H-4": Shape("H-4", "ECC P-521, SHA-512", Alg.SHA512, Curve.P521, 521),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A template to give to TPM2_CreatePrimary under the endorsement hierarchy."""

    id: str
    kind: Kind
    variant: Variant
    public: bytes
    """TPMT_PUBLIC."""
    branches: tuple[bytes, ...]
    """What PolicyOR is given."""
    handle: int
    """Where the key goes."""
    cert_index: int
    """Where its certificate goes."""
    policy_index: int
    """NV index of PolicyAuthorizeNV."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a public area is: the key of a template.  Which form of `unique` it had does not show in it."""

    id: str
    kind: Kind


def template(id: str, kind: Kind, variant: Variant | None = None) -> Template:
    """The template with that id; the variant by default is `y-empty` for ECC and `plain` for RSA.  Raises
    KeyError.
    """
    shape = SHAPES[id]
    chosen = variant if variant is not None else variant_names(id)[0]
    if chosen not in variant_names(id):
        raise KeyError(f"template {id} has no variant {chosen}")
    return Template(
        id=id,
        kind=kind,
        variant=chosen,
        public=build_public(template_area(shape, kind, chosen)),
        branches=devid_branches(kind, shape.name_alg),
        handle=HANDLES[kind],
        cert_index=CERT_INDICES[kind],
        policy_index=POLICY_INDICES[(kind, shape.name_alg)],
    )


def variant_names(id: str) -> tuple[Variant, ...]:
    """Forms of `unique` that are found in the field: `y-empty` (x = text, y empty), `y-equal` (x = y =
    text).
    """
    return ("plain",) if SHAPES[id].curve is None else ("y-empty", "y-equal")


def variants(id: str, kind: Kind) -> tuple[Template, ...]:
    """A template in all its forms, the one that is used for new units first."""
    return tuple(template(id, kind, variant) for variant in variant_names(id))


def recognise(public: PublicArea) -> Recognised | None:
    """The template that this public area was made by, or None: all but `unique` is as the template says."""
    for id, shape in SHAPES.items():
        for kind in KINDS:
            if not deviations(public, shape, kind):
                return Recognised(id, kind)
    return None


def recognise_variant(names: Mapping[Variant, bytes], existing: bytes) -> Variant | None:
    """The form whose key has the Name `existing`, out of the Names that a TPM gave for each form; None if no
    one has.
    """
    return next((variant for variant, name in names.items() if name == existing), None)


def deviations(public: PublicArea, shape: Shape, kind: Kind) -> tuple[str, ...]:
    """Fields that differ from the template's, by the specification's names; `unique` is not looked at."""
    wanted = template_area(shape, kind, variant_names(shape.id)[0])
    found = [title for title, field in _FIELDS.items() if getattr(public, field) != getattr(wanted, field)]
    return (*found, *_key_deviations(public.key, wanted.key))


_FIELDS: Final = {
    "nameAlg": "name_alg",
    "objectAttributes": "attributes",
    "authPolicy": "auth_policy",
    "symmetric": "symmetric",
    "scheme": "scheme",
}


def _key_deviations(key: RsaKey | EccKey, wanted: RsaKey | EccKey) -> list[str]:
    if isinstance(key, RsaKey) and isinstance(wanted, RsaKey):
        return [
            *(["keyBits"] if key.bits != wanted.bits else []),
            *(["exponent"] if key.exponent not in (0, 65537) else []),
        ]
    if isinstance(key, EccKey) and isinstance(wanted, EccKey):
        return [
            *(["curveID"] if key.curve != wanted.curve else []),
            *(["kdf"] if key.kdf != wanted.kdf else []),
        ]
    return ["type"]


def template_area(shape: Shape, kind: Kind, variant: Variant) -> PublicArea:
    """The public area of a template, with the text in `unique`."""
    text = UNIQUE[kind]
    key: RsaKey | EccKey
    if shape.curve is None:
        key, scheme = RsaKey(shape.bits, 0, text), None
        if kind == "iak":
            scheme = Scheme(Alg.RSAPSS, shape.name_alg)
    else:
        key = EccKey(shape.curve, None, text, text if variant == "y-equal" else b"")
        scheme = Scheme(Alg.ECDSA, shape.name_alg)
    policy = devid_policy(kind, shape.name_alg)
    return PublicArea(shape.name_alg, ATTRIBUTES[kind], policy, None, scheme, key)


def is_template_unique(public: PublicArea, kind: Kind) -> bool:
    """Whether `unique` still is the template's text: such an area is no key."""
    key = public.key
    text = UNIQUE[kind]
    if isinstance(key, RsaKey):
        return key.modulus.strip(b"\0") in (b"", text)
    return key.x.strip(b"\0") in (b"", text)


def shape_of(id: str) -> Shape:
    """The shape of a template id; raises TpmStructureMalformed for one that is not known."""
    try:
        return SHAPES[id]
    except KeyError:
        raise TpmStructureMalformed(f"'{id}' is no template") from None
