"""Checks of the two public areas: everything that a TPM would not have made by the template."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from workbench.identity.tpm.case import Case, Check, KeyCase, check
from workbench.identity.tpm.errors import IdentityRefused, TpmStructureMalformed
from workbench.identity.tpm.structures import Attribute, PublicArea
from workbench.identity.tpm.templates import (
    KINDS,
    Kind,
    deviations,
    is_template_unique,
    template_area,
    variant_names,
)
from workbench.identity.tpm.weak_keys import weakness

Refuse = Callable[[str, str], IdentityRefused]
_TITLES: Final[dict[Kind, str]] = {"idevid": "IDevID", "iak": "IAK"}
_SUFFIXES: Final = {
    "nameAlg": "name-alg",
    "objectAttributes": "attributes",
    "authPolicy": "auth-policy",
    "symmetric": "parameters",
    "scheme": "scheme",
    "kdf": "parameters",
    "exponent": "exponent",
}


def _form(key: KeyCase, kind: Kind) -> None:
    try:
        _ = key.public
    except TpmStructureMalformed as error:
        raise IdentityRefused(f"{kind}-malformed", f"{_TITLES[kind]}: {error.what}") from None


def _type(key: KeyCase, kind: Kind) -> None:
    if key.shape is None:
        raise IdentityRefused(
            f"{kind}-key-type", f"{_TITLES[kind]}: no template has a key of that type and size"
        )


def _unique(key: KeyCase, kind: Kind) -> None:
    if is_template_unique(key.public, kind):
        raise IdentityRefused(
            f"{kind}-unique", f"{_TITLES[kind]}: unique is still the template's text, this is no key"
        )
    try:
        _ = key.spki
    except TpmStructureMalformed as error:
        raise IdentityRefused(f"{kind}-unique", f"{_TITLES[kind]}: {error.what}") from None


def _strength(key: KeyCase, kind: Kind) -> None:
    if wrong := weakness(key.public):
        raise IdentityRefused(f"{kind}-weak", f"{_TITLES[kind]}: {wrong}")


def _field(field: str) -> Callable[[KeyCase, Kind], None]:
    def run(key: KeyCase, kind: Kind) -> None:
        if key.shape is not None and field in deviations(key.public, key.shape, kind):
            text = (
                _attributes_text(key, kind)
                if field == "objectAttributes"
                else f"{field} is not the template's"
            )
            raise IdentityRefused(f"{kind}-{_SUFFIXES[field]}", f"{_TITLES[kind]}: {text}")

    return run


def _attributes_text(key: KeyCase, kind: Kind) -> str:
    assert key.shape is not None
    wanted = template_area(key.shape, kind, variant_names(key.shape.id)[0]).attributes
    found = key.public.attributes
    told = [_bits(wanted & ~found, "is missing"), _bits(found & ~wanted, "is set and must not be")]
    return "; ".join(text for text in told if text)


def _bits(bits: int, what: str) -> str:
    names = [a.name or hex(a) for a in Attribute if bits & a]
    unknown = bits & ~sum(Attribute)
    names += [f"bit {n}" for n in range(32) if unknown >> n & 1]
    return f"{', '.join(names)} {what}" if names else ""


def _per_key(
    kind: Kind, name: str, reasons: tuple[str, ...], run: Callable[[KeyCase, Kind], None]
) -> Check[Case]:
    return Check(
        f"{kind}_{name}", tuple(f"{kind}-{r}" for r in reasons), lambda case: run(case.key(kind), kind)
    )


def _allowed(kind: Kind) -> Check[Case]:
    reason = f"{kind}-template-not-allowed"

    def run(case: Case) -> None:
        shape = case.key(kind).shape
        if shape is not None and shape.id not in case.policy.templates:
            raise IdentityRefused(reason, f"{_TITLES[kind]}: template {shape.id} is not accepted here")

    return Check(f"{kind}_template_allowed", (reason,), run)


def _checks_of(kind: Kind) -> tuple[Check[Case], ...]:
    return (
        _per_key(kind, "form", ("malformed",), _form),
        _per_key(kind, "type", ("key-type",), _type),
        _allowed(kind),
        *(_per_key(kind, _SUFFIXES[f].replace("-", "_"), (_SUFFIXES[f],), _field(f)) for f in _SINGLE),
        _per_key(kind, "parameters", ("parameters",), _parameters),
        _per_key(kind, "unique", ("unique",), _unique),
        _per_key(kind, "strength", ("weak",), _strength),
    )


_SINGLE: Final = ("nameAlg", "objectAttributes", "authPolicy", "scheme", "exponent")


def _parameters(key: KeyCase, kind: Kind) -> None:
    for field in ("symmetric", "kdf"):
        _field(field)(key, kind)


@check("keys-not-distinct")
def keys_distinct(case: Case) -> None:
    """IDevID, IAK and EK are three keys."""
    areas: tuple[PublicArea, ...] = (case.idevid.public, case.iak.public, case.ek.public)
    if len({area.key for area in areas}) != len(areas) or case.idevid.unique == case.iak.unique:
        raise IdentityRefused("keys-not-distinct", "one key stands for two of IDevID, IAK and EK")


KEY_CHECKS: Final[tuple[Check[Case], ...]] = tuple(c for kind in KINDS for c in _checks_of(kind))
