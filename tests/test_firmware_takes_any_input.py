"""Whatever bytes arrive, in whatever pieces, the sample answers as a ten-line model of it does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.firmware_emulator import Emulator

COMMANDS = {b"?id", b"?build", b"?reset", b"?crash"}

PIECES = st.one_of(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"?", b"\x00", b"\x1b[2J", b"x" * 255, b"y" * 257]),
    st.binary(max_size=40),
)


@pytest.fixture(scope="module", params=["hello-microbit", "hello-mps2"])
def board(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """One board for all examples: what one leaves behind would show in the next."""
    with Emulator(request.param) as emulator:
        emulator.read_until(b"\r\n")
        yield emulator


def model(lines: list[bytes]) -> bytes:
    """What the sample has to answer to these lines."""
    return b"".join(
        b"echo: " + line + b"\r\n" if len(line) <= 256 else b"error: line longer than 256 bytes\r\n"
        for line in lines
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=30))
def test_answers_are_those_of_the_model(board: Emulator, pieces: list[bytes]) -> None:
    stream = b"".join(pieces) + b"\nthe end\n"
    lines = re.split(rb"\r\n|\r|\n", stream)[:-1]
    assume(not COMMANDS.intersection(lines) and lines.count(b"the end") == 1)
    for piece in pieces:
        board.send(piece)
    board.send(b"\nthe end\n")
    assert board.read_until(b"echo: the end\r\n") == model(lines)
