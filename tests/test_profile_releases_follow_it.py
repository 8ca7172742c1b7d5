"""A release made for a profile is accepted by devices of that profile, and by no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.images import keys as key_folders
from workbench.images.format import ENCRYPTED, parse
from workbench.images.keys import KeyFolder
from workbench.images.profile import load_profile
from workbench.images.provisioning import build_page, parse_page
from workbench.images.refusals import ImageRefused
from workbench.images.release import ReleaseImpossible, build_release, policy_for, running_form
from workbench.images.tlvs import TlvType, Version
from workbench.images.unit import ChipIdInvalid, chip_id_bytes, unit_content
from workbench.images.verify import verify

NAMES = ["tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa"]
DEVICE = "microbit-v1"
CHIP = chip_id_bytes("0123456789abcdef")
OTHER_CHIP = chip_id_bytes("0123456789abcdee")
APP = bytes(range(256)) * 20
V1 = Version(1, 2, 3)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KeyFolder]:
    home = tmp_path_factory.mktemp("keys")
    rsa = key_folders.create(home / "rsa", ["rsa-2048", "encryption", "kek", "master"])
    ec = key_folders.create(home / "ec", ["ecdsa-p256", "encryption", "kek", "master"], intermediates=1)
    other = key_folders.create(home / "other", ["ecdsa-p256", "encryption", "kek", "master"])
    return dict.fromkeys(NAMES, ec) | {"tier-2-rsa": rsa, "other": other}


def release(name: str, keys: KeyFolder, **how: object) -> bytes:
    given: dict[str, object] = {"version": V1, "counter": 5, "device": DEVICE, "chip_id": CHIP} | how
    return build_release(APP, load_profile(name), keys, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_its_devices_accept_it(name: str, folders: dict[str, KeyFolder]) -> None:
    profile, keys = load_profile(name), folders[name]
    policy = policy_for(profile, keys, device=DEVICE, chip_id=CHIP, min_counter=5, running=V1, time_floor_s=1)
    found = verify(release(name, keys), policy)
    assert (found.payload, found.version, found.counter) == (APP, V1, 5)


@pytest.mark.parametrize("name", NAMES)
def test_other_keys_products_and_counters_do_not(name: str, folders: dict[str, KeyFolder]) -> None:
    profile, keys = load_profile(name), folders[name]
    image = release(name, keys)
    for policy in (
        policy_for(profile, folders["other"], device=DEVICE, chip_id=CHIP),
        policy_for(profile, keys, device="mps2-an385", chip_id=CHIP),
        policy_for(profile, keys, device=DEVICE, chip_id=CHIP, min_counter=6),
        policy_for(profile, keys, device=DEVICE, chip_id=CHIP, min_counter=5, running=Version(1, 2, 4)),
    ):
        with pytest.raises(ImageRefused):
            verify(image, policy)


def test_a_unit_of_tier_1_plus_takes_only_its_own(folders: dict[str, KeyFolder]) -> None:
    profile, keys = load_profile("tier-1-plus"), folders["tier-1-plus"]
    with pytest.raises(ImageRefused):
        verify(release("tier-1-plus", keys), policy_for(profile, keys, device=DEVICE, chip_id=OTHER_CHIP))
    with pytest.raises(ReleaseImpossible, match="no chip ID"):
        release("tier-1-plus", keys, chip_id=None)


def test_a_chip_id_is_turned_into_the_bytes_that_lie_in_the_chip() -> None:
    assert chip_id_bytes("0123456789abcdef").hex() == "efcdab8967452301"
    for wrong in ("", "0x0123456789abcdef", "0123456789abcde", "0123456789abcdeg", "+123456789abcdef"):
        with pytest.raises(ChipIdInvalid):
            chip_id_bytes(wrong)


def test_encryption_follows_the_profile(folders: dict[str, KeyFolder]) -> None:
    ec = folders["tier-2-ecdsa"]
    assert parse(release("tier-1", ec)).has_flag(ENCRYPTED)
    assert not parse(release("tier-2-ecdsa", ec)).has_flag(ENCRYPTED)
    wanted = release("tier-2-ecdsa", ec, encrypt=True)
    assert APP not in wanted
    assert verify(wanted, policy_for(load_profile("tier-2-ecdsa"), ec, device=DEVICE)).payload == APP
    with pytest.raises(ReleaseImpossible, match="in the clear"):
        release("tier-1", ec, encrypt=False)


def test_the_running_form_is_plain_and_still_verifies(folders: dict[str, KeyFolder]) -> None:
    profile, keys = load_profile("tier-1"), folders["tier-1"]
    policy = policy_for(profile, keys, device=DEVICE)
    image = release("tier-1", keys)
    running = running_form(image, policy)
    assert APP in running
    assert len(running) == len(image)
    plain = replace(policy, payload_is_plain=True)
    assert verify(running, plain).payload == APP
    with pytest.raises(ImageRefused):
        verify(running, policy)


def test_severity_and_deferrals_come_from_the_caller_or_the_profile(folders: dict[str, KeyFolder]) -> None:
    keys = folders["tier-2-ecdsa"]
    assert parse(release("tier-2-ecdsa", keys)).find(TlvType.SEVERITY) is None
    image = parse(release("tier-2-ecdsa", keys, severity="mandatory", max_deferrals=3))
    assert (image.find(TlvType.SEVERITY), image.find(TlvType.MAX_DEFERRALS)) == (b"\x01", b"\x03\x00")
    with pytest.raises(ReleaseImpossible, match="mandatory releases only"):
        release("tier-2-ecdsa", keys, severity="critical", max_deferrals=3)


@pytest.mark.parametrize("name", NAMES)
def test_a_units_page_has_the_keys_that_open_its_releases(name: str, folders: dict[str, KeyFolder]) -> None:
    profile, keys = load_profile(name), folders[name]
    unit = unit_content(profile, keys, device=DEVICE, chip_id=CHIP, time_floor_s=7)
    page = parse_page(build_page(unit.page))
    assert (page.profile, page.vid, page.cid) == (name, profile.vendor_id(), profile.class_id(DEVICE))
    assert (unit.device_public_pem is None) == (page.device_key is None)
    has_own = profile.per_unit or (name == "tier-1" and keys.has("master.bin"))
    assert page.unit_secret == (key_folders.unit_secret(keys.master, CHIP) if has_own else None)
    again = unit_content(profile, keys, device=DEVICE, chip_id=CHIP, time_floor_s=7)
    assert page.device_key is None or again.page.device_key != page.device_key


def test_keys_of_another_kind_make_no_page(folders: dict[str, KeyFolder]) -> None:
    for name, other in (("tier-2-rsa", "tier-2-ecdsa"), ("tier-2-ecdsa", "tier-2-rsa")):
        with pytest.raises(key_folders.KeyInvalid, match="the root's key is not"):
            unit_content(load_profile(name), folders[other], device=DEVICE, chip_id=CHIP, time_floor_s=7)


def test_a_folder_without_the_keys_says_which_is_missing(tmp_path: Path) -> None:
    keys = key_folders.create(tmp_path / "k", ["kek"])
    with pytest.raises(key_folders.KeyMissing, match=r"root\.cert\.pem"):
        unit_content(load_profile("tier-2-ecdsa"), keys, device=DEVICE, chip_id=CHIP, time_floor_s=7)
