"""Every mistake in a profile's file is refused with the file, the key, the value and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.images.profile import (
    ProfileInvalid,
    ProfileUnknown,
    list_profiles,
    load_profile,
    parse_profile,
    profile_paths,
)
from workbench.toml_file import MAX_BYTES, Problem

PATH = Path(__file__).parent.parent / "workbench" / "images" / "profiles" / "tier-2-ecdsa.toml"
GOOD = PATH.read_text(encoding="utf-8")

MISTAKES = [
    ("[encryption]", "[encription]", "encription", "did you mean 'encryption'?"),
    ("chain = true", "chian = true", "authenticity.chian", "did you mean 'chain'?"),
    ("chain = true", 'chain = "yes"', "authenticity.chain", "true or false, without quotes"),
    ('"ecdsa-p256"', '"ecdsa-p265"', "authenticity.algorithm", "did you mean 'ecdsa-p256'?"),
    ('"ecies-p256"', '"ecies"', "encryption.method", "must be one of none, aes-kw"),
    ("bits = 128", "bits = 192", "encryption.bits", "128, 256"),
    ('tier = "2"', "tier = 2", "profile.tier", "must be one of 1, 1+, 2, 3"),
    ('severity = "none"', "max_deferrals = 70000", "consent.max_deferrals", "from 0 to 65535"),
    ('name = "tier-2-ecdsa"', 'name = "mine"', "profile.name", "as the file is called"),
    ('symmetric = "none"', "", "keys.symmetric", "none, fleet, unit"),
    ("[keys]", '[product]\nvendor = "a b"\n[keys]', "product.vendor", "a DNS name"),
    ("[keys]", "[keys", "(file)", "line "),
]


@pytest.mark.parametrize(("old", "new", "key", "right"), MISTAKES)
def test_the_mistake_is_named(old: str, new: str, key: str, right: str) -> None:
    assert old in GOOD
    with pytest.raises(ProfileInvalid) as refused:
        parse_profile(GOOD.replace(old, new, 1).encode(), PATH)
    assert any(p.key == key and right in p.right for p in refused.value.problems), refused.value.what
    assert str(PATH) in refused.value.what


def test_a_mistyped_name_gets_a_suggestion() -> None:
    with pytest.raises(ProfileUnknown, match="did you mean 'tier-2-rsa'"):
        load_profile("tier2-rsa")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a" * (MAX_BYTES + 1), b"[" * 5000])
def test_what_is_no_profile_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ProfileInvalid, match=r"x\.toml"):
        load_profile(tmp_path / "x.toml")
    with pytest.raises(ProfileInvalid, match="a folder"):
        load_profile(tmp_path)


def test_the_bench_folder_comes_first_then_the_named_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, title in ((tmp_path / "profiles", "ours"), (tmp_path / "more", "theirs")):
        folder.mkdir()
        text = GOOD.replace('title = "Tier 2: ECDSA P-256 with certificates"', f'title = "{title}"')
        (folder / "tier-2-ecdsa.toml").write_text(text, encoding="utf-8")
    assert load_profile("tier-2-ecdsa").title.startswith("Tier 2")
    monkeypatch.setenv("WORKBENCH_PROFILES", str(tmp_path / "more"))
    assert load_profile("tier-2-ecdsa").title == "theirs"
    assert load_profile("tier-2-ecdsa", bench_folder=tmp_path).title == "ours"
    assert "tier-1" in profile_paths(tmp_path)


def test_a_wrong_file_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.toml").write_text("[profile")
    monkeypatch.setenv("WORKBENCH_PROFILES", str(tmp_path))
    found = list_profiles()
    assert [type(p).__name__ for p in found].count("ProfileInvalid") == 1
    assert len(found) == 6


@given(st.data())
def test_whatever_is_changed_it_loads_or_is_refused(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    value = data.draw(
        st.sampled_from(
            ["", "x = 1", "bits = [1]", "[keys]", "[[keys]]", 'method = "none"', "required = true"]
        )
        | st.text(max_size=20)
    )
    text = "\n".join([*lines[:number], value, *lines[number + 1 :]])
    problems: tuple[Problem, ...] = ()
    try:
        parse_profile(text.encode("utf-8", "replace"), PATH)
    except ProfileInvalid as error:
        problems = error.problems or (Problem("", "", ""),)
    assert all(p.key and p.value and p.right for p in problems)
