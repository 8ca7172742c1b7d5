"""A lock counts as a lock only if every way past it was tried and failed, or is published for the chip."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.mcu_lab import McuLab, mcu_lab
from workbench.events import ignore
from workbench.identity.evidence.content import Tried
from workbench.identity.mcu.lock_proof import (
    ORDINARY,
    Canary,
    LockBroken,
    holds_private_key,
    judge,
    judge_ram,
    prove_lock,
    refuse_broken,
)
from workbench.identity.mcu.record import BLANK, can_complete, enrolment_record, judge_record
from workbench.images.provisioning import MAGIC
from workbench.probes import lock
from workbench.probes.lock import LockNotPermitted, set_lock
from workbench.probes.words import WordsDiffer, add_words, erase_sector
from workbench.station.slots import debugging, hold

pytestmark = pytest.mark.xdist_group("microcontrollers are enrolled")
CANARY = Canary("page", 0x3F800, MAGIC)
REFUSED = lock.Tried(None, "the chip refused")
PUBLISHED = {"read-gadget": "published in 2015"}
KEY = ec.generate_private_key(ec.SECP256R1())
SCALAR = KEY.private_numbers().private_value.to_bytes(32, "big")
SPARE = 0x3FC00 + 0x3C0
"""Words of the key page that nothing uses."""


@pytest.mark.parametrize(
    ("data", "outcome"),
    [(None, "held"), (bytes(8), "held"), (b"\xff" * 8, "held"), (MAGIC, "broken"), (b"another.", "broken")],
    ids=["refused", "zeros", "ones", "the content", "something else"],
)
def test_what_comes_back_decides(data: bytes | None, outcome: str) -> None:
    found = judge("read-words", [(CANARY, lock.Tried(data, "so"))], {})
    assert (found.outcome, found.expected) == (outcome, "refused")


def test_one_canary_that_is_read_is_enough() -> None:
    tried = [(CANARY, REFUSED), (Canary("key", 0, b"12345678"), lock.Tried(b"12345678", "so"))]
    assert judge("read-words", tried, {}).outcome == "broken"


def test_only_a_way_that_is_published_for_the_chip_is_shown() -> None:
    read = [(CANARY, lock.Tried(MAGIC, "so"))]
    assert judge("read-gadget", read, PUBLISHED).outcome == "shown"
    assert judge("read-gadget", read, {}).outcome == "broken"
    assert judge("read-words", read, PUBLISHED).outcome == "broken"


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("at", [0, 4, 1000])
def test_a_private_key_in_ram_is_found(order: str, at: int) -> None:
    secret = SCALAR if order == "big" else SCALAR[::-1]
    ram = os.urandom(at) + secret + os.urandom(64)
    assert holds_private_key(ram, KEY.public_key())
    assert judge_ram(ram, KEY.public_key(), {}).outcome == "broken"
    assert not holds_private_key(ram.replace(secret, bytes(32)), KEY.public_key())


def test_a_secret_key_in_ram_is_found() -> None:
    secret = os.urandom(32)
    assert judge_ram(b"\x00" + secret + bytes(8), secret, {}).outcome == "broken"
    assert judge_ram(bytes(64), secret, {}).outcome == "held"
    assert judge_ram(None, secret, {}).outcome == "held"


@given(st.binary(max_size=120))
def test_any_memory_can_be_searched(memory: bytes) -> None:
    assert not holds_private_key(memory, KEY.public_key())


def test_a_proof_needs_something_that_held() -> None:
    held, shown, broken = (Tried("read-x", "refused", "so", one) for one in ("held", "shown", "broken"))
    refuse_broken((held, shown))
    for wrong in ((), (shown,), (held, broken)):
        with pytest.raises(LockBroken):
            refuse_broken(wrong)


def test_the_enrolment_record_is_told_from_everything_else() -> None:
    secret = os.urandom(32)
    record = enrolment_record(secret)
    assert judge_record(record, secret) == "ours"
    assert judge_record(BLANK, secret) == "blank"
    assert judge_record(record[:8] + bytes(36), secret) == "spent"
    assert judge_record(record, os.urandom(32)) == "other"
    assert judge_record(bytes(44), secret) == "other"
    torn = record[:20] + b"\xff" * 24
    assert judge_record(torn, secret) == "other"
    assert can_complete(torn, record)
    assert can_complete(BLANK, record)
    assert not can_complete(record[:8] + bytes(36), record)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuLab]:
    with mcu_lab(tmp_path_factory.mktemp("mcu") / "lab") as made:
        made.provision()
        yield made


def test_words_are_added_without_reading_or_erasing_their_page(lab: McuLab) -> None:
    with hold(lab.slot, purpose="t", emit=ignore) as held, debugging(held, emit=ignore) as debug:
        add_words(debug, SPARE, b"\xff\xff\xff\x0f" + b"beside!!")
        before = debug.read_memory(0x3FC00, 0x400)
        add_words(debug, SPARE, b"\xff\x00\xff\x0f")
        after = debug.read_memory(0x3FC00, 0x400)
        assert [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [0x3C1]
        with pytest.raises(WordsDiffer):
            add_words(debug, SPARE, b"\xff\xff\xff\xff")
        erase_sector(debug, 0x3FC00)
        assert debug.read_memory(0x3FC00, 0x400) == b"\xff" * 0x400


def test_an_open_chip_is_broken_by_every_way(lab: McuLab) -> None:
    with hold(lab.slot, purpose="t", emit=ignore) as held, debugging(held, emit=ignore) as debug:
        with pytest.raises(LockNotPermitted):
            set_lock(debug)
        assert debug.lock_state().configured is False
        tried = prove_lock(debug, (CANARY,), KEY.public_key(), PUBLISHED)
    ways = {one.act: one.outcome for one in tried}
    assert {ways[act] for act, _ in ORDINARY} == {"broken"}
    assert (ways["read-gadget"], ways["read-ram-residue"]) == ("shown", "held")
    with pytest.raises(LockBroken):
        refuse_broken(tried)
