"""Laying an image over sectors and words changes the image's bytes and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.boards.target import load_target
from workbench.probes.errors import ImageNeedsErase
from workbench.probes.images import Image, Segment, Source
from workbench.probes.ledger import Ledger, Range
from workbench.probes.plan import blocks, config_words, gaps, make_plan

MICROBIT = load_target("microbit-v1")
SOURCE = Source(Path("test.bin"), "bin", 0, "")


def image_of(spans: list[tuple[int, bytes]]) -> Image:
    return Image(tuple(Segment(at, data, SOURCE) for at, data in spans), (SOURCE,))


@st.composite
def spans(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    for gap, data in draw(
        st.lists(
            st.tuples(st.integers(1, 1500), st.binary(min_size=1, max_size=2500)), min_size=1, max_size=6
        )
    ):
        found.append((at + gap, data))
        at += gap + len(data)
    return found


@given(spans(), st.randoms(use_true_random=False))
def test_sectors_hold_the_image_and_what_was_there(parts: list[tuple[int, bytes]], random: object) -> None:
    before = bytes((i * 7 + 3) % 256 for i in range(0x6000))
    wanted = bytearray(before)
    for at, data in parts:
        wanted[at : at + len(data)] = data
    after = bytearray(before)
    plan = make_plan(image_of(parts), MICROBIT)
    for sector in plan.sectors:
        assert sector.start % 0x400 == 0
        assert sector.size == 0x400
        after[sector.start : sector.end] = sector.over(before[sector.start : sector.end])
    assert after == wanted
    assert sum(sector.covered for sector in plan.sectors) == sum(len(data) for _, data in parts)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 15), st.binary(min_size=1, max_size=16))
def test_configuration_bits_only_fall(held: bytes, offset: int, data: bytes) -> None:
    data = data[: 16 - offset]
    wanted = held[:offset] + data + held[offset + len(data) :]
    segment = Segment(0x1000_1000 + offset, data, SOURCE)
    if any(new & ~old for new, old in zip(wanted, held, strict=True)):
        with pytest.raises(ImageNeedsErase):
            config_words(segment, held, 0x1000_1000)
        return
    after = bytearray(held)
    for address, word in config_words(segment, held, 0x1000_1000).items():
        assert after[address - 0x1000_1000 :][:4] != word.to_bytes(4, "little")
        after[address - 0x1000_1000 : address - 0x1000_1000 + 4] = word.to_bytes(4, "little")
    assert after == wanted


@given(st.sets(st.integers(0, 40)), st.integers(1, 9))
def test_blocks_cover_all_spans_once(starts: set[int], most: int) -> None:
    covered = [
        at
        for start, size in blocks(((s, 1) for s in sorted(starts)), most)
        for at in range(start, start + size)
    ]
    assert covered == sorted(starts)
    assert all(size <= most for _, size in blocks(((s, 1) for s in sorted(starts)), most))


@given(st.sets(st.integers(0, 255)))
def test_gaps_are_what_no_sector_covers(sectors: set[int]) -> None:
    flash = MICROBIT.memory_named("flash")
    found = {
        at // 0x400
        for start, size in gaps(flash, [(s * 0x400, 0x400) for s in sorted(sectors)])
        for at in range(start, start + size, 0x400)
    }
    assert found == set(range(256)) - sectors


def test_the_ledger_tells_what_is_known_in_words() -> None:
    ledger = Ledger([(0x400 * n, 0x400) for n in range(6)])
    assert ledger.state().is_untouched
    for start, known in ((0, "written"), (0x400, "written"), (0x800, "unknown"), (0xC00, "erased")):
        ledger.mark(start, known)  # type: ignore[arg-type]
    state = ledger.state()
    assert state.written == (Range(0, 0x800),)
    assert state.unknown == (Range(0x800, 0xC00),)
    assert state.untouched == (Range(0x1000, 0x1800),)
    assert "written 0x00000000–0x000007ff; erased 0x00000c00" in state.words()
