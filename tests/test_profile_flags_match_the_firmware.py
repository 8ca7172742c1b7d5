"""What a profile says and what the sample bootloader is built with are the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.boards.target import Target, list_targets
from workbench.images.profile import build_flags, load_profile

SECURE = Path(__file__).parent.parent / "firmware-samples" / "secure"
MAKE = (SECURE / "profiles.mk").read_text(encoding="utf-8").replace("\\\n", " ")
FLAGS = dict(re.findall(r"^FLAGS_(\S+) := (.*)$", MAKE, re.MULTILINE))


def test_every_profile_of_the_samples_is_one_of_ours() -> None:
    assert set(FLAGS) == {"tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa"}


@pytest.mark.parametrize("name", FLAGS)
def test_the_samples_are_built_with_what_the_profile_says(name: str) -> None:
    assert FLAGS[name].split() == build_flags(load_profile(name))


def layout_of(chip: str) -> dict[str, int]:
    text = (SECURE / "chips" / chip / "layout.h").read_text(encoding="utf-8")
    return {
        name: int(value, 0)
        for name, value in re.findall(r"#define LAYOUT_(\w+) +(0x[0-9A-Fa-f]+|\d+)u", text)
    }


@pytest.mark.parametrize("target", [t for t in list_targets() if isinstance(t, Target)], ids=lambda t: t.name)
def test_the_target_file_and_the_firmware_agree_on_where_things_are(target: Target) -> None:
    update = target.update
    if update is None or not (SECURE / "chips" / update.chip).is_dir():
        return
    layout = layout_of(update.chip)
    slots = [target.image_slot(name) for name in (update.boot, update.primary, update.secondary)]
    assert [s.start for s in slots] == [layout["BOOT"], layout["SLOT0"], layout["SLOT1"]]
    assert slots[1].size == slots[2].size == layout["SLOT_PAGES"] * layout["PAGE_BYTES"]
    assert update.max_image == slots[1].size - layout["PAGE_BYTES"]
    assert target.provisioning_page == layout["IDENTITY"]
    if update.state is not None:
        counter_end = layout["COUNTER"] + 4 * layout["COUNTER_WORDS"]
        assert update.state.start <= layout["STATE"]
        assert counter_end <= update.state.end
