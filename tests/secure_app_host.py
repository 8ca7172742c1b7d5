"""The secure application's parsers and decisions, built for this machine with sanitizers, as one process.

A read or write out of bounds, or undefined behaviour, ends the process; whoever asks next then sees it.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.secure_lab import SECURE
from tests.twin_lab import ROOT

SOURCES: Final = ("app/cbor.c", "app/framing.c", "app/smp.c", "app/os.c", "app/consent.c")
FLAGS: Final = (
    *("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"),
    *('-DAPP_VERSION="1.2.3"', '-DAPP_CHIP="host"', '-DAPP_CORE="host"'),
)


class Host:
    """The process; used as a context manager."""

    def __init__(self, folder: Path) -> None:
        program = folder / "secure_app_host"
        includes = [f"-I{SECURE / part}" for part in ("app", "common", "chips/nrf51")]
        # common/include is the target's C library, and stays out
        sources = [str(SECURE / source) for source in SOURCES] + [str(ROOT / "tests/secure_app_host.c")]
        subprocess.run(["gcc", *FLAGS, *includes, "-o", str(program), *sources], check=True, timeout=120)
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(folder / "sanitizer").open("wb")
        )
        self._complaints = folder / "sanitizer"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait(10) == 0, self._complaints.read_text()

    def _send(self, command: bytes, data: bytes) -> None:
        assert self._process.stdin is not None
        assert self._process.poll() is None, self._complaints.read_text()
        self._process.stdin.write(command + data)
        self._process.stdin.flush()

    def _exactly(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        assert len(data) == count, self._complaints.read_text()
        return data

    def _number(self) -> int:
        return int(struct.unpack("<I", self._exactly(4))[0])

    def _bytes(self) -> bytes:
        return self._exactly(self._number())

    def frames(self, stream: bytes) -> list[bytes]:
        """The packets that a fresh receiver finds in a stream."""
        self._send(b"F", struct.pack("<I", len(stream)) + stream)
        return [self._bytes() for _ in range(self._number())]

    def read_map(self, data: bytes) -> dict[str, int | bool | bytes | str] | None:
        """The fields number, flag, bytes and text of a map, those that are there; None when it is refused."""
        self._send(b"M", struct.pack("<I", len(data)) + data)
        if self._number() == 0:
            return None
        found: dict[str, int | bool | bytes | str] = {}
        for name in ("number", "flag", "bytes", "text"):
            present = self._number() != 0
            value: int | bool | bytes | str
            value = self._number() if name in ("number", "flag") else self._bytes()
            if name == "flag":
                value = bool(value)
            if isinstance(value, bytes) and name == "text":
                value = value.decode("utf-8", "surrogateescape")
            if present:
                found[name] = value
        return found

    def answer(self, packet: bytes) -> bytes:
        """What goes over the line in answer to a packet."""
        self._send(b"P", struct.pack("<I", len(packet)) + packet)
        return self._bytes()

    def encode(self, packet: bytes) -> bytes:
        """A packet as it is sent."""
        self._send(b"E", struct.pack("<I", len(packet)) + packet)
        return self._bytes()

    def decide(
        self, severity: int, consent: int, deferrals: int, max_deferrals: int, busy: bool
    ) -> tuple[int, bool]:
        """The decision, and whether the user may defer."""
        self._send(b"D", struct.pack("<5I", severity, consent, deferrals, max_deferrals, busy))
        return self._number(), self._number() != 0
