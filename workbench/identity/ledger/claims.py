"""Decides what a claim is: a new unit, a known one, a conflict, or a case for an RMA.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.identity.labels import compared
from workbench.identity.ledger.values import IdentifierKind, UnitClaim
from workbench.identity.state import State


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """Something that exists once: its kind, the value, and the role it has for its unit."""

    kind: IdentifierKind
    value: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Owner:
    """The unit that owns an identifier."""

    unit_id: str
    state: State


@dataclass(frozen=True, slots=True)
class Resume:
    """The claim is of a unit that is known."""

    unit_id: str
    new: tuple[Identifier, ...]
    """Further names of its chip that were not known yet."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The claim is of a new unit, which takes these identifiers over from the units that its RMA ended."""

    taken: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """The claim needs what others own."""

    unit_ids: tuple[str, ...]
    contested: tuple[Identifier, ...]
    newcomer: bool
    """Whether the label or the chip is not known yet, and needs a record of its own in quarantine."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The claim needs what belongs to units that RMAs have ended."""

    unit_ids: tuple[str, ...]
    contested: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True)
class Unrelated:
    """The RMA's old units own neither the label nor the chip."""


Decision = Resume | Fresh | Clash | Ended | Unrelated
Owners = Mapping[tuple[IdentifierKind, str], Owner]


def identifiers(claim: UnitClaim) -> tuple[Identifier, ...]:
    """What a unit of this claim has to own: label first, then its chip's names."""
    found = [Identifier("serial", compared(claim.serial)), Identifier("hardware-id", claim.hardware_id)]
    found += [Identifier("hardware-id", value, value) for value in sorted(set(claim.other_hardware_ids))]
    if claim.ek_cert_sha256 is not None:
        found.append(Identifier("ek-certificate", claim.ek_cert_sha256))
    return tuple(found)


def decide(
    claim: UnitClaim, owners: Owners, old_units: Iterable[str] = (), *, ek_of: Mapping[str, str | None]
) -> Decision:
    """What the claim is.

    `owners` has those of the claim's identifiers that are owned; `old_units` are those that the claim's
    unused RMA ended; `ek_of` gives the EK certificate's hash that each owner was claimed with.
    """
    ended = set(old_units)
    wanted = identifiers(claim)
    owned = {item: owners[item.kind, item.value] for item in wanted if (item.kind, item.value) in owners}
    serial, hardware = (owned.get(item) for item in wanted[:2])
    if serial and hardware and serial == hardware and serial.state is not State.RETIRED:
        return _known(claim, serial.unit_id, wanted, owned, ek_of)
    alive = {item: owner for item, owner in owned.items() if owner.state is not State.RETIRED}
    if alive:
        return Clash(_units(alive.values()), tuple(alive), newcomer=serial is None or hardware is None)
    foreign = {item: owner for item, owner in owned.items() if owner.unit_id not in ended}
    if foreign:
        return Ended(_units(foreign.values()), tuple(foreign))
    if ended and serial is None and hardware is None:
        return Unrelated()
    return Fresh(tuple(owned))


def _known(
    claim: UnitClaim,
    unit_id: str,
    wanted: tuple[Identifier, ...],
    owned: Mapping[Identifier, Owner],
    ek_of: Mapping[str, str | None],
) -> Resume | Clash:
    """The label and the chip belong together; whether the chip's other names do as well."""
    foreign = {item: owner for item, owner in owned.items() if owner.unit_id != unit_id}
    contested = list(foreign)
    if ek_of[unit_id] != claim.ek_cert_sha256:
        contested.append(Identifier("ek-certificate", claim.ek_cert_sha256 or ek_of[unit_id] or ""))
    if contested:
        ids = {unit_id, *_units(foreign.values())}
        return Clash(tuple(sorted(ids)), tuple(dict.fromkeys(contested)), newcomer=False)
    return Resume(unit_id, tuple(item for item in wanted if item not in owned))


def _units(owners: Iterable[Owner]) -> tuple[str, ...]:
    return tuple(sorted({owner.unit_id for owner in owners}))
