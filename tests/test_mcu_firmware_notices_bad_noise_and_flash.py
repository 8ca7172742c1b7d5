"""A source of random numbers or a flash that fails makes no bad key, no torn certificate, no false end.

The firmware runs here, under sanitizers, on a chip that is a file; each start is a process of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.enrol_host import (
    CERTIFICATE_A,
    CERTIFICATE_B,
    FLASH_AT,
    FLASH_BYTES,
    IDENTITY,
    KEYS,
    HostUnit,
)
from tests.enrol_host_lab import PAGE, SECRET, contents, page
from tests.mcu_firmware_lab import (
    FLASH,
    NO_CERTIFICATE,
    NO_SECRET,
    RANDOM,
    Enrolled,
    certificate_for,
    error_of,
)

WINDOW, PROPORTION, REPETITION = 512, 190, 16


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[HostUnit]:
    with HostUnit(tmp_path, contents()) as host:
        yield host


@pytest.fixture(scope="module")
def busy_unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostUnit]:
    """One unit for all examples."""
    with HostUnit(tmp_path_factory.mktemp("busy"), contents()) as host:
        yield host


def judged(samples: bytes) -> int:
    """SP 800-90B, 4.4.1 and 4.4.2, written anew: how many samples pass."""
    row = 0
    for at, sample in enumerate(samples):
        row = row + 1 if at and samples[at - 1] == sample else 1
        start = at - at % WINDOW
        if row >= REPETITION or samples[start : at + 1].count(samples[start]) >= PROPORTION:
            return at
    return len(samples)


STREAMS = st.one_of(
    st.binary(max_size=1500),
    st.tuples(st.randoms(use_true_random=False), st.integers(1, 10), st.integers(0, 1500)).map(
        lambda t: bytes(t[0].randrange(t[1]) for _ in range(t[2]))
    ),
)


@settings(max_examples=300, deadline=None)
@given(samples=STREAMS)
def test_health_tests_judge_as_the_standard_says(busy_unit: HostUnit, samples: bytes) -> None:
    assert busy_unit.health(samples) == judged(samples)


def test_health_tests_at_their_limits(unit: HostUnit) -> None:
    assert unit.health(b"\x07" * 100) == REPETITION - 1
    often = b"".join(b"\x07" + bytes([n % 200 + 20]) * 1 for n in range(PROPORTION - 1)) + b"\x09" * 10
    assert unit.health(often) == len(often), "one less than the limit"
    assert unit.health(often + b"\x07") == len(often)
    assert unit.health(random.Random(1).randbytes(100_000)) == 100_000


@pytest.mark.parametrize("kind", [1, 2])
def test_a_source_that_fails_later_makes_no_key(unit: HostUnit, kind: int) -> None:
    """It was good at the start: the tests go on while the seed is taken."""
    asked = Enrolled(unit, SECRET)
    assert asked.read()["health"] is True
    unit.noise(kind)
    assert error_of(asked.act("generate")) == RANDOM
    unit.noise(0)
    assert asked.read()["health"] is False, "for good"
    assert error_of(asked.act("generate")) == RANDOM
    unit.restart()
    assert asked.act("generate")["state"] == "key"


def test_a_blank_unit_needs_the_probe(tmp_path: Path) -> None:
    with HostUnit(tmp_path, {IDENTITY: page()}) as host:
        assert error_of(Enrolled(host, b"").act("generate")) == NO_SECRET


@pytest.mark.parametrize("at", [0x40, 0x60, 0xA0, 0xA4])
def test_a_key_that_flash_does_not_take_is_shown_to_nobody(unit: HostUnit, at: int) -> None:
    unit.wear(KEYS + at, 0xFFFFFFFF)
    asked = Enrolled(unit, SECRET)
    assert error_of(asked.act("generate")) == FLASH
    assert "pub" not in asked.read()
    assert asked.act("generate")["state"] == "key", "the next record is a good one"
    assert unit.memory(KEYS + 0x40, 0x60).strip(b"\0\xff") == b"", "the first one was wiped"


@pytest.mark.parametrize("at", [0x40, 0x60, 0xA0])
def test_a_damaged_key_is_not_replaced_by_another(unit: HostUnit, at: int) -> None:
    asked = Enrolled(unit, SECRET)
    assert asked.act("generate")["state"] == "key"
    unit.poke(KEYS + at, bytes(4))
    for _ in range(2):
        assert error_of(asked.act("generate")) == FLASH
        assert "pub" not in asked.read()
        unit.restart()


@pytest.mark.parametrize("at", [0, 4, 12, 40])
@pytest.mark.parametrize("copy", [CERTIFICATE_A, CERTIFICATE_B])
def test_a_certificate_that_flash_does_not_take_is_none(unit: HostUnit, copy: int, at: int) -> None:
    asked = Enrolled(unit, SECRET)
    der = certificate_for(bytes(asked.act("generate")["pub"]))
    unit.wear(copy + at, 0xFFFFFFFF)
    assert error_of(asked.write_certificate(der)) == FLASH
    assert asked.read()["certs"] == [copy == CERTIFICATE_B, False]
    assert error_of(asked.act("commit")) == NO_CERTIFICATE
    assert asked.read()["state"] == ("cert" if copy == CERTIFICATE_B else "key")


def test_a_secret_that_flash_does_not_give_up_ends_no_enrolment(unit: HostUnit) -> None:
    asked = Enrolled(unit, SECRET)
    asked.write_certificate(certificate_for(bytes(asked.act("generate")["pub"])))
    for at in (KEYS + 8, KEYS + 0x100):
        unit.wear(at, 4)
        assert error_of(asked.act("commit")) == FLASH
        assert asked.read()["state"] == "cert"
    unit.wear(0, 0)
    assert asked.act("commit")["state"] == "done"


def test_flash_is_written_nowhere_else(unit: HostUnit) -> None:
    before = unit.memory(FLASH_AT, FLASH_BYTES)
    asked = Enrolled(unit, SECRET)
    point = bytes(asked.act("generate")["pub"])
    asked.write_certificate(certificate_for(point))
    assert asked.act("commit")["state"] == "done"
    after = unit.memory(FLASH_AT, FLASH_BYTES)
    changed = {FLASH_AT + at & ~(PAGE - 1) for at in range(FLASH_BYTES) if before[at] != after[at]}
    assert changed == {KEYS, CERTIFICATE_A, CERTIFICATE_B}
