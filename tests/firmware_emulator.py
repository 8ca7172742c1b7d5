"""Firmware samples on a bare QEMU, without anything of the workbench: for tests of the firmware itself.

Nothing here sleeps: reading waits for bytes with a deadline, and QEMU dies with the test, however it ends.
"""

from __future__ import annotations

import fcntl
import functools
import os
import select
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self

SOURCES: Final = Path(__file__).resolve().parent.parent / "firmware-samples"
CHIP_IDS: Final = {
    "hello-microbit": b"1234567800000003",
    "hello-microbit-200k": b"1234567800000003",
    "hello-mps2": b"4104385000200008",
}
"""What QEMU's models have in FICR.DEVICEID, and in SCC_ID and SCC_AID."""
VERSIONS: Final = {"hello-microbit": b"1.0.0", "hello-microbit-200k": b"1.1.0-200k", "hello-mps2": b"1.0.0"}
BUILD_ID_OFFSET: Final = 0xD0
"""Where an image holds its build ID, as docs/firmware-samples.md says."""


def make(
    folder: Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs make in a folder of sources; output and errors together in `stdout`, nothing raised."""
    return subprocess.run(
        ["make", "-j2", *arguments],
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@functools.cache
def built_samples() -> Path:
    """The repository's own build folder, brought up to date once per process; safe beside other processes."""
    with (SOURCES / "Makefile").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = make(SOURCES)
    assert done.returncode == 0, done.stdout
    return SOURCES / "build"


def build_id(name: str) -> bytes:
    """The twelve digits that the sample has to print, read from its BIN file."""
    image = (built_samples() / name / f"{name}.bin").read_bytes()
    return image[BUILD_ID_OFFSET : BUILD_ID_OFFSET + 6].hex().encode()


def banner(name: str) -> bytes:
    """The line that the sample has to print when it boots."""
    program = name.removesuffix("-200k").encode()
    return b"%s %s build %s chip %s\r\n" % (program, VERSIONS[name], build_id(name), CHIP_IDS[name])


def machine_arguments(name: str) -> list[str]:
    """How QEMU gets the sample: the HEX file into the micro:bit's flash, the ELF file into MPS2's RAM."""
    folder = built_samples() / name
    if name == "hello-mps2":
        return ["-M", "mps2-an385", "-kernel", str(folder / f"{name}.elf")]
    return ["-M", "microbit", "-device", f"loader,file={folder / f'{name}.hex'}"]


class Emulator:
    """QEMU with one sample, from power-on to the end of the `with` block; its UART is a socket.

    `chardev` is added to the options of that socket.
    """

    def __init__(self, name: str, *, chardev: str = "") -> None:
        self.name = name
        self._received = b""
        self._uart, theirs = socket.socketpair()
        self._uart.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "qemu-system-arm", *machine_arguments(name)),
                    *("-display", "none", "-monitor", "none", "-serial", "chardev:uart"),
                    *("-chardev", f"socket,id=uart,fd={theirs.fileno()}{chardev}"),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        self._uart.close()

    def send(self, data: bytes) -> None:
        """Returns when the board has taken all but a few KiB of it; waits at most 30 s for that."""
        self._uart.settimeout(30)
        self._uart.sendall(data)

    def read_until(self, end: bytes, timeout_s: float = 20) -> bytes:
        """Everything up to and including `end`."""
        deadline = time.monotonic() + timeout_s
        while end not in self._received:
            left_s = deadline - time.monotonic()
            ready = left_s > 0 and select.select([self._uart], [], [], left_s)[0]
            assert ready, (
                f"{end!r} did not come in {timeout_s} s, the end of what did: {self._received[-300:]!r}"
            )
            data = self._uart.recv(65536)
            assert data, f"QEMU ended, the end of what came: {self._received[-300:]!r}"
            self._received += data
        found = self._received.index(end) + len(end)
        head, self._received = self._received[:found], self._received[found:]
        return head

    def ask(self, line: bytes) -> bytes:
        """Sends a line and returns the one line that answers it, without its end."""
        self.send(line + b"\n")
        return self.read_until(b"\r\n").removesuffix(b"\r\n")

    def silence(self, seconds: float) -> float:
        """Seconds of CPU that QEMU used while nothing arrived for `seconds`."""
        before = self._cpu_s()
        assert not self._received
        assert not select.select([self._uart], [], [], seconds)[0], "something arrived"
        return self._cpu_s() - before

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
