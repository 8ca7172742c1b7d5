"""The application's parsers take what others write, refuse the rest, and never leave their buffers.

They run here under address and undefined-behaviour sanitizers; smp's own encoder and cbor2 are the judges.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cbor2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from smp import packet as smp_packet

from tests.secure_app_host import Host

LARGEST = 4096
BODIES = st.binary(min_size=1, max_size=700)
LINE_LENGTHS = st.integers(8, 200)
GARBAGE = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"\x06", b"\x06\x09", b"\x04\x14", b"\x06\x09AAAA", b"\x06\x09////", b"\n", b"=", b"\6\6"]
    ),
)
NAMES = st.sampled_from(["number", "flag", "bytes", "text", "other"])
KEYS = NAMES | st.integers() | st.binary(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers(0, 2**70) | st.binary(max_size=40) | st.text(max_size=20)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
KINDS = {"number": int, "flag": bool, "bytes": bytes, "text": str}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with Host(tmp_path_factory.mktemp("host")) as process:
        yield process


def encoded(body: bytes, line_length: int = 127) -> bytes:
    return b"".join(smp_packet.encode(body, line_length))


@settings(max_examples=150, deadline=None)
@given(bodies=st.lists(BODIES, max_size=4), line_length=LINE_LENGTHS, noise=st.binary(max_size=40))
def test_frames_of_others_are_understood(
    host: Host, bodies: list[bytes], line_length: int, noise: bytes
) -> None:
    noise = noise.translate(None, b"\x06\x04")
    stream = b"".join(noise + b"\n" + encoded(body, line_length) for body in bodies)
    assert host.frames(stream) == bodies


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=2000))
@example(bytes(89))
@example(bytes(88))
@example(bytes(90))
@example(bytes(93))
def test_frames_of_ours_are_understood(host: Host, body: bytes) -> None:
    sent = host.encode(body)
    lines = sent.splitlines(keepends=True)
    assert all(len(line) <= 127 and line.endswith(b"\n") for line in lines)
    decoder = smp_packet.decode()
    next(decoder)
    for line in lines[:-1]:
        decoder.send(line)
    with pytest.raises(StopIteration) as done:
        decoder.send(lines[-1])
    assert done.value.value == body


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(GARBAGE, max_size=20), body=BODIES)
def test_garbage_makes_no_packets_and_hides_none(host: Host, pieces: list[bytes], body: bytes) -> None:
    found = host.frames(b"".join(pieces) + encoded(body))
    assert found[-1:] == [body]


@settings(max_examples=200, deadline=None)
@given(body=BODIES, data=st.data())
def test_damaged_frames_are_dropped(host: Host, body: bytes, data: st.DataObject) -> None:
    stream = bytearray(encoded(body))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= data.draw(st.integers(1, 255))
    assert host.frames(bytes(stream)) in ([], [body])  # the same only where it was no more than a line's end


@pytest.mark.parametrize("size", [LARGEST, LARGEST + 1, 60000])
def test_a_frame_larger_than_the_buffer_is_dropped(host: Host, size: int) -> None:
    body = bytes(size)
    found = host.frames(encoded(body) + encoded(b"next"))
    assert found == ([body, b"next"] if size <= LARGEST else [b"next"])


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_length_that_leaves_no_packet_is_dropped(host: Host, length: int) -> None:
    import base64

    frame = b"\x06\x09" + base64.b64encode(struct.pack(">H", length) + bytes(4)) + b"\n"
    assert host.frames(frame + encoded(b"next")) == [b"next"]


def test_a_frame_cut_short_is_forgotten_when_the_next_begins(host: Host) -> None:
    long, short = encoded(bytes(400)), encoded(b"short")
    for cut in range(len(long) - 2):
        assert host.frames(long[:cut] + short) == [b"short"]


def model(raw: bytes) -> dict[str, object] | None:
    """What the fields are, by cbor2; None where the application has to refuse."""
    try:
        read = cbor2.loads(raw)
    except (cbor2.CBORDecodeError, ValueError):
        return None
    found = {}
    for name, kind in KINDS.items():
        value = read.get(name)
        if value is None:
            continue
        if type(value) is not kind or (isinstance(value, int) and not 0 <= value < 2**32):
            return None
        found[name] = value
    return found


def depth(value: object) -> int:
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max((depth(item) for item in inner), default=0)


@settings(max_examples=500, deadline=None)
@given(content=st.dictionaries(KEYS, VALUES, max_size=6))
@example({"number": 2**32})
@example({"number": 2**32 - 1})
@example({"flag": 1})
@example({"number": -1})
@example({"other": [[[[[[[]]]]]]]})
def test_maps_are_read_as_cbor2_reads_them(host: Host, content: dict[object, object]) -> None:
    raw = cbor2.dumps(content)
    expected = model(raw)
    found = host.read_map(raw)
    if found is None and max((depth(value) for value in content.values()), default=0) > 4:
        return  # deeper than the application looks
    assert found == expected


@settings(max_examples=500, deadline=None)
@given(raw=st.binary(max_size=60))
@example(b"\xa1\x66number\x1a\xff\xff\xff")
@example(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff")
@example(b"\xa1\x65bytes\x5b\xff\xff\xff\xff\xff\xff\xff\xff")
@example(b"\xa1\x65other\x9a\x7f\xff\xff\xff" + bytes(20))
@example(b"\xa1\x65other" + b"\x81" * 50)
@example(b"\xbf\x66number\x01")
def test_any_bytes_are_read_or_refused(host: Host, raw: bytes) -> None:
    found = host.read_map(raw)
    if found is not None and raw:
        assert raw[0] >> 5 == 5, "only a map is a map"


@settings(max_examples=300, deadline=None)
@given(content=st.dictionaries(st.sampled_from(list(KINDS)), LEAVES, min_size=1), data=st.data())
def test_maps_cut_short_or_with_a_tail_are_refused(
    host: Host, content: dict[str, object], data: st.DataObject
) -> None:
    raw = cbor2.dumps(content)
    assert host.read_map(raw[: data.draw(st.integers(1, len(raw) - 1))]) is None
    assert host.read_map(raw + b"\x00") is None


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"", {}),
        (b"\xa0", {}),
        (b"\xbf\xff", {}),
        (b"\xbf\x66number\x07\xff", {"number": 7}),
        (b"\xa1\x66number\x1b\x00\x00\x00\x00\x00\x00\x00\x07", {"number": 7}),
        (b"\xa2\x66number\x07\x66number\x07", None),
        (b"\xa1\x64text\x7f\x61a\xff", None),
        (b"\xa1\x66number\xc1\x07", None),
        (b"\xa1\x65other\xc1\x07", {}),
        (b"\x80", None),
        (b"\xa1\x66number\x07\x00", None),
    ],
)
def test_forms_of_maps(host: Host, raw: bytes, fields: dict[str, object] | None) -> None:
    assert host.read_map(raw) == fields


@settings(max_examples=300, deadline=None)
@given(head=st.binary(min_size=0, max_size=8), body=st.binary(max_size=100))
def test_any_packet_is_answered_or_passed_over(host: Host, head: bytes, body: bytes) -> None:
    request = head + body
    answers = host.frames(host.answer(request))
    if len(request) < 8 or request[0] & 7 not in (0, 2):
        assert answers == []
        return
    (answer,) = answers
    assert answer[0] & 7 == (request[0] & 7) + 1
    assert answer[4:8] == request[4:8]
    assert struct.unpack(">H", answer[2:4])[0] == len(answer) - 8
    assert isinstance(cbor2.loads(answer[8:]), dict)


def ask(host: Host, op: int, group: int, command: int, body: bytes, version: int = 1) -> object:
    head = struct.pack("!BBHHBB", op | version << 3, 0, len(body), group, 7, command)
    (answer,) = host.frames(host.answer(head + body))
    return cbor2.loads(answer[8:])


def test_what_does_not_exist_is_not_supported(host: Host) -> None:
    for version in (0, 1):
        for op, group, command in [(0, 0, 99), (2, 0, 6), (0, 2, 0), (2, 65535, 0)]:
            assert ask(host, op, group, command, b"\xa0", version) == {"rc": 8}


def test_newer_versions_are_told_so(host: Host) -> None:
    for version in (2, 3):
        head = struct.pack("!BBHHBB", version << 3, 0, 1, 0, 7, 6)
        (answer,) = host.frames(host.answer(head + b"\xa0"))
        assert answer[0] >> 3 & 3 == 1
        assert cbor2.loads(answer[8:]) == {"rc": 13}


def test_a_header_whose_length_lies_is_refused(host: Host) -> None:
    for length in (0, 2, 65535):
        (answer,) = host.frames(host.answer(struct.pack("!BBHHBB", 8, 0, length, 0, 7, 6) + b"\xa0"))
        assert cbor2.loads(answer[8:]) == {"rc": 3}


def test_errors_of_a_group_are_told_as_each_version_does(host: Host) -> None:
    body = cbor2.dumps({"format": "%"})
    assert ask(host, 0, 0, 7, body, 1) == {"err": {"group": 0, "rc": 2}}
    assert ask(host, 0, 0, 7, body, 0) == {"rc": 3}
