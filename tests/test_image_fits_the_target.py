"""Images that overlap, lie outside memory or over the identity area are refused before a board is touched."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.boards.target import load_target
from workbench.probes.errors import ImageOutsideMemory, ImageOverIdentity, ImageOverlap, ImageUnreadable
from workbench.probes.images import ImageFile, load_images

MICROBIT = load_target("microbit-v1")
MPS2 = load_target("mps2-an385")
IDENTITY = 0x3_F800
CERTIFICATES = 0x3_E000


@pytest.fixture
def bin_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.bin"
    path.write_bytes(bytes(range(256)) * 4)
    return path


def test_a_bin_goes_to_the_first_flash_or_the_first_ram(bin_file: Path) -> None:
    assert load_images([bin_file], MICROBIT).start == 0
    assert load_images([bin_file], MPS2).start == 0
    assert load_images([ImageFile(bin_file, base=0x400)], MICROBIT).start == 0x400


def test_files_are_joined_and_hashed_in_order_of_address(tmp_path: Path) -> None:
    low, high = tmp_path / "low.bin", tmp_path / "high.bin"
    low.write_bytes(b"low")
    high.write_bytes(b"high")
    image = load_images([ImageFile(high, base=0x1000), ImageFile(low, base=0x200)], MICROBIT)
    assert [segment.address for segment in image.segments] == [0x200, 0x1000]
    assert image.size_bytes == 7
    assert image.sha256 == hashlib.sha256(b"lowhigh").hexdigest()
    assert [source.path for source in image.sources] == [high, low]


def test_overlapping_files_are_named_with_the_range(tmp_path: Path) -> None:
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    first.write_bytes(bytes(0x100))
    second.write_bytes(bytes(0x80))
    with pytest.raises(ImageOverlap) as refused:
        load_images([first, ImageFile(second, base=0xC0)], MICROBIT)
    assert {str(first), str(second)} <= set(re.findall(r"\S+\.bin", refused.value.what))
    assert "0x000000c0–0x000000ff" in refused.value.what


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), min_size=2, max_size=5))
def test_overlaps_are_refused_exactly_where_two_files_share_a_byte(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("overlap")
    files = []
    for number, (start, size) in enumerate(spans):
        path = folder / f"{number}.bin"
        path.write_bytes(bytes(size))
        files.append(ImageFile(path, base=start))
    taken = [address for start, size in spans for address in range(start, start + size)]
    if len(taken) == len(set(taken)):
        assert load_images(files, MICROBIT).size_bytes == len(taken)
    else:
        with pytest.raises(ImageOverlap):
            load_images(files, MICROBIT)


@pytest.mark.parametrize("base", [0x4_0000 - 1, 0x4_0000, 0x0800_0000, 0x1000_0060, 0xFFFF_FFF0])
def test_bytes_outside_writable_memory_are_refused(bin_file: Path, base: int) -> None:
    with pytest.raises((ImageOutsideMemory, ImageUnreadable)) as refused:
        load_images([ImageFile(bin_file, base=base)], MICROBIT, permit_identity=True)
    assert str(bin_file) in refused.value.what


def test_ram_is_no_place_for_an_image_of_a_chip_with_flash(bin_file: Path) -> None:
    with pytest.raises(ImageOutsideMemory, match="next reset"):
        load_images([ImageFile(bin_file, base=0x2000_0000)], MICROBIT)
    assert load_images([ImageFile(bin_file, base=0x2000_0000)], MPS2).start == 0x2000_0000


@pytest.mark.parametrize(
    ("area", "words"), [(IDENTITY, "0x0003f800–0x0003ffff"), (CERTIFICATES, "0x0003e000–0x0003e7ff")]
)
def test_the_identity_area_needs_a_permission(bin_file: Path, area: int, words: str) -> None:
    below = ImageFile(bin_file, base=area - 0x400)
    assert load_images([below], MICROBIT).size_bytes == 0x400
    over = ImageFile(bin_file, base=area - 0x3FF)
    with pytest.raises(ImageOverIdentity) as refused:
        load_images([over], MICROBIT)
    assert words in refused.value.what
    assert load_images([over], MICROBIT, permit_identity=True).size_bytes == 0x400


def test_a_base_address_is_refused_where_the_file_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "app.hex"
    path.write_bytes(b":0100000055AA\n:00000001FF\n")
    assert load_images([path], MICROBIT).size_bytes == 1
    with pytest.raises(ImageUnreadable, match="carry their own"):
        load_images([ImageFile(path, base=0x100)], MICROBIT)


def test_no_file_is_no_image() -> None:
    with pytest.raises(ImageUnreadable):
        load_images([], MICROBIT)
