"""A unit that is to make its key itself gets none from the station, and its records say so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli_bench import cli_bench
from tests.provisioning_lab import built
from workbench.images import keys as key_folders
from workbench.images.profile import load_profile
from workbench.images.provisioning import PageIncomplete, needs, parse_page, verify_for
from workbench.images.unit import unit_content

CHIP = bytes(range(8))


def test_a_page_has_a_device_key_only_where_the_station_makes_it(tmp_path: Path) -> None:
    profile = load_profile("tier-2-ecdsa")
    keys = key_folders.create(tmp_path / "keys", ["ecdsa-p256", "encryption"])
    given = unit_content(profile, keys, device="microbit-v1", chip_id=CHIP, time_floor_s=1)
    own = unit_content(
        profile, keys, device="microbit-v1", chip_id=CHIP, time_floor_s=1, device_key="on-chip"
    )
    assert given.page.device_key is not None
    assert given.device_public_pem is not None
    assert (own.page.device_key, own.device_public_pem) == (None, None)
    assert needs(profile) - needs(profile, "on-chip") == {"device_key"}
    with pytest.raises(PageIncomplete):
        verify_for(given.page, profile, "on-chip")
    with pytest.raises(PageIncomplete):
        verify_for(own.page, profile)


def test_a_unit_of_a_fleet_gets_a_secret_of_its_own_where_there_is_a_master(tmp_path: Path) -> None:
    profile = load_profile("tier-1")
    with_master = key_folders.create(tmp_path / "a", ["kek", "master"])
    without = key_folders.create(tmp_path / "b", ["kek"])
    page = unit_content(profile, with_master, device="microbit-v1", chip_id=CHIP, time_floor_s=None).page
    other = unit_content(
        profile, with_master, device="microbit-v1", chip_id=CHIP[::-1], time_floor_s=None
    ).page
    assert page.unit_secret is not None
    assert page.unit_secret != other.unit_secret
    assert (
        unit_content(profile, without, device="m", chip_id=CHIP, time_floor_s=None).page.unit_secret is None
    )
    with pytest.raises(PageIncomplete):
        verify_for(replace(page, device_key=bytes(32)), profile)


def test_provisioning_says_who_makes_the_key() -> None:
    with cli_bench(1) as bench:
        key_folders.create(bench.folder / "keys", ["ecdsa-p256", "encryption"])
        words: list[str | Path] = ["provision", "v1", "-p", "tier-2-ecdsa", "-k", "keys"]
        words += ["--firmware", built("tier-2-ecdsa"), "--permit-identity", "--json"]
        injected = bench.run(*words)
        assert injected.code == 0, injected
        chip = injected.last["result"]["chip_id"]
        units = bench.folder / "keys" / "units"
        assert (units / f"{chip}.pub.pem").is_file()
        assert injected.last["result"]["key_origin"] == "injected"
        own = bench.run(*words, "--device-key", "on-chip")
        assert own.code == 0, own
        assert (own.last["result"]["key_origin"], own.last["result"]["device_key"]) == ("on-chip", None)
        entry = json.loads((units / f"{chip}.json").read_text())
        assert (entry["device_key"], entry["key_origin"]) == ("on-chip", "on-chip")
        assert not (units / f"{chip}.pub.pem").exists()
        assert bench.run("read", "v1", "--start", "0x3f800", "--size", "1K", "-o", "page.bin").code == 0
        assert parse_page((bench.folder / "page.bin").read_bytes()).device_key is None
        wrong = bench.run(*words, "--device-key", "somewhere")
        assert wrong.code == 2, wrong
