"""Enrolling boards with a TPM: own time per unit and step, eight TPMs against one, and tpm2-tools as the
peer.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bench import Place
from benchmarks.parallel import two_cores
from benchmarks.ratios import Goal, Row, ratios
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench
from workbench.events import ignore
from workbench.station.enroll import Wanted, enroll
from workbench.station.rehearse import prepare

BOARDS: Final = 8
OWN_S: Final = 0.150
OWN_GOAL: Final = Goal("at most", OWN_S)
EIGHT_GOAL: Final = Goal("at least", 1.6)
PEER_GOAL: Final = Goal("at least", 1.0)
PEER: Final = Path(__file__).parent / "enroll-tpm2-tools.sh"


@dataclass(frozen=True, slots=True)
class Took:
    """One enrolment, seconds: in all without the board's power, the workbench's own part, and by step."""

    wall_s: float
    own_s: float
    tpm_s: float
    steps: dict[str, float]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to enrol one board."""

    bench: Path
    slot: str
    wanted: Wanted
    passphrase: bytes


def measure(_place: Place, rounds: int) -> list[Row]:
    """Each round has new boards; a served CA, a ledger and an evidence key are there already."""
    with TemporaryDirectory(prefix="workbench-benchmark-") as name, ExitStack() as stack:
        shop = _Shop(Path(name), stack)
        shop.enrol_one()  # warms up
        singles = [shop.enrol_one() for _ in range(max(rounds, 7))]
        with two_cores():
            one = [shop.enrol_many(1) for _ in range(rounds)]
            eight = [shop.enrol_many(BOARDS) for _ in range(rounds)]
        peers = [shop.peer() for _ in range(rounds)] if shutil.which("tpm2_createprimary") else []
    gains = tuple(BOARDS * times for times in ratios(one, eight))
    rows = [
        Row(
            "enrolling: own time of one unit",
            tuple(t.own_s for t in singles),
            "s",
            OWN_GOAL,
            _percentiles(singles),
        ),
        Row("enrolling: time in the TPM, one unit", tuple(t.tpm_s for t in singles), "s", None, "swtpm"),
        Row(
            "enrolling: eight TPMs at once, units per minute against one",
            gains,
            "times",
            EIGHT_GOAL,
            "one CA",
        ),
    ]
    if peers:
        walls = [took.wall_s for took in singles[: len(peers)]]
        rows.append(
            Row(
                "enrolling: how much faster than tpm2-tools",
                ratios(peers, walls),
                "times",
                PEER_GOAL,
                "the same acts without CA, ledger and verification",
            )
        )
    return rows


