"""Every forgery is refused by our own verifier for the reason that its trial expects of a board."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.trial_lab import PROFILES, workshop
from workbench.images.reasons import Reason
from workbench.images.refusals import ImageRefused
from workbench.images.verify import verify
from workbench.updates.trials.forgeries import forgeries
from workbench.updates.trials.forgery import Forgery
from workbench.updates.trials.matrix import TrialUnknown, chosen, entries
from workbench.updates.trials.workshop import Workshop

Shops = Callable[[str], Workshop]


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    folder: Path = tmp_path_factory.mktemp("keys")
    return cache(lambda profile: workshop(profile, folder / profile))


def applicable(shop: Workshop) -> list[Forgery]:
    return [forgery for forgery in forgeries(shop) if forgery.when(shop.profile) is None]


def refusal(shop: Workshop, image: bytes) -> Reason:
    """Why our verifier refuses the image, NONE where it does not."""
    try:
        verify(image, shop.policy)
    except ImageRefused as refused:
        return refused.reason
    return Reason.NONE


@pytest.mark.parametrize("profile", PROFILES)
def test_the_good_release_is_accepted(profile: str, shops: Shops) -> None:
    assert refusal(shops(profile), shops(profile).good) is Reason.NONE


@pytest.mark.parametrize("profile", PROFILES)
def test_each_forgery_is_refused_for_its_reason(profile: str, shops: Shops) -> None:
    shop = shops(profile)
    found = {f.name: refusal(shop, f.make(shop)) for f in applicable(shop)}
    wrong = {f.name: found[f.name] for f in applicable(shop) if found[f.name] not in f.host}
    assert not wrong


@pytest.mark.parametrize("profile", PROFILES)
def test_each_forgery_differs_from_the_good_release_and_has_a_name_of_its_own(
    profile: str, shops: Shops
) -> None:
    shop = shops(profile)
    names = [forgery.name for forgery in forgeries(shop)]
    assert len(set(names)) == len(names)
    assert all(forgery.make(shop) != shop.good for forgery in applicable(shop))


def test_every_reason_for_which_a_bootloader_refuses_is_asked_for_alone(shops: Shops) -> None:
    alone = {next(iter(f.reasons)) for p in PROFILES for f in applicable(shops(p)) if len(f.reasons) == 1}
    assert alone >= {reason for reason in Reason if reason.refuses} - {Reason.SIZE, Reason.NOT_PROVISIONED}


@pytest.mark.parametrize("profile", PROFILES)
def test_only_tier_1_has_forgeries_that_succeed(profile: str, shops: Shops) -> None:
    shown = {forgery.name for forgery in applicable(shops(profile)) if forgery.shows}
    leaks = {"leak-payload", "leak-version", "leak-counter", "leak-shared-key"}
    assert shown == (leaks if profile == "tier-1" else set())


def test_each_region_of_the_image_has_a_flipped_bit(shops: Shops) -> None:
    shop = shops("tier-2-ecdsa")
    flips = [f.make(shop) for f in forgeries(shop) if f.name.startswith("flip-")]
    changed = {next(at for at, byte in enumerate(flip) if byte != shop.good[at]) for flip in flips}
    assert len(changed) >= 30
    bits = [sum((a ^ b).bit_count() for a, b in zip(flip, shop.good, strict=True)) for flip in flips]
    assert set(bits) == {1}


def test_trials_are_chosen_by_name_pattern_and_group(shops: Shops) -> None:
    all_ = entries(shops("tier-2-ecdsa"), seed=1)
    assert [e.name for e in chosen(all_, ["expired"])] == ["expired"]
    assert {e.group for e in chosen(all_, ["line", "cut-*"])} == {"line", "power"}
    assert len({e.name for e in all_}) == len(all_)
    with pytest.raises(TrialUnknown):
        chosen(all_, ["expired", "no-such-thing"])
