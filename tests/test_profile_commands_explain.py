"""`workbench profile` tells those who decide what a profile protects, and those who build what it needs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli_bench import CliBench, cli_bench, in_order
from workbench.images import keys as key_folders
from workbench.images.profile import build_flags, load_profile
from workbench.images.release import policy_for
from workbench.images.verify import verify


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench() as made:
        yield made


def test_the_list_tells_profiles_apart(bench: CliBench) -> None:
    done = bench.run("profile", "list")
    assert in_order(
        ["tier-1 ", "nothing", "tier-1-plus", "HMAC", "tier-2-ecdsa", "X.509", "tier-3"], done.out
    )
    assert [p["tier"] for p in bench.run("profile", "list", "--json").observed("profile")] == [
        "1", "1+", "2", "2", "3",
    ]  # fmt: skip


def test_show_says_what_is_protected_and_what_is_given_up(bench: CliBench) -> None:
    profile = load_profile("tier-1")
    out = bench.run("profile", "show", "tier-1").out
    assert in_order(["Protects", profile.protects[0], "Given up", profile.given_up[0], "encrypted"], out)
    (value,) = bench.run("profile", "show", "tier-1", "--json").observed("profile")
    assert value["given_up"] == list(profile.given_up)
    assert value["encryption"]["required"] is True


def test_check_names_what_a_target_lacks(bench: CliBench) -> None:
    good = bench.run("profile", "check", "tier-2-rsa", "--target", "microbit-v1")
    assert (good.code, "ok" in good.out) == (0, True)
    bad = bench.run("profile", "check", "tier-3", "tier-1", "-t", "microbit-v1", "--json")
    assert (bad.code, bad.last["error"]["code"]) == (2, "profile-misfit")
    assert [fit["fits"] for fit in bad.observed("fit")] == [False, True]
    large = bench.run("profile", "check", "tier-1", "-t", "microbit-v1", "--image-size", "100K")
    assert (large.code, "at most 101376 fit a slot" in large.err) == (2, True)


def test_a_users_own_profile_is_found_and_its_contradictions_are_named(bench: CliBench) -> None:
    folder = bench.folder / "profiles"
    folder.mkdir()
    text = load_profile("tier-1").path.read_text(encoding="utf-8").replace('"tier-1"', '"mine"')
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    assert bench.run("profile", "check", "mine").code == 0
    (folder / "mine.toml").write_text(text.replace("required = true", "required = false"), encoding="utf-8")
    refused = bench.run("profile", "check", "mine")
    assert refused.code == 2
    assert in_order(["profile-invalid", "encryption.required", "taken from anybody"], refused.err)
    assert "WRONG" in bench.run("profile", "list").out


def test_an_image_for_a_unit_is_ordered_by_the_chip_id_that_the_workbench_shows(bench: CliBench) -> None:
    chip = "0123456789abcdef"
    keys = key_folders.create(bench.folder / "keys", ["master"])
    (bench.folder / "app.bin").write_bytes(bytes(range(256)) * 4)
    words = ["image", "build", "app.bin", "app.img", "--profile", "tier-1-plus", "--keys", "keys"]
    done = bench.run(
        *words, "--device", "microbit-v1", "--chip-id", chip, "--version", "1.0", "--counter", "1"
    )
    assert done.code == 0, done
    policy = policy_for(
        load_profile("tier-1-plus"), keys, device="microbit-v1", chip_id=bytes.fromhex(chip)[::-1]
    )
    verify((bench.folder / "app.img").read_bytes(), policy)


def test_flags_are_those_of_the_build(bench: CliBench) -> None:
    assert bench.run("profile", "flags", "tier-2-rsa").out.split() == build_flags(load_profile("tier-2-rsa"))
    refused = bench.run("profile", "flags", "tier-3")
    assert (refused.code, "keys in a TPM" in refused.err) == (2, True)
