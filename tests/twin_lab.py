"""What the tests of virtual boards share: twins in a folder, pyOCD on them, waiting."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import serial

from workbench.virtual.protocol import Client, socket_path
from workbench.virtual.twins import Twin, plug

ROOT: Final = Path(__file__).resolve().parent.parent
HELLO: Final = ROOT / "firmware-samples/build/hello-microbit/hello-microbit.hex"
HELLO_BIN: Final = HELLO.with_suffix(".bin")
BIG: Final = ROOT / "firmware-samples/build/hello-microbit-200k/hello-microbit-200k.hex"
BIG_BIN: Final = BIG.with_suffix(".bin")
MPS2: Final = ROOT / "firmware-samples/build/hello-mps2/hello-mps2.elf"
LIMIT_S: Final = 30.0


@contextlib.contextmanager
def twin_in(folder: Path, name: str = "v1", machine: str = "microbit") -> Iterator[Twin]:
    """A powered twin, switched off at the end."""
    twin = plug(folder / "twins", name, machine)
    assert isinstance(twin, Twin)
    twin.power.on()
    try:
        yield twin
    finally:
        twin.power.off()


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait for a condition; fails with words."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.005)


def pyocd(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Unmodified pyOCD command line."""
    done = subprocess.run(
        [sys.executable, "-m", "pyocd", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def load(twin: Twin, file: Path) -> None:
    """Flash with `pyocd load`."""
    pyocd("load", "-u", twin.probe_uid, str(file))


@contextlib.contextmanager
def attached(twin: Twin, connect: str = "halt", **options: Any) -> Iterator[Any]:
    """A pyOCD target on the twin."""
    from pyocd.core.helpers import ConnectHelper

    session = ConnectHelper.session_with_chosen_probe(
        unique_id=twin.probe_uid,
        options={"connect_mode": connect, "auto_unlock": False, "resume_on_disconnect": False, **options},
        no_config=True,
        return_first=True,
        blocking=False,
    )
    assert session is not None, f"pyOCD does not see {twin.probe_uid}"
    with session:
        yield session.target


def pids(twin: Twin) -> dict[str, int]:
    """Process IDs of a twin's supervisor, guard and QEMU, as /proc has them."""
    found: dict[str, int] = {}
    parents: dict[int, tuple[int, bytes]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = (int(stat[1]), (entry / "cmdline").read_bytes())
    for pid, (_, command) in parents.items():
        if b"workbench.virtual.supervisor" in command and os.fsencode(twin.probe_uid) in command:
            found["supervisor"] = pid
    for pid, (parent, command) in parents.items():
        if parent == found.get("supervisor") and b"workbench.virtual.guard" in command:
            found["guard"] = pid
    for pid, (parent, command) in parents.items():
        if parent == found.get("guard") and b"qemu-system-arm" in command:
            found["qemu"] = pid
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def status(twin: Twin) -> dict[str, Any]:
    """What the supervisor says of itself."""
    with Client(socket_path(twin.probe_uid)) as client:
        answer: dict[str, Any] = client.ask("status")
        return answer


class Line:
    """The serial line, opened as any program opens it."""

    def __init__(self, twin: Twin) -> None:
        self.port = serial.Serial(twin.serial_url, 115200, timeout=0.05)
        self.seen = b""

    def until(self, text: bytes, limit_s: float = LIMIT_S) -> bytes:
        """Read until `text` has come; returns everything since the last call."""
        deadline = time.monotonic() + limit_s
        while text not in self.seen:
            assert time.monotonic() < deadline, f"no {text!r} within {limit_s} s; came: {self.seen[-300:]!r}"
            self.seen += self.port.read(4096)
        end = self.seen.index(text) + len(text)
        got, self.seen = self.seen[:end], self.seen[end:]
        return got

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.port.close()
