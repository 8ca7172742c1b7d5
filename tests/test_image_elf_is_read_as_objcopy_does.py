"""An ELF file gives the same bytes at the same addresses as the Debian cross tools put into Intel HEX."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from intelhex import IntelHex

from workbench.probes import formats

SOURCE = """
__attribute__((section(".vectors"))) const unsigned vectors[2] = {0x20004000, 0x100};
const char text[] = "constant data";
int initialised[3] = {1, 2, 3};
int zeroed[100];
__attribute__((section(".config"))) const unsigned config = 0xfffffff0;
int main(void) { return initialised[1] + zeroed[2] + text[3]; }
"""
SCRIPT = """
SECTIONS {
  .text %s : { *(.vectors) *(.text*) *(.rodata*) }
  .data 0x20000000 : AT(LOADADDR(.text) + SIZEOF(.text)) { *(.data*) }
  .bss : { *(.bss*) *(COMMON) }
  .config 0x10001080 : { KEEP(*(.config)) }
}
"""


@pytest.fixture(params=["0x0", "0x4000", "0x08004000"])
def elf(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """An ELF whose text is linked to different places; ld may put its own headers into the first segment."""
    source, script, built = tmp_path / "a.c", tmp_path / "a.ld", tmp_path / "a.elf"
    source.write_text(SOURCE)
    script.write_text(SCRIPT % request.param)
    options = ["-mcpu=cortex-m0", "-mthumb", "-O1", "-g", "-nostdlib", "-ffreestanding", "-Wl,-e,main"]
    subprocess.run(["arm-none-eabi-gcc", *options, f"-T{script}", "-o", built, source], check=True)
    return built


def by_objcopy(elf: Path) -> dict[int, int]:
    hex_file = elf.with_suffix(".hex")
    subprocess.run(["arm-none-eabi-objcopy", "-O", "ihex", elf, hex_file], check=True)
    image = IntelHex(str(hex_file))
    return {address: image[address] for address in image.addresses()}


def loaded(elf: Path) -> dict[int, int]:
    chunks = formats.parse(elf.read_bytes(), "elf", 0)
    return {chunk.address + i: byte for chunk in chunks for i, byte in enumerate(chunk.data)}


def test_every_byte_is_where_objcopy_puts_it(elf: Path) -> None:
    assert loaded(elf) == by_objcopy(elf)


def test_without_section_headers_every_such_byte_is_still_loaded(elf: Path) -> None:
    wanted = by_objcopy(elf)
    data = bytearray(elf.read_bytes())
    data[32:36] = bytes(4)  # e_shoff
    data[48:50] = bytes(2)  # e_shnum
    elf.write_bytes(data)
    found = loaded(elf)
    assert {address: found[address] for address in wanted} == wanted
