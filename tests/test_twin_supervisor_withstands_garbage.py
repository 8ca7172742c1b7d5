"""Nothing that a client says, does not say, or does not take ends a twin, or keeps others from it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin_lab import LIMIT_S, pids, twin_in, wait_until
from workbench.virtual.protocol import MAX_LINE, Client, Refused, SupervisorGone, socket_path
from workbench.virtual.supervisor import DAP_OPS, Supervisor
from workbench.virtual.twins import Twin

OPERATIONS = sorted(name[4:] for name in dir(Supervisor) if name.startswith("_op_"))
CTRL_STAT, SELECT, CSW, TAR, DRW = 0x4, 0x8, 0x0, 0x4, 0xC
POWER_UP = [["wdp", CTRL_STAT, 0x50000000], ["wdp", SELECT, 0], ["wap", CSW, 0x23000052]]


@pytest.fixture(scope="module")
def board() -> Iterator[Twin]:
    """One powered twin for all tests of this file: that it lives through them is what they prove."""
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_RUNTIME", str(folder))
        with twin_in(folder) as twin:
            supervisor = pids(twin)["supervisor"]
            yield twin
            assert pids(twin)["supervisor"] == supervisor, "the same process has served all of them"
    shutil.rmtree(folder)


def connect(twin: Twin) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(LIMIT_S)
    sock.connect(str(socket_path(twin.probe_uid)))
    return sock


def works(twin: Twin) -> None:
    """A good client gets the probe and reads the chip."""
    with Client(socket_path(twin.probe_uid)) as client:
        client.ask("open")
        answer = client.ask("dap", ops=[*POWER_UP, ["wap", TAR, 0x10000010], ["rap", DRW]])
        assert answer["values"][-1] == 0x400, answer
        client.ask("close")


def say(twin: Twin, line: bytes) -> dict[str, Any] | None:
    """Answer to one line, or None when the connection was closed."""
    with connect(twin) as sock:
        try:
            sock.sendall(line + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                data = sock.recv(1 << 16)
                if not data:
                    return None
                answer += data
        except (BrokenPipeError, ConnectionResetError):
            return None
        found: dict[str, Any] = json.loads(answer)
        return found


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
harmless = st.sampled_from([name for name in OPERATIONS if name != "off"])
names = st.one_of(harmless, harmless.map(lambda n: n.replace("_", "-")), st.text(max_size=12), anything)
requests = st.fixed_dictionaries(
    {"op": names},
    optional=dict.fromkeys(
        ["after_operations", "mode", "seed", "ops", "asserted", "connection", "self"], anything
    ),
).filter(lambda request: request["op"] != "off")


@given(line=st.binary(max_size=200).map(lambda raw: raw.replace(b"\n", b" ")))
@settings(max_examples=100, deadline=None)
def test_random_bytes(board: Twin, line: bytes) -> None:
    answer = say(board, line)
    assert answer is not None
    assert answer["kind"] == "bad-request"


@given(value=anything)
@settings(max_examples=60, deadline=None)
def test_random_json(board: Twin, value: object) -> None:
    answer = say(board, json.dumps(value).encode("ascii"))
    assert answer is not None
    assert answer["kind"] == "bad-request"


@given(request=requests)
@settings(max_examples=150, deadline=None)
def test_random_requests(board: Twin, request: dict[str, Any]) -> None:
    answer = say(board, json.dumps(request).encode("ascii"))
    assert answer is not None
    assert answer.get("kind") != "defect", answer


dap_names = st.sampled_from([*DAP_OPS, "reset", "", "__init__"])
dap_arguments = st.lists(st.integers(-5, 300) | st.integers() | anything, max_size=3)
dap_operations = st.builds(lambda name, arguments: [name, *arguments], dap_names, dap_arguments)


@given(operations=st.lists(dap_operations | anything, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_random_debug_port_operations(board: Twin, operations: list[Any]) -> None:
    with Client(socket_path(board.probe_uid)) as client:
        client.ask("open")
        with contextlib.suppress(Refused):
            client.ask("dap", ops=operations)
        assert client.ask("status")["machine"] == "microbit"


@pytest.mark.parametrize(
    "operation",
    [
        ["rap"],
        ["rap", "12"],
        ["rap", 12, 1],
        ["rapm", 12, 0],
        ["rapm", 12, 10**9],
        ["wap", 4, 1 << 32],
        ["wap", 4, -1],
        ["wap", 4, 1.5],
        ["wapm", 12, []],
        ["wapm", 12, [1, "2"]],
        ["wdp", None, 1],
        ["read_dp", 0],
        [[], 0],
        [],
        {},
    ],
)
def test_wrong_operations_are_refused_and_a_good_client_follows(board: Twin, operation: Any) -> None:
    with Client(socket_path(board.probe_uid)) as client:
        client.ask("open")
        with pytest.raises(Refused) as refused:
            client.ask("dap", ops=[["rdp", 0], operation])
        assert refused.value.kind == "bad-request"
    works(board)


def test_only_operations_are_reachable(board: Twin) -> None:
    assert OPERATIONS == [
        "arm_cut",
        "assert_reset",
        "close",
        "count",
        "dap",
        "off",
        "open",
        "reset",
        "status",
    ]
    for name in ["serve", "_drop", "board", "__class__", "tick", "revive", "_op_off", "_op_status"]:
        answer = say(board, json.dumps({"op": name}).encode("ascii"))
        assert answer is not None
        assert answer["kind"] == "bad-request", name


@pytest.mark.parametrize("op", ["dap", "reset", "assert-reset"])
def test_who_has_not_opened_the_probe_cannot_use_it(board: Twin, op: str) -> None:
    known: dict[str, dict[str, Any]] = {"dap": {"ops": []}, "assert-reset": {"asserted": True}}
    arguments = known.get(op, {})
    with Client(socket_path(board.probe_uid)) as client, pytest.raises(Refused) as refused:
        client.ask(op, **arguments)
    assert refused.value.kind == "busy"


def test_deeply_nested_json(board: Twin) -> None:
    for line in (b"[" * 100000, b'{"op":' * 100000, b"1" * 100000):
        answer = say(board, line)
        assert answer is not None
        assert answer["kind"] == "bad-request"


def test_a_line_without_end_drops_its_client_only(board: Twin) -> None:
    with Client(socket_path(board.probe_uid)) as other:
        other.ask("open")
        with connect(board) as sock, pytest.raises((BrokenPipeError, ConnectionResetError)):
            sock.sendall(b"x" * 2 * MAX_LINE)
        assert other.ask("dap", ops=[["rdp", 0]])["values"] == [0x0BB11477]


def test_a_client_that_vanishes_frees_the_probe(board: Twin) -> None:
    for line in (b"", b'{"op": "dap", "ops": [["r'):
        sock = connect(board)
        sock.sendall(b'{"op": "open"}\n')
        assert json.loads(sock.recv(100)) == {"ok": None}
        sock.sendall(line)
        sock.close()
        wait_until(lambda: free(board), "the probe to be free")


def free(twin: Twin) -> bool:
    with Client(socket_path(twin.probe_uid)) as client:
        try:
            client.ask("open")
        except Refused:
            return False
        return True


def test_a_client_that_takes_no_answers_holds_up_nobody(board: Twin) -> None:
    slow = connect(board)
    slow.settimeout(0.2)
    request = b'{"op": "status"}\n' * 1000
    with contextlib.suppress(TimeoutError):
        while True:
            slow.sendall(request)
    started = time.monotonic()
    works(board)
    assert time.monotonic() - started < 2
    # it is served again as soon as it takes its answers
    slow.settimeout(LIMIT_S)
    assert slow.recv(10) == b'{"ok": {"m'
    slow.close()
    works(board)


def test_many_clients_that_say_nothing(board: Twin) -> None:
    idle = []
    for _ in range(100):
        with contextlib.suppress(OSError):
            idle.append(connect(board))
    for sock in idle:
        sock.close()
    works(board)


def test_power_off_while_a_client_has_the_probe(twin: Twin) -> None:
    with Client(socket_path(twin.probe_uid)) as client:
        client.ask("open")
        twin.power.off()
        with pytest.raises(SupervisorGone):
            client.ask("dap", ops=[["rdp", 0]])
    assert twin.power.on() is None


def test_nothing_is_left_open_or_unreaped_where_a_twin_was_switched(twin: Twin) -> None:
    def mine() -> tuple[int, list[int]]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(os.listdir("/proc/self/fd")), [int(child) for child in children]

    before = mine()
    for _ in range(3):
        twin.power.cycle()
    assert mine() == before
