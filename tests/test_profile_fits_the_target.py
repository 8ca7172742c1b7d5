"""A profile that a chip cannot carry is refused with the reason, and one that it can is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.boards.target import TargetFileInvalid, describe_target, load_target, parse_target
from workbench.images.profile import Profile, load_profile, parse_profile
from workbench.updates.fit import Carrier, ProfileMisfit, carrier_of, fit, refuse_misfits, refused_only

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "workbench" / "images" / "profiles"
MICROBIT = carrier_of(load_target("microbit-v1"))
MPS2 = carrier_of(load_target("mps2-an385"))
EVERYTHING = replace(
    MICROBIT,
    algorithms=frozenset({"ecdsa-p256", "rsa-2048", "ed25519", "x509", "rsa-oaep-2048", "lzma2", "aes-256"}),
)
"""A micro:bit whose bootloader has code for all of it: only its size is in the way."""


def changed(name: str, *changes: tuple[str, str]) -> Profile:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return parse_profile(text.encode(), FOLDER / f"{name}.toml")


@pytest.mark.parametrize("name", ["tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa"])
def test_the_microbit_carries_what_needs_no_tpm(name: str) -> None:
    assert fit(load_profile(name), MICROBIT) == []


OAEP = ('method = "ecies-p256"', 'method = "rsa-oaep-2048"')
LZMA = ("[keys]", '[compression]\nmethod = "lzma2"\n[keys]')


@pytest.mark.parametrize(
    ("profile", "carrier", "key", "words"),
    [
        (load_profile("tier-3"), MICROBIT, "keys.storage", "the board has none"),
        (load_profile("tier-3"), MICROBIT, "rollback.counter", "to be tpm, and the board offers write-once"),
        (changed("tier-2-rsa", OAEP), EVERYTHING, "encryption.method", "20 KiB of RAM, and the chip has 16"),
        (changed("tier-2-rsa", OAEP), MICROBIT, "encryption.method", "has no rsa-oaep-2048"),
        (changed("tier-2-rsa", LZMA), EVERYTHING, "compression.method", "48 KiB of RAM, and the chip has 16"),
        (
            changed("tier-2-ecdsa", ('"ecdsa-p256"', '"ed25519"')),
            MICROBIT,
            "authenticity.algorithm",
            "has no ed25519",
        ),
        (
            changed("tier-2-ecdsa", ("bits = 128", "bits = 256")),
            MICROBIT,
            "encryption.bits",
            "has no aes-256",
        ),
        (
            load_profile("tier-2-rsa"),
            replace(MICROBIT, algorithms=frozenset({"rsa-2048"})),
            "authenticity.chain",
            "x509",
        ),
        (
            load_profile("tier-1-plus"),
            replace(MICROBIT, algorithms=frozenset()),
            "authenticity.method",
            "hmac",
        ),
        (load_profile("tier-1-plus"), MPS2, "keys.symmetric", "a chip ID of 8 bytes"),
        (load_profile("tier-2-ecdsa"), replace(MICROBIT, counter="none"), "rollback.counter", "offers none"),
        (load_profile("tier-2-ecdsa"), replace(MICROBIT, boot_bytes=16 << 10), "profile", "there are 16 KiB"),
        (load_profile("tier-2-ecdsa"), replace(MICROBIT, boot_bytes=None), "profile", "no [update] section"),
        (load_profile("tier-2-ecdsa"), replace(MICROBIT, page=None), "keys.storage", "no place for keys"),
    ],
)
def test_what_does_not_fit_is_named(profile: Profile, carrier: Carrier, key: str, words: str) -> None:
    refused = refused_only(fit(profile, carrier))
    assert any(f.key == key and words in f.reason for f in refused), list(map(str, refused))
    with pytest.raises(ProfileMisfit) as misfit:
        refuse_misfits(profile, carrier)
    assert words in misfit.value.what


def test_a_release_may_fill_a_slot_and_no_more() -> None:
    profile = load_profile("tier-2-ecdsa")
    assert fit(profile, MICROBIT, 99 * 1024) == []
    (finding,) = fit(profile, MICROBIT, 99 * 1024 + 1)
    assert finding.level == "refused"
    assert "at most 101376" in finding.reason


def test_an_emulated_counter_is_remarked_upon_and_not_refused() -> None:
    remarks = refuse_misfits(load_profile("tier-2-ecdsa"), MPS2)
    assert {f.key for f in remarks} == {"keys.storage", "rollback.counter"}


TARGET = ROOT / "targets" / "microbit-v1.toml"


@pytest.mark.parametrize(
    ("old", "new", "key", "right"),
    [
        ('boot = "boot"', 'boot = "bot"', "update.boot", "did you mean 'boot'?"),
        ("max_image = 0x1_8C00", "max_image = 0x1_9001", "update.max_image", "at most 0x19000"),
        ('secondary = "slot1"', 'secondary = "slot0"', "update.secondary", "must differ"),
        ('counter = "write-once"', 'counter = "writeonce"', "update.counter", "did you mean 'write-once'?"),
        ('"aes-kw", "ecies', '"aes-wk", "ecies', "update.algorithms[4]", "did you mean 'aes-kw'?"),
        ("start = 0x0000_C000", "start = 0x0000_BC00", "image_slots[2].start", "overlaps image slot 'boot'"),
    ],
)
def test_mistakes_in_a_targets_update_section_are_named(old: str, new: str, key: str, right: str) -> None:
    text = TARGET.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(TargetFileInvalid) as refused:
        parse_target(text.replace(old, new, 1).encode(), TARGET)
    assert any(p.key == key and right in p.right for p in refused.value.problems), refused.value.what


def test_slots_of_another_layout_may_overlap() -> None:
    target = load_target("microbit-v1")
    assert target.image_slot("app").overlaps(target.image_slot("slot0"))
    assert "security counter: write-once" in describe_target(target)
