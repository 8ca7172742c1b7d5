"""Whatever comes over the line, whenever the power goes: one identity, no secret told, no byte out of bounds.

The firmware runs here, under sanitizers, on a chip that is a file; each start is a process of its own.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.enrol_host import (
    CERTIFICATE_A,
    CERTIFICATE_B,
    IDENTITY,
    KEYS,
    HostUnit,
    PowerCut,
)
from tests.enrol_host_lab import NONCE, PAGE, SECRET, contents
from tests.mcu_firmware_lab import (
    CERTIFICATE_WRONG,
    FROZEN,
    Enrolled,
    certificate_for,
    enrolment_record,
    error_of,
)
from tests.secure_app_lab import OWN


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[HostUnit]:
    with HostUnit(tmp_path, contents()) as host:
        yield host


# --- Requests -----------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["act", "nonce", "off", "len", "sha", "data", "other"])
VALUES = st.one_of(
    st.sampled_from(["generate", "commit", "gen", ""]),
    st.sampled_from([0, 1, 100, 512, 1008, 1009, 2**31, 2**32 - 1, 2**32]),
    st.integers(0, 2000),
    st.sampled_from(
        [bytes(7), bytes(8), bytes(32), bytes(33), bytes(64), bytes(65), b"\x30\x82\x03\xec" + bytes(1004)]
    ),
    st.binary(max_size=1100),
    st.booleans() | st.none() | st.lists(st.integers(), max_size=3),
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=5).map(cbor2.dumps) | st.binary(max_size=60)
PIECES = st.fixed_dictionaries(
    {
        "off": st.sampled_from([0, 0, 1, 100, 1000, 1008]),
        "len": st.sampled_from([0, 1, 100, 1008, 1009, 1100, 2**32 - 1]),
        "sha": st.just(bytes(32)),
        "data": st.sampled_from([0, 1, 99, 100, 908, 1008, 1009, 1100]).map(bytes),
    }
).map(cbor2.dumps)
REQUESTS = st.one_of(
    st.tuples(st.integers(0, 8), st.sampled_from([0, 2]), BODIES, st.sampled_from([0, 1])),
    st.tuples(st.just(6), st.just(2), PIECES, st.just(1)),
)


@pytest.fixture(scope="module")
def busy_unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostUnit]:
    """One unit with a key for all examples."""
    with HostUnit(tmp_path_factory.mktemp("busy"), contents()) as host:
        assert Enrolled(host, SECRET).act("generate")["state"] == "key"
        yield host


@settings(max_examples=80, deadline=None)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=8))
def test_any_request_is_answered_and_tells_no_secret(busy_unit: HostUnit, requests: list[Any]) -> None:
    held = busy_unit.memory(KEYS, PAGE)
    secrets = [secret for secret in (held[8:40], held[0x40:0x60]) if any(secret) and secret != b"\xff" * 32]
    for command, op, body, version in requests:
        answer = busy_unit.ask_raw(OWN, command, op, body, version)
        assert isinstance(cbor2.loads(answer), dict)
        parts = [secret[at : at + 8] for secret in secrets for at in range(25)]
        assert not any(part in answer or part.hex().encode() in answer for part in parts)
    assert busy_unit.ask_raw(OWN, 4, 0, b"")


@settings(max_examples=60, deadline=None)
@given(
    noise=st.binary(max_size=PAGE),
    at=st.sampled_from([KEYS, KEYS + 0x40, CERTIFICATE_A, CERTIFICATE_B, IDENTITY]),
)
def test_any_flash_is_taken_for_what_it_is(noise: bytes, at: int) -> None:
    """Nothing in the identity pages makes the application read beyond them, or believe a key."""
    with tempfile.TemporaryDirectory() as folder, HostUnit(Path(folder), contents()) as host:
        host.poke(at, noise[: PAGE - (at % PAGE)])
        host.restart()
        asked = Enrolled(host, SECRET)
        state = asked.read()
        assert state["state"] in ("none", "secret", "done")
        assert (state["certs"], "pub" in state) == ([False, False], False)
        host.write((OWN, 7), nonce=NONCE)
        host.read((OWN, 6), off=0)


def test_a_certificate_of_another_hash_is_refused(unit: HostUnit) -> None:
    asked = Enrolled(unit, SECRET)
    der = certificate_for(bytes(asked.act("generate")["pub"]))
    answer = unit.write((OWN, 6), off=0, len=len(der), sha=bytes(32), data=der)
    assert error_of(answer) == CERTIFICATE_WRONG
    assert asked.write_certificate(der)["match"] is True


def test_a_certificate_is_read_to_its_end_and_no_further(unit: HostUnit) -> None:
    asked = Enrolled(unit, SECRET)
    der = certificate_for(bytes(asked.act("generate")["pub"]), padding=400)
    asked.write_certificate(der)
    for offset in (0, 1, 511, 512, len(der) - 1, len(der)):
        answer = unit.read((OWN, 6), off=offset)
        assert (answer["off"], answer["len"], answer["copy"]) == (offset, len(der), 0)
        assert answer["data"] == der[offset : offset + 512]
    for offset in (len(der) + 1, PAGE, 2**31, 2**32 - 1):
        assert unit.read((OWN, 6), off=offset) == {"rc": 3}


# --- Power --------------------------------------------------------------------------------------------------


class Enrolments(RuleBasedStateMachine):
    """Requests in any order, with cuts anywhere; what was shown once stays."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.unit = HostUnit(Path(self.folder.name), contents())
        self.asked = Enrolled(self.unit, SECRET)
        self.point: bytes | None = None
        self.sent: set[bytes] = set()
        self.held: bytes | None = None
        self.done = False

    def teardown(self) -> None:
        self.unit.__exit__()
        self.folder.cleanup()

    @initialize()
    def begin(self) -> None:
        assert self.asked.read()["state"] == "secret"

    @rule(operations=st.integers(1, 320), torn=st.booleans(), seed=st.integers(1, 2**31))
    def cut(self, operations: int, torn: bool, seed: int) -> None:
        self.unit.cut(operations, torn=torn, seed=seed)

    @rule()
    def restart(self) -> None:
        self.unit.restart()

    @rule()
    def generate(self) -> None:
        try:
            answer = self.asked.act("generate")
        except PowerCut:
            return
        assert answer["state"] in ("key", "cert", "done")

    @precondition(lambda self: self.point is not None)
    @rule(serial=st.integers(1, 3), padding=st.sampled_from([0, 60, 500]))
    def write_certificate(self, serial: int, padding: int) -> None:
        assert self.point is not None
        der = certificate(self.point, serial, padding)
        self.sent.add(der)
        try:
            answer = self.asked.write_certificate(der)
        except PowerCut:
            self.held = None
            return
        if self.done:
            assert error_of(answer) == FROZEN
        else:
            assert answer == {"off": len(der), "match": True}
            self.held = der

    @rule()
    def commit(self) -> None:
        try:
            answer = self.asked.act("commit")
        except PowerCut:
            return
        if answer.get("state") == "done":
            self.done = True
            assert self.unit.memory(KEYS + 8, 36) == bytes(36)

    @precondition(lambda self: self.point is not None)
    @rule(copy=st.sampled_from([CERTIFICATE_A, CERTIFICATE_B]), at=st.integers(0, 80))
    def damage_a_copy(self, copy: int, at: int) -> None:
        self.unit.restart()
        self.unit.poke(copy + 4 * at, bytes(4))
        self.unit.restart()

    @invariant()
    def one_identity(self) -> None:
        try:
            state = self.asked.read()
            point = state.get("pub")
            if self.point is not None:
                assert point == self.point, "a key that was shown is never replaced"
            self.point = point
            if self.done:
                assert state["state"] == "done"
            self.done = state["state"] == "done"
            assert state["certs"][0] == state["certs"][1], "one copy is repaired from the other at start"
            if state["certs"] == [True, True]:
                held = self.asked.read_certificate()
                assert held in self.sent, "a torn certificate is no certificate"
                assert self.held in (None, held)
            else:
                assert not self.done, "a committed unit keeps its certificate"
        except PowerCut:
            self.one_identity()


