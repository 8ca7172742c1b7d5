"""One request that the authority must refuse, and areas that deviate from the templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.tpm_identity_lab import Bid, Lab
from tests.tpm_identity_soft import area_of
from workbench.identity.tpm.structures import (
    Attribute,
    PublicArea,
)
from workbench.identity.tpm.templates import Kind

ACCEPTED = "accepted"


@dataclass(frozen=True)
class Refusal:
    """A request and its fate: `check` (a name in CHECKS) must refuse it for `reason`; without that check:
    `then`.
    """

    title: str
    check: str
    reason: str
    make: Callable[[Lab], Bid]
    then: str = ACCEPTED


def only(kind: Kind, value: object) -> dict[str, Any]:
    """A keyword argument named after the kind of key."""
    return {kind: value}


def area_with(kind: Kind, **changes: Any) -> PublicArea:
    """The template's area with other fields."""
    return replace(area_of(kind), **changes)


def lacking(kind: Kind, bit: Attribute) -> PublicArea:
    """The template's area without an attribute."""
    return replace(area_of(kind), attributes=area_of(kind).attributes & ~bit)


def having(kind: Kind, bit: int) -> PublicArea:
    """The template's area with an attribute more."""
    return replace(area_of(kind), attributes=Attribute(area_of(kind).attributes | bit))
