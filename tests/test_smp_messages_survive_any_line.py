"""SMP messages are found on a line whatever else is on it, and nothing that is damaged passes for one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp import packet
from smp.header import OP, Header

from workbench.errors import InputError
from workbench.wires.smp import transport_for
from workbench.wires.smp_errors import SmpGarbled, error_name
from workbench.wires.smp_framing import ConsoleFraming, RawFraming
from workbench.wires.smp_message import Answer, Op, Request, decode

messages = st.binary(min_size=1, max_size=600)
noise = st.binary(max_size=80).filter(lambda data: not set(data) & {4, 6, 10})


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    out, at = [], 0
    for size in sizes:
        out.append(data[at : at + size])
        at += size
    return [*out, data[at:]]


@given(st.lists(messages, max_size=5), st.lists(st.integers(1, 50), max_size=20))
def test_console_messages_come_back_in_any_pieces(sent: list[bytes], sizes: list[int]) -> None:
    line = b"".join(ConsoleFraming().encode(message) for message in sent)
    framing = ConsoleFraming()
    assert [m for part in chunks(line, sizes) for m in framing.feed(part)] == sent


@given(messages)
def test_console_framing_is_that_of_the_smp_library(message: bytes) -> None:
    decoder = packet.decode()
    next(decoder)
    *lines, last = ConsoleFraming().encode(message).splitlines(keepends=True)
    assert all(len(line) <= 127 for line in (*lines, last))
    for line in lines:
        decoder.send(line)
    with pytest.raises(StopIteration) as done:
        decoder.send(last)
    assert done.value.value == message


@given(messages, noise, noise)
def test_text_between_messages_is_the_boards(message: bytes, before: bytes, after: bytes) -> None:
    heard = bytearray()
    framing = ConsoleFraming(heard.extend)
    line = before + ConsoleFraming().encode(message) + after + b"\n"
    assert framing.feed(line) == [message]
    assert bytes(heard) == before + after + b"\n"


@given(messages, st.data())
def test_a_damaged_message_is_dropped_and_the_next_one_found(message: bytes, data: st.DataObject) -> None:
    line = bytearray(ConsoleFraming().encode(message))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))
    framing = ConsoleFraming()
    found = framing.feed(bytes(line) + b"\n" + ConsoleFraming().encode(b"next"))
    assert found[-1:] == [b"next"]
    assert all(m in (message, b"next") for m in found)


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_framings_survive_anything(parts: list[bytes]) -> None:
    for framing in (ConsoleFraming(), RawFraming()):
        for part in parts:
            for message in framing.feed(part):
                assert isinstance(message, bytes)


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.binary(max_size=40), max_size=5))
def test_raw_messages_come_back(body: dict[str, object]) -> None:
    message = bytearray(Request("x", Op.WRITE, 1, 1, body).encode(7))
    message[0] = (message[0] & ~7) | Op.WRITE_ANSWER
    framing = RawFraming()
    assert [m for part in chunks(bytes(message) * 3, [3, 9, 11]) for m in framing.feed(part)] == [
        bytes(message)
    ] * 3


@given(st.binary(max_size=200))
def test_answers_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(SmpGarbled):
        assert isinstance(decode(data), Answer)


@given(st.binary(max_size=60))
def test_maps_are_read_or_refused(body: bytes) -> None:
    message = bytes([0x0B, 0, 0, len(body), 0, 1, 9, 1]) + body
    with contextlib.suppress(SmpGarbled):
        assert isinstance(decode(message).body, dict)


def test_requests_are_those_of_the_smp_library() -> None:
    header = Header.loads(Request("x", Op.WRITE, 1, 1, {"off": 1}).encode(200)[:8])
    assert (header.op, header.group_id, header.command_id, header.sequence) == (OP.WRITE, 1, 1, 200)
    assert header.length == 6


@pytest.mark.parametrize(
    ("body", "group", "rc"),
    [({"rc": 10}, None, 10), ({"err": {"group": 1, "rc": 28}}, 1, 28), ({"rc": 8, "rsn": "no"}, None, 8)],
)
def test_both_versions_of_errors_are_understood(body: dict[str, object], group: int | None, rc: int) -> None:
    found = Answer(Op.WRITE_ANSWER, 1, 0, 1, body).refusal("it")
    assert found is not None
    assert (found.group, found.rc) == (group, rc)


@pytest.mark.parametrize(
    "body", [{}, {"rc": 0}, {"off": 3, "rc": 0}, {"err": 3}, {"err": {"group": 1, "rc": 0}}]
)
def test_what_is_no_error_is_none(body: dict[str, object]) -> None:
    assert Answer(Op.WRITE_ANSWER, 1, 0, 1, body).refusal("it") is None


def test_error_numbers_have_their_names() -> None:
    assert error_name(None, 8) == "ENOTSUP"
    assert error_name(1, 27) == "CURRENT_VERSION_IS_NEWER"
    assert error_name(64, 3) == "CONSENT_NEEDED"
    assert error_name(99, 3) == "error 3 of group 99"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, "/dev/x"),
        ("serial", "/dev/x"),
        ("smp+raw:", "smp+raw:/dev/x"),
        ("smp+raw:/dev/y", "smp+raw:/dev/y"),
        ("smp+udp://h:1", "smp+udp://h:1"),
        ("socket://h:1", "socket://h:1"),
    ],
)
def test_transports_have_their_forms(given: str | None, meant: str) -> None:
    assert transport_for(given, lambda: "/dev/x") == meant


def test_what_is_no_transport_is_refused() -> None:
    with pytest.raises(InputError):
        transport_for("udp", lambda: "/dev/x")
