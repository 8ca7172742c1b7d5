"""A session's answers, commands and lists: whatever arrives is what it must be, or is refused."""

from __future__ import annotations

import struct

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.tpm_session_lab import HANDLE, plain_command, played
from workbench.wires.tpm import messages as m
from workbench.wires.tpm.errors import TpmAnswerForged, TpmAnswerInvalid, TpmValueInvalid
from workbench.wires.tpm.names import Names
from workbench.wires.tpm.nv import read_area
from workbench.wires.tpm.salt import close_salt
from workbench.wires.tpm.session import Use
from workbench.wires.tpm.state import numbers_of, selected

GET_RANDOM, CHANGE_AUTH, CLEAR, OWNER, LOCKOUT, PLATFORM = (
    0x17B,
    m.CC_CHANGE_AUTH,
    m.CC_CLEAR,
    0x40000001,
    0x4000000A,
    0x4000000C,
)
RANDOM = plain_command(GET_RANDOM, (), b"\0\x10")
GIVEN = m.with_size(b"sixteen bytes...")
NAMES = Names()
GARBAGE = st.binary(max_size=300)


def test_an_answer_is_opened() -> None:
    session, tpm = played()
    for _ in range(3):
        sent = session.wrap(RANDOM, Use(encrypt=True), NAMES.of)
        assert session.unwrap(tpm.answer(sent, GIVEN))[10:] == GIVEN


@given(st.data())
def test_no_changed_bit_of_an_answer_passes(data: st.DataObject) -> None:
    session, tpm = played()
    answer = bytearray(tpm.answer(session.wrap(RANDOM, Use(encrypt=True), NAMES.of), GIVEN))
    at = data.draw(st.integers(0, len(answer) - 1).filter(lambda n: not 6 <= n < 10))
    answer[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TpmAnswerForged):
        session.unwrap(bytes(answer))


@given(GARBAGE)
def test_no_other_bytes_pass_for_an_answer(garbage: bytes) -> None:
    session, _ = played()
    session.wrap(RANDOM, Use(encrypt=True), NAMES.of)
    head = struct.pack(">HII", m.SESSIONS, 10 + len(garbage), 0)
    with pytest.raises(TpmAnswerForged):
        session.unwrap(head + garbage)


def test_an_answer_counts_once() -> None:
    session, tpm = played()
    answer = tpm.answer(session.wrap(RANDOM, Use(encrypt=True), NAMES.of), GIVEN)
    session.unwrap(answer)
    with pytest.raises(TpmAnswerForged, match="no command"):
        session.unwrap(answer)


@pytest.mark.parametrize("attributes", [0x01, 0x40, 0x43, 0xC1, 0x61])
def test_the_tpm_does_not_change_what_the_session_is_for(attributes: int) -> None:
    session, tpm = played()
    sent = session.wrap(RANDOM, Use(encrypt=True), NAMES.of)
    with pytest.raises(TpmAnswerForged):
        session.unwrap(tpm.answer(sent, GIVEN, attributes=attributes))


def test_only_an_audit_may_be_exclusive() -> None:
    session, tpm = played()
    sent = session.wrap(plain_command(0x181, (), b""), Use(audit=True), NAMES.of)
    assert session.unwrap(tpm.answer(sent, b"clock", attributes=0x83))[10:] == b"clock"


def test_a_changed_authorization_answers_for_itself() -> None:
    session, tpm = played()
    command = plain_command(CHANGE_AUTH, (OWNER,), m.with_size(b"new\0\0"), b"old")
    session.unwrap(
        tpm.answer(session.wrap(command, Use(authorizes=True, decrypt=True), NAMES.of), b"", secret=b"new")
    )
    sent = session.wrap(command, Use(authorizes=True, decrypt=True), NAMES.of)
    with pytest.raises(TpmAnswerForged):
        session.unwrap(tpm.answer(sent, b"", secret=b"old"))


@pytest.mark.parametrize(("by", "after"), [(LOCKOUT, b""), (PLATFORM, b"auth")])
def test_clear_empties_the_lockout_authorization_only(by: int, after: bytes) -> None:
    session, tpm = played()
    sent = session.wrap(plain_command(CLEAR, (by,), b"", b"auth"), Use(authorizes=True), NAMES.of)
    session.unwrap(tpm.answer(sent, b"", secret=after))


