"""A profile that cannot hold what it promises does not load, and its refusal says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.images.profile import (
    Profile,
    ProfileInvalid,
    ProfileUnbuildable,
    build_flags,
    list_profiles,
    load_profile,
    parse_profile,
)

FOLDER = Path(__file__).parent.parent / "workbench" / "images" / "profiles"
NAMES = ["tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa", "tier-3"]

CONTRADICTIONS = [
    # profile, changes, key, words of the reason
    ("tier-1", {'method = "none"': 'method = "mac"'}, "authenticity.method", "its name would promise"),
    ("tier-1", {'symmetric = "fleet"': 'symmetric = "unit"'}, "keys.symmetric", "it is tier 1+"),
    ("tier-1", {"required = true": "required = false"}, "encryption.required", "taken from anybody"),
    (
        "tier-1",
        {'method = "aes-kw"': 'method = "none"'},
        "encryption.required",
        "every image would be refused",
    ),
    ("tier-1", {"bits = 128": "bits = 256"}, "encryption.bits", "weaker than the key"),
    ("tier-1", {'symmetric = "fleet"': 'symmetric = "none"'}, "keys.symmetric", "share: 'fleet' or 'unit'"),
    (
        "tier-1",
        {'method = "none"': 'method = "none"\nchain = true'},
        "authenticity.chain",
        "vouch for nothing",
    ),
    (
        "tier-1",
        {'method = "none"': 'method = "none"\nalgorithm = "ed25519"'},
        "authenticity.algorithm",
        "signs nothing",
    ),
    ("tier-1", {'method = "aes-kw"': 'method = "ecies-p256"'}, "encryption.method", "anybody can encrypt"),
    ("tier-1", {"[keys]": '[compression]\nmethod = "lzma2"\n[keys]'}, "compression.method", "nobody vouches"),
    ("tier-1", {'counter = "write-once"': 'counter = "tpm"'}, "rollback.counter", "belongs to tier 3"),
    (
        "tier-1",
        {'counter = "write-once"': 'counter = "none"\nallow_version_downgrade = true'},
        "rollback.allow_version_downgrade",
        "nothing stops a rollback",
    ),
    ("tier-1", {'storage = "flash"': 'storage = "tpm"'}, "keys.storage", "no other tier has one"),
    (
        "tier-1",
        {'storage = "flash"': 'storage = "flash"\ndevice_key = "injected"'},
        "keys.device_key",
        "no challenge uses",
    ),
    ("tier-1-plus", {'symmetric = "unit"': 'symmetric = "fleet"'}, "keys.symmetric", "a MAC needs a secret"),
    ("tier-2-ecdsa", {'algorithm = "ecdsa-p256"': ""}, "authenticity.algorithm", "needs an algorithm"),
    (
        "tier-2-ecdsa",
        {'symmetric = "none"': 'symmetric = "unit"'},
        "keys.symmetric",
        "must not be on the device",
    ),
    ("tier-2-ecdsa", {'counter = "write-once"': 'counter = "none"'}, "rollback.counter", "only a counter"),
    ("tier-2-ecdsa", {'device_key = "injected"': ""}, "keys.device_key", "a key pair on the device"),
    ("tier-2-rsa", {'"ecdsa-p256"': '"hmac-sha256"'}, "proof.challenge", "that the workbench knows too"),
    ("tier-2-rsa", {"[proof]": "[proof]\nmeasured_boot = true"}, "proof.measured_boot", "registers of a TPM"),
    (
        "tier-2-rsa",
        {'severity = "none"': 'severity = "optional"\nmax_deferrals = 3'},
        "consent.max_deferrals",
        "only a mandatory release",
    ),
    ("tier-3", {'storage = "tpm"': 'storage = "flash"'}, "keys.storage", "keeps its keys in a TPM"),
]


def changed(name: str, changes: dict[str, str]) -> bytes:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def test_the_profiles_of_the_design_are_there_and_hold() -> None:
    found = list_profiles()
    assert [p.name for p in found if isinstance(p, Profile)] == NAMES
    assert [p.tier for p in found if isinstance(p, Profile)] == ["1", "1+", "2", "2", "3"]


@pytest.mark.parametrize(("name", "changes", "key", "words"), CONTRADICTIONS)
def test_the_contradiction_is_named(name: str, changes: dict[str, str], key: str, words: str) -> None:
    path = FOLDER / f"{name}.toml"
    with pytest.raises(ProfileInvalid) as refused:
        parse_profile(changed(name, changes), path)
    reasons = [p.right for p in refused.value.problems if p.key == key]
    assert any(words in reason for reason in reasons), refused.value.what
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_says_what_it_protects_and_what_is_given_up(name: str) -> None:
    profile = load_profile(name)
    assert len(profile.protects) >= 3
    assert len(profile.given_up) >= 3
    assert all(sentence.endswith(".") for sentence in (*profile.protects, *profile.given_up, profile.suits))


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("tier-3", {}, "keys in a TPM, a counter in a TPM"),
        ("tier-2-rsa", {"chain = true": "chain = false"}, "signatures without certificates"),
        ("tier-2-ecdsa", {'"ecdsa-p256"': '"ed25519"'}, "ed25519 signatures"),
        ("tier-2-ecdsa", {'"ecies-p256"': '"rsa-oaep-2048"'}, "encryption by rsa-oaep-2048"),
        ("tier-2-ecdsa", {"bits = 128": "bits = 256"}, "AES-256"),
        ("tier-2-ecdsa", {"[keys]": '[compression]\nmethod = "lzma2"\n[keys]'}, "compression"),
    ],
)
def test_no_bootloader_is_built_without_code_for_what_is_asked(
    name: str, changes: dict[str, str], words: str
) -> None:
    profile = parse_profile(changed(name, changes), FOLDER / f"{name}.toml")
    with pytest.raises(ProfileUnbuildable, match=words):
        build_flags(profile)
