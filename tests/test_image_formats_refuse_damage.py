"""Damaged, cut and random image files are refused with file name and reason; nothing else is ever raised."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intelhex import IntelHex

from workbench.boards.target import load_target
from workbench.probes import formats
from workbench.probes.errors import ImageError, ImageUnreadable
from workbench.probes.images import ImageFile, load_images

MICROBIT = load_target("microbit-v1")


def hex_of(parts: dict[int, bytes]) -> bytes:
    """An Intel HEX file as the intelhex library writes it."""
    image, text = IntelHex(), io.StringIO()
    for address, data in parts.items():
        image.puts(address, data)
    image.write_hex_file(text)
    return text.getvalue().encode()


GOOD_HEX = hex_of({0x0: bytes(range(64)), 0x1_FFF0: b"end of a 64 KiB block and on"})


@given(
    st.dictionaries(st.integers(0, 60).map(lambda n: n * 4096 + 0xFF0), st.binary(min_size=1, max_size=40))
)
def test_hex_is_read_as_intelhex_wrote_it(parts: dict[int, bytes]) -> None:
    chunks = formats.join(formats.parse_hex(hex_of(parts)))
    assert {c.address + i: b for c in chunks for i, b in enumerate(c.data)} == {
        at + i: byte for at, data in parts.items() for i, byte in enumerate(data)
    }


@given(st.integers(0, len(GOOD_HEX) - 1), st.integers(0, 255))
def test_one_wrong_byte_in_hex_is_never_taken_for_other_data(at: int, byte: int) -> None:
    good = formats.join(formats.parse_hex(GOOD_HEX))
    damaged = GOOD_HEX[:at] + bytes([byte]) + GOOD_HEX[at + 1 :]
    try:
        assert formats.join(formats.parse_hex(damaged)) == good
    except formats.FormatError:
        return


@given(st.integers(0, len(GOOD_HEX) - 5))
def test_hex_cut_short_is_refused(length: int) -> None:
    with pytest.raises(formats.FormatError):
        formats.parse_hex(GOOD_HEX[:length])


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from(["elf", "hex", "bin"]))
def test_random_bytes_give_chunks_or_a_reason(data: bytes, kind: formats.Format) -> None:
    for content in (data, b"\x7fELF\x01\x01\x01" + data, b":" + data):
        with contextlib.suppress(formats.FormatError):
            assert formats.parse(content, kind, 0)


def test_a_segment_address_wraps_in_its_64_kib() -> None:
    record = b":020000021000EC\n:02FFFF00AABB9B\n:00000001FF\n"
    assert formats.join(formats.parse_hex(record)) == [
        formats.Chunk(0x10000, b"\xbb"),
        formats.Chunk(0x1FFFF, b"\xaa"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.hex", b"", "end-of-file"),
        ("empty.bin", b"", "no bytes"),
        ("text.hex", b"hello\n", "colon"),
        ("digit.hex", b":0000000ZFF\n", "hex digits"),
        ("sum.hex", b":0100000055AB\n:00000001FF\n", "checksum"),
        ("long.hex", b":0500000055AA\n:00000001FF\n", "not as long"),
        ("kind.hex", b":00000009F7\n", "unknown record type"),
        ("after.hex", b":00000001FF\n:0100000055AA\n", "follows the end"),
        ("twice.hex", b":0100000055AA\n:0100000055AA\n:00000001FF\n", "twice"),
        ("short.elf", b"\x7fELF\x01\x01\x01", "ends before"),
        ("noelf.elf", b"MZ" * 40, "does not begin"),
        ("wide.elf", b"\x7fELF\x02\x01\x01" + bytes(60), "32-bit"),
        ("x86.elf", b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\x00\x03\x00" + bytes(60), "another processor"),
        ("really-elf.bin", b"\x7fELF" + bytes(60), "named as a BIN but holds ELF"),
        ("really-hex.bin", b":0100000055AA\n", "named as a BIN but holds HEX"),
        ("firmware", bytes(64), "cannot be told"),
    ],
)
def test_the_error_names_file_and_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ImageUnreadable) as refused:
        load_images([path], MICROBIT)
    assert str(path) in refused.value.what
    assert reason in refused.value.what


def test_missing_files_folders_and_pipes_do_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.bin"
    os.mkfifo(pipe)
    for path in (tmp_path / "missing.hex", tmp_path, pipe, Path("/dev/zero")):
        with pytest.raises(ImageUnreadable):
            load_images([path], MICROBIT)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_files_are_loaded_or_refused_as_input(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("random") / "random.hex"
    path.write_bytes(data)
    for kind in ("elf", "hex"):
        with pytest.raises(ImageError):
            load_images([ImageFile(path, format=kind)], MICROBIT)