def test_passwords_and_first_parameters_do_not_cross_the_wire() -> None:
    session, _ = played()
    command = plain_command(CHANGE_AUTH, (OWNER,), m.with_size(b"the new one"), b"the old one")
    sent = session.wrap(command, Use(authorizes=True, decrypt=True), NAMES.of)
    assert b"the old one" not in sent
    assert b"the new one" not in sent
    assert HANDLE.to_bytes(4, "big") in sent


def test_what_cannot_go_in_a_session_does_not_go() -> None:
    session, _ = played()
    for command in (plain_command(0x144, (), b"\0\0"), RANDOM[:-1], b""):
        with pytest.raises(ValueError, match=r"known|ends"):
            session.wrap(command, Use(), NAMES.of)
    with pytest.raises(ValueError, match="no authorization"):
        session.wrap(RANDOM, Use(authorizes=True), NAMES.of)
    with pytest.raises(TpmValueInvalid, match="nothing is known"):
        session.wrap(plain_command(0x173, (0x81000001,), b""), Use(encrypt=True), NAMES.of)


def test_a_session_that_ended_knows_no_key() -> None:
    session, tpm = played()
    session.end()
    answer = tpm.answer(session.wrap(RANDOM, Use(encrypt=True), NAMES.of), GIVEN)
    with pytest.raises(TpmAnswerForged):
        session.unwrap(answer)


@given(GARBAGE, st.sampled_from(sorted(m.HANDLES)), st.sampled_from([m.PLAIN, m.SESSIONS]))
def test_commands_are_taken_apart_whole_or_not_at_all(body: bytes, code: int, tag: int) -> None:
    raw = struct.pack(">HII", tag, 10 + len(body), code) + body
    try:
        command = m.parse_command(raw)
    except ValueError:
        return
    if command.auths:
        assert command.build(command.auths, command.parameters) == raw


@given(GARBAGE, st.sampled_from(sorted(m.HANDLES)), st.integers(0, 3))
def test_answers_are_taken_apart_whole_or_not_at_all(body: bytes, code: int, sessions: int) -> None:
    command = m.Command(code, (), (), b"")
    raw = struct.pack(">HII", m.SESSIONS if sessions else m.PLAIN, 10 + len(body), 0) + body
    try:
        answer = m.parse_answer(raw, command, sessions=sessions)
    except ValueError:
        return
    assert answer.build(answer.auths, answer.parameters) == raw


@given(GARBAGE, GARBAGE, st.sampled_from(sorted(m.HANDLES)))
def test_names_are_learned_from_anything(body: bytes, told: bytes, code: int) -> None:
    names = Names()
    names.learn(
        struct.pack(">HII", m.PLAIN, 10 + len(body), code) + body,
        struct.pack(">HII", m.PLAIN, 10 + len(told), 0) + told,
    )


@given(GARBAGE)
def test_lists_selections_and_areas_are_bounded(data: bytes) -> None:
    for read in (lambda: numbers_of(data, 6, 2), lambda: selected(data, 11), lambda: read_area(data)):
        try:
            read()
        except TpmAnswerInvalid:
            continue
    assume(len(data) > 4)
    with pytest.raises(ValueError, match=r"key|area"):
        close_salt(data[:2] + b"\0\x0b" + data[4:])


@given(st.lists(st.integers(0, 2**32 - 1), max_size=40))
def test_lists_are_read_as_they_were_written(numbers: list[int]) -> None:
    data = struct.pack(f">II{len(numbers)}I", 1, len(numbers), *numbers)
    assert numbers_of(data, 1, 1) == tuple(numbers)


@given(st.dictionaries(st.integers(0, 0xFFFF), st.sets(st.integers(0, 31)), max_size=6))
def test_selections_are_read_as_they_were_written(banks: dict[int, set[int]]) -> None:
    data = len(banks).to_bytes(4, "big")
    for bank, numbers in banks.items():
        data += struct.pack(">HB", bank, 4) + sum(1 << n for n in numbers).to_bytes(4, "little")
    for bank, numbers in banks.items():
        assert selected(data, bank) == sorted(numbers)