class _Shop:
    """New boards on demand, one CA."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        from workbench.identity.ca.client import open_ca

        self._folder = folder
        self._stack = stack
        self._count = 0
        first = self._bench(1)
        self._wanted = prepare(first)
        self._passphrase = self._wanted.ca_passphrase()
        self._home = first
        stack.enter_context(open_ca(self._wanted.ca, self._wanted.ca_passphrase))

    def enrol_one(self) -> Took:
        """A new board, in this process."""
        return _enrol(self._jobs(1)[0])

    def enrol_many(self, count: int) -> float:
        """Seconds for so many new boards, a process for each.  Raises RuntimeError where two got the same."""
        jobs = self._jobs(count)
        with ProcessPoolExecutor(count, mp_context=get_context("fork")) as pool:
            list(pool.map(_warm, range(count)))
            began_s = time.perf_counter()
            took = list(pool.map(_enrol, jobs))
            wall_s = time.perf_counter() - began_s
        keys = [key for one in took for key in one.keys]
        if len(set(keys)) != 2 * count:
            raise RuntimeError("two units have the same key")
        return wall_s

    def peer(self) -> float:
        """Seconds of the shell script of tpm2-tools on a new board's TPM, which it reaches over TCP."""
        job = self._jobs(1)[0]
        load_bench(job.bench).slot(job.slot).need_power().off()
        twin = job.bench.parent / ".workbench" / "twins" / job.slot
        with _served(twin / "tpm-state") as tcti:
            began_s = time.perf_counter()
            command = ["bash", str(PEER), tcti, str(job.bench.parent)]
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
            wall_s = time.perf_counter() - began_s
        if done.returncode:
            raise RuntimeError(f"{PEER.name} ended with {done.returncode}: {done.stderr[-600:]}")
        return wall_s

    def _bench(self, boards: int) -> Bench:
        """A bench whose boards have power, by the same vendor as all others."""
        self._count += 1
        folder = self._folder / f"b{self._count}"
        folder.mkdir()
        vendor = folder / ".workbench" / "twins" / "tpm-vendor"
        if self._count > 1:
            shutil.copytree(self._folder / "b1" / ".workbench" / "twins" / "tpm-vendor", vendor)
        bench = load_bench(write_virtual_bench(folder, 0, tpms=boards))
        for slot in bench.slots.values():
            slot.need_power().on()
            self._stack.callback(slot.need_power().off)
        return bench

    def _jobs(self, boards: int) -> list[Job]:
        bench = self._bench(boards)
        plain = replace(self._wanted, ca_passphrase=bytes)
        return [
            Job(bench.path, name, replace(plain, serial=f"U-{self._count}-{name}"), self._passphrase)
            for name in bench.slots
        ]


@contextmanager
def _served(state: Path) -> Iterator[str]:
    """swtpm with that state on two TCP ports, as tpm2-tools reach it; its TCTI string."""
    port = _free_ports()
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}"]
    command += ["--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}"]
    process = subprocess.Popen([*command, "--flags", "not-need-init,startup-clear"], stdin=subprocess.DEVNULL)
    try:
        _wait_for(port + 1)
        yield f"swtpm:host=127.0.0.1,port={port}"
    finally:
        process.kill()
        process.wait()


def _free_ports() -> int:
    """The first of two neighbouring ports that nobody uses."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port


def _wait_for(port: int) -> None:
    """Returns when something listens there; raises RuntimeError after ten seconds."""
    deadline_s = time.monotonic() + 10
    while time.monotonic() < deadline_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError("swtpm does not listen")


def _warm(_number: int) -> None:
    """What a process does once for all its units."""
    import workbench.station.enroll_tpm
    import workbench.wires.tpm.tpm  # noqa: F401


def _enrol(job: Job) -> Took:
    slot = load_bench(job.bench).slot(job.slot)
    wanted = replace(job.wanted, ca_passphrase=lambda: job.passphrase)
    began_s = time.perf_counter()
    outcome = enroll(slot, wanted, ignore)
    wall_s = time.perf_counter() - began_s - sum(step.board_s for step in outcome.times)
    if outcome.state != "verified":
        raise RuntimeError(f"{outcome.serial} is {outcome.state}: {outcome.why}")
    steps = {step.step: step.own_s for step in outcome.times}
    return Took(wall_s, outcome.own_s, sum(s.tpm_s for s in outcome.times), steps, _keys(wanted))


def _keys(wanted: Wanted) -> tuple[str, ...]:
    from workbench.station.enroll import open_ledger

    ledger = open_ledger(wanted.ledger, wanted.station)
    unit = ledger.find(serial=wanted.serial)
    ledger.close()
    return () if unit is None else tuple(unit.keys.values())


def _percentiles(took: Sequence[Took]) -> str:
    """p50 and p95 of each step, ms."""
    by_step: dict[str, list[float]] = defaultdict(list)
    for one in took:
        for step, own_s in one.steps.items():
            by_step[step].append(own_s * 1000)
    said = []
    for step, values in by_step.items():
        ordered = sorted(values)
        p50, p95 = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        said.append(f"{step} {p50:.0f}/{p95:.0f}")
    return "p50/p95 ms: " + ", ".join(said)
