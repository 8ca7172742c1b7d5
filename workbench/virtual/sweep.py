"""Power cuts at many points of one boot, each tried: the boot is recorded once, then run from every point.

The twin itself stays off and keeps its memories.  A worker process for each processor has a rig of its own; a
job goes to it as one line of JSON, outcomes come back as lines.  Run as `python -m workbench.virtual.sweep`.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from workbench.virtual.chips import MODELS, ChipModel
from workbench.virtual.cut import CutMode, Operation, OperationKind
from workbench.virtual.gdb import MachineGone
from workbench.virtual.replay import Replay
from workbench.virtual.rig import Boot, End, Rig

__all__ = ["CutOutcome", "MachineGone", "Recording", "SweepFailed", "record", "sweep"]


class SweepFailed(Exception):
    """A rig could not be started, or the recorded run did not end as it should."""


@dataclass(frozen=True)
class Recording:
    """One boot from given memories: every flash operation in it, and what the board printed."""

    machine: str
    chip_id: bytes
    flash: bytes
    uicr: bytes
    until: bytes
    """Regular expression over what the board prints: where it matches, the boot is over."""
    operations: tuple[Operation, ...]
    console: bytes


@dataclass(frozen=True)
class CutOutcome:
    """What the board did after its power had gone at one point and come back.

    `known`: from a reset of its own on it was in memories that had been booted from before, so that the rest
    was not run again.
    """

    point: int
    """Flash operations of the recorded run that had begun, 1 is the first."""
    mode: CutMode
    kind: OperationKind
    address: int
    console: bytes
    end: End
    known: bool


def record(
    model: ChipModel, chip_id: bytes, memories: tuple[bytes, bytes], until: bytes, limit_s: float, log: Path
) -> Recording:
    """Boot once from `memories` (flash, UICR) and write down each flash operation.

    Raises SweepFailed where the board does not get to `until` in time, OSError, MachineGone.
    """
    operations: list[Operation] = []
    rig = Rig(model, chip_id, log)
    try:
        boot = rig.boot(*memories, re.compile(until), limit_s, operations)
    finally:
        rig.close()
    if boot.end != "said":
        raise SweepFailed(f"the board {boot.end}: {boot.console[-200:]!r}")
    return Recording(model.machine, chip_id, *memories, until, tuple(operations), boot.console)


def sweep(
    recording: Recording, points: Sequence[int], mode: CutMode, seed: int, limit_s: float, log: Path
) -> Iterator[CutOutcome]:
    """Try a cut at each of the points, on all processors; outcomes come in any order.

    Torn operations are torn by `seed` and the point.  Raises SweepFailed.
    """
    workers = max(1, min(len(points), len(os.sched_getaffinity(0))))
    ordered = sorted(set(points))
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number in range(workers):
            process = _begin(recording, ordered[number::workers], mode, seed, limit_s, log)
            stack.callback(_end, process)
            selector.register(
                process.stdout.fileno() if process.stdout else -1, selectors.EVENT_READ, bytearray()
            )
        left = len(ordered)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                *lines, rest = bytes(key.data + data).split(b"\n")
                key.data[:] = rest
                left -= len(lines)
                yield from (_outcome(json.loads(line)) for line in lines)
        if left:
            raise SweepFailed(f"a worker ended before its {left} last points; see {log}")


def _begin(
    recording: Recording, points: list[int], mode: CutMode, seed: int, limit_s: float, log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench.virtual.sweep", str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
        )
    job = {
        "machine": recording.machine,
        "chip_id": recording.chip_id.hex(),
        "flash": b64encode(recording.flash).decode("ascii"),
        "uicr": recording.uicr.hex(),
        "until": recording.until.decode("latin-1"),
        "operations": [astuple(operation) for operation in recording.operations],
        "points": points,
        "mode": mode,
        "seed": seed,
        "limit_s": limit_s,
    }
    assert process.stdin is not None
    data = memoryview(json.dumps(job).encode("ascii"))
    while data:
        data = data[process.stdin.write(data) or 0 :]
    process.stdin.close()
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _outcome(raw: dict[str, Any]) -> CutOutcome:
    return CutOutcome(**{**raw, "console": raw["console"].encode("latin-1")})


def _work(job: dict[str, Any], log: Path) -> None:
    model = MODELS[job["machine"]]
    assert model.nvm is not None
    operations = [Operation(*fields) for fields in job["operations"]]
    replay = Replay(model.nvm, b64decode(job["flash"]), bytes.fromhex(job["uicr"]), operations)
    until = re.compile(job["until"].encode("latin-1"))
    rig = Rig(model, bytes.fromhex(job["chip_id"]), log)
    try:
        for point in job["points"]:
            memories = replay.at(point, job["mode"], job["seed"] * 1_000_003 + point)
            boot = rig.boot(*memories, until, job["limit_s"])
            print(json.dumps(_line(point, job["mode"], operations[point - 1], boot)), flush=True)
    finally:
        rig.close()


def _line(point: int, mode: CutMode, operation: Operation, boot: Boot) -> dict[str, Any]:
    return {
        "point": point,
        "mode": mode,
        "kind": operation.kind,
        "address": operation.address,
        "console": boot.console.decode("latin-1"),
        "end": boot.end,
        "known": boot.known,
    }


if __name__ == "__main__":
    _work(json.load(sys.stdin), Path(sys.argv[1]))
