"""Phase 2: IDevID and IAK out of the endorsement seed, and kept at their persistent handles.

The seed and the template give the same key each time, so that a run that was cut off is simply done
again.  Which form of the template made a key that is there already shows only when each form is tried.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.identity.tpm.names import name_of
from workbench.identity.tpm.public_key import spki
from workbench.identity.tpm.structures import PublicArea, parse_public
from workbench.identity.tpm.templates import Template, Variant, recognise, shape_of, variant_names
from workbench.identity.tpm.templates import template as template_of
from workbench.identity.tpm_enroll.errors import TpmKeyDiffers
from workbench.wires.tpm.values import Created, Hierarchy, KeyPolicy

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.recipe import Place, Recipe
    from workbench.wires.tpm.tpm import Tpm


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the identity as the TPM made it, its Name computed here.

    `created`: the transient object and the proof of its creation; `kept`: its handle held it already.
    """

    place: Place
    template: Template
    public: bytes
    area: PublicArea = field(repr=False)
    name: bytes = field(repr=False)
    created: Created = field(repr=False)
    kept: bool = False

    @property
    def policy(self) -> KeyPolicy:
        """What satisfies its ADMIN role."""
        return KeyPolicy(shape_of(self.template.id).name_alg, self.template.branches)

    @property
    def spki_sha256(self) -> str:
        """SHA-256 of its SubjectPublicKeyInfo, hex."""
        return hashlib.sha256(spki(self.area)).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """For the ledger and the record: nothing secret."""
        return {
            "template": self.template.id,
            "variant": self.template.variant,
            "template_sha256": hashlib.sha256(self.template.public).hexdigest(),
            "name": self.name.hex(),
            "policy": self.area.auth_policy.hex(),
            "handle": self.place.handle,
            "public": self.public.hex(),
        }


def make(tpm: Tpm, recipe: Recipe, place: Place, outside_info: bytes) -> Key:
    """Makes the key again from seed and template, as a transient object.

    Where the handle holds an object, the form of the template that gives that object's Name is taken.
    Raises TpmKeyDiffers where no form does, or the TPM made something else than the template says.
    """
    existing = tpm.read_public(place.handle)
    tried = _forms(recipe) if existing is not None else _forms(recipe)[:1]
    for form in tried:
        key = _create(tpm, template_of(recipe.template, place.kind, form), place, outside_info)
        if existing is None or key.name == existing.name:
            return replace(key, kept=existing is not None)
        tpm.flush(key.created.handle)
    raise TpmKeyDiffers(f"the object at {place.handle:#010x} is no {place.kind} key of this TPM and template")


def persist(tpm: Tpm, key: Key) -> None:
    """Keeps the key at its handle, if it is not there yet, flushes it and reads it back.  Raises
    TpmKeyDiffers.

    A TPM has room for three objects, and one that is kept counts while it is used.
    """
    if not key.kept:
        tpm.evict(key.created.handle, key.place.handle)
    tpm.flush(key.created.handle)
    verify_kept(tpm, key.place, key.name)


def verify_kept(tpm: Tpm, place: Place, name: bytes) -> PublicArea:
    """The public area at the handle, its Name computed from what was read, which must be `name`.

    Raises TpmKeyDiffers.
    """
    found = tpm.read_public(place.handle)
    if found is None:
        raise TpmKeyDiffers(f"there is no key at {place.handle:#010x}")
    area = parse_public(found.public)
    if name_of(area) != name or found.name != name:
        raise TpmKeyDiffers(
            f"the key at {place.handle:#010x} has not got the Name of the unit's {place.kind}"
        )
    return area


def _create(tpm: Tpm, template: Template, place: Place, outside_info: bytes) -> Key:
    created = tpm.create_primary(Hierarchy.ENDORSEMENT, template.public, outside_info)
    area = parse_public(created.public)
    found = recognise(area)
    if found is None or (found.id, found.kind) != (template.id, template.kind):
        raise TpmKeyDiffers(f"the TPM made another key than template {template.id} for the {template.kind}")
    if name_of(area) != created.name:
        raise TpmKeyDiffers(f"the Name that the TPM says of its {template.kind} is not the key's")
    return Key(place, template, created.public, area, created.name, created)


def _forms(recipe: Recipe) -> tuple[Variant, ...]:
    """Forms of the template, the recipe's first."""
    known = variant_names(recipe.template)
    first = recipe.unique or known[0]
    return (first, *(form for form in known if form != first))
