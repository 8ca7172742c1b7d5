"""A TPM that hangs, vanishes or talks nonsense ends a command in a bounded time, with a clear error."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tpm_lab import BareTpm, Change, bare_tpm, interposed, make_ek, needs_swtpm
from workbench.boards.tcti import parse_tcti
from workbench.errors import WorkbenchError
from workbench.wires.tpm import open_tpm
from workbench.wires.tpm import tpm as module
from workbench.wires.tpm.errors import TpmAnswerInvalid, TpmError, TpmUnreachable, TpmValueInvalid
from workbench.wires.tpm.transports import Descriptors, answer_size, open_transport

pytestmark = needs_swtpm
LIMIT_S = 0.3
AMPLE_S = 20.0


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as tpm:
        with open_tpm(tpm.tcti) as first:
            first.startup()
        yield tpm


def outcome(tcti: str) -> WorkbenchError:
    """What comes of using it, within ample time."""
    began = time.monotonic()
    with pytest.raises(TpmError) as caught, open_tpm(tcti, timeout_s=LIMIT_S) as tpm:
        make_ek(tpm, "L-2")
    assert time.monotonic() - began < AMPLE_S
    return caught.value


def only_create_primary(answer: bytes | None) -> Change:
    """Leaves everything alone but the answer to CreatePrimary."""
    last = [0]

    def change(kind: str, message: bytes) -> bytes | None:
        if kind == "command":
            last[0] = int.from_bytes(message[6:10], "big")
        return answer if kind == "answer" and last[0] == 0x131 else message

    return change


def test_a_tpm_that_stops_answering(bare: BareTpm) -> None:
    with interposed(bare, only_create_primary(None)) as between:
        found = outcome(between.tcti)
    assert isinstance(found, TpmUnreachable)
    assert "did not answer in time" in found.what
    assert found.blame == "station"


def test_a_tpm_that_stops_in_the_middle_of_an_answer(bare: BareTpm) -> None:
    with interposed(bare, only_create_primary(bytes.fromhex("80020000010000"))) as between:
        assert isinstance(outcome(between.tcti), TpmUnreachable)


def test_an_answer_that_announces_too_much(bare: BareTpm) -> None:
    with interposed(bare, only_create_primary(struct.pack(">HII", 0x8002, 1 << 30, 0))) as between:
        found = outcome(between.tcti)
    assert isinstance(found, TpmAnswerInvalid)
    assert "1073741824" in found.what


def test_a_tpm_that_loses_power_in_the_middle(bare: BareTpm) -> None:
    with open_tpm(bare.tcti, timeout_s=LIMIT_S) as tpm:
        bare.off()
        with pytest.raises(TpmUnreachable, match="gone"):
            tpm.clock()
        with pytest.raises(TpmUnreachable, match="gone"):
            tpm.clock()  # and stays so: command and answer would be out of step


def test_a_tpm_that_is_not_there(tmp_path: Path) -> None:
    for tcti in (f"swtpm:path={tmp_path}/none", "swtpm:port=1", f"device:{tmp_path}/tpm", "mssim:port=1"):
        found = outcome(tcti)
        assert isinstance(found, TpmUnreachable), tcti
        assert found.action


def test_a_tpm_that_takes_no_command() -> None:
    """Its socket is full."""
    ours, theirs = socket.socketpair()
    with theirs:
        fd = ours.detach()
        line = Descriptors("a full line", fd, fd)
        with pytest.raises(TpmUnreachable, match="did not take a command"):
            line.send(bytes(1 << 24), time.monotonic() + LIMIT_S)
        line.close()


@given(st.binary(min_size=10, max_size=200))
def test_any_header_gives_a_size_or_an_error(data: bytes) -> None:
    try:
        size = answer_size(data)
    except TpmAnswerInvalid:
        return
    assert 10 <= size <= 4096
    assert size == int.from_bytes(data[2:6], "big")


@given(
    body=st.binary(max_size=120),
    tag=st.sampled_from([0x8001, 0x8002, 0x00C4, 0]),
    rc=st.sampled_from([0, 0x101]),
)
def test_any_answer_ends_in_an_error_of_ours(body: bytes, tag: int, rc: int) -> None:
    """Nonsense with a right size, as the answer to every command."""
    answer = struct.pack(">HII", tag, 10 + len(body), rc) + body
    ours, theirs = socket.socketpair()

    def serve() -> None:
        while theirs.recv(4096):
            theirs.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            fd = ours.detach()
            patch.setattr(module, "open_transport", lambda *_: Descriptors("nonsense", fd, fd))
            with contextlib.suppress(WorkbenchError), open_tpm("swtpm:path=/n", timeout_s=5) as connected:
                connected.properties()
    finally:
        thread.join(AMPLE_S)
        theirs.close()
    assert not thread.is_alive()


def test_values_that_no_tpm_takes_are_not_sent(bare: BareTpm) -> None:
    with open_tpm(bare.tcti) as tpm:
        key = make_ek(tpm, "L-2").handle
        before = tpm.spent.commands
        for act in (
            lambda: tpm.sign(key, bytes(300)),
            lambda: tpm.certify(key, key, bytes(100), None),
            lambda: tpm.nv_define(0x01500001, 70000, 6, hierarchy=0x40000001),  # type: ignore[arg-type]
            lambda: tpm.random(70000),
            lambda: tpm.pcr_extend(99, {0x000B: bytes(32)}),
            lambda: tpm.pcr_extend(16, {0x000B: bytes(31)}),
            lambda: tpm.quote(key, b"", {0x0099: [1]}),
            lambda: tpm.quote(key, b"", {0x000B: [40]}),
            lambda: tpm.use_auth(0x40000001, bytes(100)),  # type: ignore[arg-type]
        ):
            with pytest.raises(TpmValueInvalid):
                act()
        assert tpm.spent.commands == before


def test_transports_close_twice(bare: BareTpm) -> None:
    line = open_transport(parse_tcti(bare.tcti), 1)
    line.close()
    line.close()
