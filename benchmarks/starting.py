"""How long a person waits: for help, for the first byte from or to a board, for a twin to be on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from benchmarks.bench import Place
from benchmarks.ratios import Goal, Row, milliseconds, timed
from workbench.boards.bench import Slot

PROGRAM: Final = Path(sys.executable).with_name("workbench")
HELP_CPU: Final = Goal("at most", 0.3)
FIRST_BYTE: Final = Goal("at most", 1.5)
POWER_ON: Final = Goal("at most", 1.0)
SAMPLE: Final = (
    Path(__file__).resolve().parent.parent
    / "firmware-samples"
    / "build"
    / "hello-microbit"
    / "hello-microbit.hex"
)


def measure(place: Place, rounds: int) -> list[Row]:
    """Each as often as `rounds` says, after one that warms up."""
    slot = next(iter(place.bench.slots.values()))
    power = slot.need_power()
    help_s = _repeat(rounds, help_cpu_s)
    on_s = _repeat(rounds, lambda: timed(power.on), before=power.off)
    flash_s = _repeat(rounds, lambda: _first_byte_written_s(place, slot))
    talk_s = _repeat(rounds, lambda: _first_byte_heard_s(place, slot))
    power.off()
    return [
        Row("workbench --help, CPU time", help_s, "s", HELP_CPU, milliseconds(help_s)),
        Row("workbench flash, start to first bytes written on a running twin", flash_s, "s", FIRST_BYTE),
        Row("workbench console, start to first byte from a running twin", talk_s, "s", FIRST_BYTE),
        Row("twin, power off to on", on_s, "s", POWER_ON),
    ]


def _repeat(
    rounds: int, act: Callable[[], float], before: Callable[[], object] = lambda: None
) -> tuple[float, ...]:
    values = []
    for _ in range(rounds + 1):
        before()
        values.append(act())
    return tuple(values[1:])


def help_cpu_s() -> float:
    """Processor time of `workbench --help`, user and system."""
    line = [str(PROGRAM), "--help"]
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=_environment())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"workbench --help ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def _first_byte_written_s(place: Place, slot: Slot) -> float:
    """Until the first page was acknowledged as written; then the flash goes on to its end."""
    began_s = time.perf_counter()
    arguments = ("flash", "--json", "--no-skip-unchanged", "--slot", slot.name, str(SAMPLE))
    with _start(place, *arguments) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["step"] == "program" and event["done"]:
                taken_s = time.perf_counter() - began_s
                process.stdout.read()
                return taken_s
    raise RuntimeError("workbench flash ended before a byte was written")


def _first_byte_heard_s(place: Place, slot: Slot) -> float:
    """Until the board's answer to a line comes out of the console."""
    began_s = time.perf_counter()
    arguments = ("console", "--no-timestamps", "--expect", "id: ", slot.name)
    with _start(place, *arguments, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"?id\n")
        process.stdin.flush()
        first = process.stdout.read(1)
        taken_s = time.perf_counter() - began_s
        process.stdin.close()
        process.stdout.read()
    if not first:
        raise RuntimeError("workbench console ended before a byte came")
    return taken_s


def _start(
    place: Place, command: str, *arguments: str, stdin: int | IO[bytes] = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    line = [str(PROGRAM), command, "--bench", str(place.bench.path), *arguments]
    return subprocess.Popen(
        line, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
    )


def _environment() -> dict[str, str]:
    """Python keeps compiled modules, as it does by itself: the warm-up compiles them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
