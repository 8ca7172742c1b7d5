"""Every mistake in a target file is refused with the file, the key, the value and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.boards.target import TargetFileInvalid, load_target, parse_target
from workbench.toml_file import MAX_BYTES, Problem

PATH = Path(__file__).parent.parent / "targets" / "microbit-v1.toml"
GOOD = PATH.read_text()

MISTAKES = [
    # what is replaced, by what, key, value, words that say what would be right
    ("sector =", "sectr =", "memory[0].sectr", "0x400", "did you mean 'sector'?"),
    ("[lock]", "[lok]", "lok", "a table", "did you mean 'lock'?"),
    ("register =", "regster =", "lock.regster", "0x10001004", "did you mean 'register'?"),
    ("baud =", "speed_of_line =", "console.speed_of_line", "0x1c200", "known are: baud, bytesize"),
    ('part = "nRF51822-QFAA"', "", "chip.part", "(absent)", "must be a text"),
    ("words = [0x10000060, 0x10000064]", "words = []", "chip.id.words", "[]", "1 to 8 addresses"),
    ("words = [0x10000060,", "words = [0x10000062,", "chip.id.words[0]", "0x10000062", "a multiple of 4"),
    ('core = "cortex-m0"', 'core = "cortexm0"', "chip.core", "'cortexm0'", "did you mean 'cortex-m0'?"),
    ('kind = "ram"', 'kind = "rom"', "memory[3].kind", "'rom'", "must be one of flash, ram, config"),
    ("size = 0x4_0000", 'size = "256K"', "memory[0].size", "'256K'", "without quotes"),
    ("size = 0x4_0000", "size = 0", "memory[0].size", "0", "from 1 to 0x100000000"),
    ("size = 0x4_0000", "size = true", "memory[0].size", "true", "a number of bytes"),
    ("start = 0x2000_0000", "start = -4", "memory[3].start", "-4", "an address from 0 to 0xffffffff"),
    ('"debug", "flash"', '"debug", "flsh"', "target.capabilities[1]", "'flsh'", "did you mean 'flash'?"),
    ('machine = "microbit"', 'machine = "microbt"', "twin.machine", "'microbt'", "did you mean 'microbit'?"),
    ('name = "microbit-v1"', 'name = "micro bit"', "target.name", "'micro bit'", "lower-case letters"),
    (
        'name = "microbit-v1"',
        'name = "mb"',
        "target.name",
        "'mb'",
        "must be 'microbit-v1', as the file is called",
    ),
    ("flash_kib = 256", "flash_kib = 128", "chip.flash_kib", "128", "must be 256"),
    ("sector = 0x400", "", "memory[0].sector", "(absent)", "flash needs it"),
    ("sector = 0x400", "sector = 0x300", "memory[0].size", "0x40000", "a multiple of the sector size, 0x300"),
    ('kind = "ram"', 'kind = "ram"\nsector = 4', "memory[3].sector", "4", "must be left out"),
    ("start = 0x2000_0000", "start = 0x3_FFFC", "memory[3].start", "0x3fffc", "overlaps 'flash'"),
    ("start = 0x2000_0000", "start = 0xFFFF_F000", "memory[3].size", "0x4000", "at most 0x1000"),
    ('name = "ram"', 'name = "uicr"', "memory[3].name", "'uicr'", "must differ from that of memory[2]"),
    ('memory = "flash"', 'memory = "flsh"', "image_slots[0].memory", "'flsh'", "did you mean 'flash'?"),
    ("size = 0x3_E000", "size = 0x4_0400", "image_slots[0]", "0x0..0x40400", "must lie inside 'flash'"),
    ("size = 0x3_E000", "size = 0x3_E001", "image_slots[0].size", "0x3e001", "borders of flash's sectors"),
    ("size = 0x3_E000", "size = 0x4_0000", "identity.start", "0x3f800", "overlaps image slot 'app'"),
    ("start = 0x3_E000", "start = 0x3_D000", "identity.certificates.start", "0x3d000", "overlaps image slot"),
    ("size = 0x800", "size = 0xC00", "identity", "0x3f800..0x40400", "inside a [[memory]] of kind flash"),
    ("size = 0x800", "size = 0x801", "identity", "0x3f800..0x40001", "inside a [[memory]] of kind flash"),
    ("register = 0x1000_1004", "register = 0x2000_0000", "lock.register", "0x20000000", "of kind config"),
    ("mask = 0xFF00", "mask = 0", "lock.mask", "0", "at least one bit set"),
    (
        'pyocd = "nrf51"',
        'pyocd = "nrf51"\nscript = "no.py"',
        "debug.script",
        "'no.py'",
        "must be a file; there is none",
    ),
    (
        'pyocd = "nrf51"',
        'pyocd = "nrf51"\npack = "no.pack"',
        "debug.pack",
        "'no.pack'",
        "must be a file; there is none",
    ),
    ("[identity]", "[identity", "(file)", "not TOML", "line "),
]


def refusal(text: str) -> TargetFileInvalid:
    with pytest.raises(TargetFileInvalid) as refused:
        parse_target(text.encode(), PATH)
    return refused.value


def test_the_file_itself_is_right() -> None:
    assert parse_target(GOOD.encode(), PATH) == load_target("microbit-v1")


@pytest.mark.parametrize(("old", "new", "key", "value", "right"), MISTAKES)
def test_the_mistake_is_named(old: str, new: str, key: str, value: str, right: str) -> None:
    assert old in GOOD
    error = refusal(GOOD.replace(old, new, 1))
    problem = next((p for p in error.problems if p.key == key), None)
    assert problem is not None, error.what
    assert problem.value == value
    assert right in problem.right
    assert str(PATH) in error.what
    assert str(problem) in error.what
    assert error.exit_code == 2


def test_all_mistakes_are_named_at_once() -> None:
    error = refusal(GOOD.replace("sector =", "sectr =").replace("baud =", "bad =").replace('"swd"', '"sw"'))
    assert {p.key for p in error.problems} >= {"memory[0].sectr", "console.bad"}


def test_a_capability_needs_what_it_speaks_of() -> None:
    without_lock = GOOD[: GOOD.index("[lock]")] + GOOD[GOOD.index("[console]") :]
    assert "needs a [lock] table" in refusal(without_lock).what


def test_words_of_ones_own_start_with_x() -> None:
    text = GOOD.replace('"debug",', '"debug", "x-display",')
    assert "x-display" in parse_target(text.encode(), PATH).capabilities


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"a" * (MAX_BYTES + 1), b"[" * 5000])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(TargetFileInvalid, match=r"x\.toml"):
        load_target(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(TargetFileInvalid):
            load_target(path)


def test_control_characters_do_not_reach_the_message() -> None:
    error = refusal(GOOD.replace('kind = "ram"', 'kind = "\\u001b[2J"'))
    assert "\x1b" not in error.diagnostics()


@given(st.data())
def test_whatever_is_changed_it_loads_or_is_refused(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    value = data.draw(
        st.sampled_from(
            ["", "x = 1", "start = 1979-05-27", "size = [1]", "[memory]", "[[chip]]", "kind = 0.5", "[a.b]"]
        )
        | st.text(max_size=20)
    )
    changed = "\n".join([*lines[:number], value, *lines[number + 1 :]])
    problems: tuple[Problem, ...] = ()
    try:
        parse_target(changed.encode("utf-8", "replace"), PATH)
    except TargetFileInvalid as error:
        problems = error.problems or (Problem("", "", ""),)
    assert all(p.key and p.value and p.right for p in problems)
