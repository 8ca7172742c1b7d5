"""The whole secure application, built for this machine with sanitizers, on a chip that is a file.

A process is one time of power: a cut ends it, and what the flash holds is what the next one begins with.  A
read or write out of bounds, or undefined behaviour, ends it as well, and is told from a cut.
"""

from __future__ import annotations

import functools
import re
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import cbor2
from smp import packet as smp_packet

from tests.secure_lab import SECURE
from tests.twin_lab import ROOT

BEARSSL: Final = ROOT / ".setup/bearssl"
FLASH_AT: Final = 0x100000
FLASH_BYTES: Final = 0x90000
IDENTITY: Final = 0x182000
KEYS: Final = 0x182400
CERTIFICATE_A: Final = 0x182800
CERTIFICATE_B: Final = 0x182C00
CUT: Final = 7
WARNINGS: Final = ("-Wall", "-Wextra", "-Werror", "-Wno-int-to-pointer-cast", "-Wno-pointer-to-int-cast")
SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
LEFT_OUT: Final = {"main.c", "start.c", "memory.c", "rx_ring.c"}
"""What only a chip has."""


class PowerCut(Exception):
    """The armed cut came."""


def _bearssl() -> list[str]:
    text = re.sub(r"\\\n", " ", (SECURE / "Makefile").read_text())
    [names] = re.findall(r"^BEARSSL_SOURCES := (.*)$", text, re.MULTILINE)
    return [str(BEARSSL / "src" / name) for name in str(names).split()]


def build(folder: Path, secure: Path = SECURE) -> Path:
    """The program, from the firmware in `secure`."""
    subprocess.run([ROOT / "scripts/fetch-bearssl"], check=True, stdin=subprocess.DEVNULL, timeout=300)
    library = [f"-I{BEARSSL / 'inc'}", f"-I{BEARSSL / 'src'}", "-DBR_USE_URANDOM=0", "-DBR_USE_UNIX_TIME=0"]
    command = ["gcc", "-std=c11", "-O1", "-g", "-w", *library, "-DBR_RDRAND=0", "-c", *_bearssl()]
    subprocess.run(command, cwd=folder, check=True, timeout=300)
    ours = [p for part in ("app", "common") for p in (secure / part).glob("*.c") if p.name not in LEFT_OUT]
    includes = [f"-I{secure / part}" for part in ("app", "common", "chips/an385")]
    texts = ('-DAPP_VERSION="1.2.3"', '-DAPP_CHIP="host"', '-DAPP_CORE="host"', '-DWB_PROFILE="host"')
    program = folder / "enrol_host"
    command = ["gcc", "-std=gnu11", "-O1", "-g", *WARNINGS, *SANITIZERS, *texts, *includes]
    command += ["-isystem", str(BEARSSL / "inc"), "-include", str(secure / "common/profile.h")]
    command += ["-o", str(program), *map(str, ours), str(ROOT / "tests/enrol_host.c")]
    subprocess.run([*command, *map(str, folder.glob("*.o"))], check=True, timeout=300)
    return program


@functools.cache
def program() -> Path:
    """The program, once for all tests of this process."""
    return build(Path(tempfile.mkdtemp(prefix="wb-host-")))


class HostUnit:
    """A unit that is a process; used as a context manager."""

    def __init__(self, folder: Path, contents: dict[int, bytes], made: Path | None = None) -> None:
        self._program = made or program()
        self._flash = folder / "flash"
        self._complaints = folder / "sanitizer"
        self._starts = 0
        memory = bytearray(b"\xff" * FLASH_BYTES)
        for at, data in contents.items():
            memory[at - FLASH_AT : at - FLASH_AT + len(data)] = data
        self._flash.write_bytes(memory)
        self._start()

    def __enter__(self) -> HostUnit:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _start(self) -> None:
        self._starts += 1
        self._process = subprocess.Popen(
            [self._program, self._flash, str(self._starts * 7919)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints.open("wb"),
        )

    def _stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(20) in (0, CUT), self._complaints.read_text()

    def restart(self) -> None:
        """Power off and on."""
        self._stop()
        self._start()

    def memory(self, at: int, size: int) -> bytes:
        """Flash."""
        return self._flash.read_bytes()[at - FLASH_AT : at - FLASH_AT + size]

    def _send(self, command: bytes, *numbers: int, data: bytes = b"") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + struct.pack(f"<{len(numbers)}I", *numbers) + data)
        self._process.stdin.flush()

    def _exactly(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) < count:
            code = self._process.wait(20)
            assert code == CUT, self._complaints.read_text()
            self._process.stdout.close()
            self._start()
            raise PowerCut
        return data

    def _number(self) -> int:
        return int(struct.unpack("<I", self._exactly(4))[0])

    def cut(self, operations: int, *, torn: bool, seed: int) -> None:
        """Lose the power at that flash operation from now; it comes back at once."""
        self._send(b"C", operations, int(torn), seed)

    def noise(self, kind: int) -> None:
        """0 good, 1 stands still, 2 none."""
        self._send(b"N", kind)

    def wear(self, at: int, mask: int) -> None:
        """From now on no write clears those bits of that word."""
        self._send(b"B", at, mask)

    def health(self, samples: bytes) -> int:
        """How many samples fresh health tests take before they fail."""
        self._send(b"H", len(samples), data=samples)
        return self._number()

    def poke(self, at: int, data: bytes) -> None:
        """Write memory, as a debug probe does."""
        self._send(b"W", at, len(data), data=data)
        assert self._number() == len(data)

    def ask_raw(self, group: int, command: int, op: int, body: bytes, version: int = 1) -> bytes:
        """One request; the body of the answer.  Raises PowerCut."""
        head = struct.pack("!BBHHBB", op | version << 3, 0, len(body), group, 7, command)
        self._send(b"P", len(head + body), data=head + body)
        frames = self._exactly(self._number())
        decoder = smp_packet.decode()
        next(decoder)
        try:
            for line in frames.splitlines(keepends=True):
                decoder.send(line)
        except StopIteration as done:
            return bytes(done.value[8:])
        raise AssertionError(f"no whole answer: {frames!r}")

    def ask(self, command: tuple[int, int], body: object, op: int = 0) -> dict[str, Any]:
        """As the application lab's Smp does; so that `Enrolled` talks to it."""
        answer: dict[str, Any] = cbor2.loads(self.ask_raw(*command, op, cbor2.dumps(body)))
        return answer

    def write(self, command: tuple[int, int], **body: object) -> dict[str, Any]:
        """A write request."""
        return self.ask(command, body, 2)

    def read(self, command: tuple[int, int], **body: object) -> dict[str, Any]:
        """A read request."""
        return self.ask(command, body)