_CERTIFICATES: dict[tuple[bytes, int, int], bytes] = {}


def certificate(point: bytes, serial: int, padding: int) -> bytes:
    """The same bytes each time."""
    key = (point, serial, padding)
    return _CERTIFICATES.setdefault(key, certificate_for(point, serial=serial, padding=padding))


TestEnrolments = Enrolments.TestCase
TestEnrolments.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("torn", [False, True])
def test_two_cuts_in_a_row_at_every_word_of_a_key(tmp_path: Path, torn: bool) -> None:
    """The second while the unit cleans up what the first one left."""
    chosen = random.Random(8)
    for first in range(1, 27):
        folder = tmp_path / str(first)
        folder.mkdir()
        with HostUnit(folder, contents()) as host:
            asked = Enrolled(host, SECRET)
            shown: set[bytes] = set()
            for operations in (first, chosen.randrange(1, 50), 10_000):
                host.cut(operations, torn=torn, seed=chosen.randrange(1, 1 << 30))
                try:
                    shown.add(bytes(asked.act("generate")["pub"]))
                except PowerCut:
                    shown |= {bytes(p) for p in [asked.read().get("pub")] if p}
            assert len(shown) == 1, first
            assert len(asked.csr(NONCE)) > 200, "the probe's record is still there"


def test_more_cuts_than_there_are_records(unit: HostUnit) -> None:
    """The page is begun anew with the probe's record, and nothing is left of unfinished keys."""
    asked = Enrolled(unit, SECRET)
    for number in range(20):
        unit.cut(12 + number % 3, torn=bool(number % 2), seed=number + 1)
        with pytest.raises(PowerCut):
            asked.act("generate")
        assert asked.read()["state"] == "secret", number
    point = asked.act("generate")["pub"]
    page_now = unit.memory(KEYS, PAGE)
    assert page_now[:44] == enrolment_record(SECRET)
    records = [page_now[at : at + 0x64] for at in (0x40, *range(0x140, 0x3E0, 0x70))]
    used = [record for record in records if record.strip(b"\0\xff")]
    assert [b"\x04" + record[0x20:0x60] for record in used] == [point]
