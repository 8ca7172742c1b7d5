"""Preflight accepts a blank TPM, and one whose every difference is named by an intent; nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.identity.tpm_enroll.errors import (
    PlatformClosed,
    TpmInLockout,
    TpmNotAllowed,
    TpmNotBlank,
    TpmUnusable,
)
from workbench.identity.tpm_enroll.preflight import (
    Known,
    Sight,
    known_from,
    nv_hierarchy,
    surprises,
    verify_endorsement_open,
    verify_kind,
    verify_no_lockout,
)
from workbench.identity.tpm_enroll.recipe import PLACES, Recipe
from workbench.wires.tpm.values import Clock, TpmProperties

OWNER, ENDORSEMENT, LOCKOUT, NO_CLEAR, IN_LOCKOUT = 1, 2, 4, 1 << 8, 1 << 9
RECIPE = Recipe(model="m")
BLANK = TpmProperties(
    manufacturer="IFX ",
    vendor="SLB9672",
    firmware=(16, 1),
    revision=159,
    nv_buffer_max=1024,
    nv_index_max=2048,
    permanent=1 << 10,
    startup_clear=0x8000000F,
    lockout_counter=0,
    max_auth_fail=32,
    lockout_interval_s=600,
    lockout_recovery_s=600,
)
HANDLES = tuple(place.handle for place in PLACES)
INDICES = tuple(place.index for place in PLACES)


def sight(handles: tuple[int, ...] = (), indices: tuple[int, ...] = (), **changes: Any) -> Sight:
    return Sight(replace(BLANK, **changes), Clock(1, 1, 1, 0, True), handles, indices, frozenset())


def test_a_blank_tpm_is_as_it_must_be() -> None:
    verify_kind(sight(), RECIPE)
    verify_no_lockout(sight())
    verify_endorsement_open(sight())
    assert surprises(sight(), Known(), RECIPE) == []
    assert nv_hierarchy(sight(), RECIPE) == "platform"


@given(
    st.sets(st.sampled_from(HANDLES)),
    st.sets(st.sampled_from(INDICES)),
    st.sets(st.sampled_from(HANDLES)),
    st.sets(st.sampled_from(INDICES)),
    st.booleans(),
    st.sampled_from([0, LOCKOUT, NO_CLEAR, LOCKOUT | NO_CLEAR]),
)
def test_what_no_intent_names_is_a_surprise(
    there: set[int], stored: set[int], named: set[int], meant: set[int], locking: bool, bits: int
) -> None:
    known = Known(frozenset(named), frozenset(meant), locking, locking)
    found = sight(tuple(there), tuple(stored), permanent=bits)
    expected = len(there - named) + len(stored - meant) + (0 if locking else bits.bit_count())
    assert len(surprises(found, known, RECIPE)) == expected


def test_intents_are_read_as_the_flow_writes_them() -> None:
    known = known_from(
        {
            "persist": {"iak": {"handle": HANDLES[0]}, "idevid": {"handle": HANDLES[1]}},
            "store": {"iak": {"index": INDICES[0]}, "idevid": {"index": INDICES[1]}, "by": "platform"},
            "lock": {"clear_disabled": True},
        }
    )
    assert known == Known(frozenset(HANDLES), frozenset(INDICES), True, True)
    assert known_from({}) == Known()


def test_an_owner_password_must_be_allowed_by_name() -> None:
    found = sight(permanent=OWNER)
    assert surprises(found, Known(), RECIPE) == ["an owner password"]
    assert surprises(found, Known(), replace(RECIPE, allow=frozenset({"owner-auth"}))) == []


@pytest.mark.parametrize(
    ("changes", "recipe", "error"),
    [
        ({"nv_index_max": 512}, RECIPE, TpmUnusable),
        ({"nv_buffer_max": 128}, RECIPE, TpmUnusable),
        ({"startup_clear": 0x80000001}, RECIPE, TpmUnusable),
        ({}, replace(RECIPE, manufacturers=frozenset({"STM"})), TpmNotAllowed),
        ({}, replace(RECIPE, firmware=frozenset({(16, 2)})), TpmNotAllowed),
    ],
)
def test_unfit_parts_are_refused(changes: dict[str, Any], recipe: Recipe, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify_kind(sight(**changes), recipe)


def test_parts_that_the_recipe_names_pass() -> None:
    verify_kind(sight(), replace(RECIPE, manufacturers=frozenset({"IFX"}), firmware=frozenset({(16, 1)})))


def test_lockout_and_endorsement_passwords_are_refused() -> None:
    with pytest.raises(TpmInLockout, match="600 s"):
        verify_no_lockout(sight(permanent=IN_LOCKOUT))
    with pytest.raises(TpmNotBlank):
        verify_endorsement_open(sight(permanent=ENDORSEMENT))


def test_a_closed_platform_is_fine_once_everything_is_locked() -> None:
    closed = sight(startup_clear=0x8000000E)
    with pytest.raises(PlatformClosed):
        nv_hierarchy(closed, RECIPE)
    assert nv_hierarchy(closed, replace(RECIPE, allow=frozenset({"owner-nv"}))) == "owner"
    assert nv_hierarchy(replace(closed, locked=frozenset(INDICES)), RECIPE) == "platform"
    with pytest.raises(PlatformClosed):
        nv_hierarchy(replace(closed, locked=frozenset(INDICES[:1])), RECIPE)
