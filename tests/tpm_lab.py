"""Bare software TPMs for tests: swtpm behind a UNIX socket, without any workbench around it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pytest

from workbench.identity.tpm.ek import ek_template
from workbench.identity.tpm.policies import devid_branches
from workbench.identity.tpm.templates import template
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.values import ALG_SHA256, Created, Hierarchy, KeyPolicy, Nv

IDEVID: Final = 0x81020000
IAK: Final = 0x81020001
CERTIFICATE: Final = 0x01C90200
NV_CERTIFICATE: Final = (
    Nv.PLATFORMCREATE | Nv.PPWRITE | Nv.PPREAD | Nv.OWNERREAD | Nv.AUTHREAD | Nv.NO_DA | Nv.WRITEDEFINE
)

needs_swtpm = pytest.mark.skipif(shutil.which("swtpm") is None, reason="swtpm is not installed")


@dataclass
class BareTpm:
    """A swtpm whose state is in `folder`."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "tpm.sock"

    @property
    def tcti(self) -> str:
        return f"swtpm:path={self.socket}"

    def on(self) -> None:
        """Power without Startup; returns when it can be connected to."""
        self.socket.unlink(missing_ok=True)
        ready = self.folder / "pid"
        ready.unlink(missing_ok=True)
        command = ["swtpm", "socket", "--tpm2", "--server", f"type=unixio,path={self.socket}"]
        command += ["--tpmstate", f"dir={self.folder}", "--flags", "not-need-init", "--daemon"]
        command += ["--pid", f"file={ready}", "--log", f"file={self.folder}/log"]
        subprocess.run(command, check=True, timeout=20)

    def pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def off(self) -> None:
        """Cut the power."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError, ValueError):
            os.kill(self.pid(), signal.SIGKILL)
            while _is_alive(self.pid()):
                pass
        (self.folder / "pid").unlink(missing_ok=True)

    def cycle(self) -> None:
        self.off()
        self.on()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def bare_tpm() -> Iterator[BareTpm]:
    """A new, blank swtpm with power; the socket's path is short."""
    folder = Path(tempfile.mkdtemp(prefix="tpm-"))
    tpm = BareTpm(folder)
    try:
        tpm.on()
        yield tpm
    finally:
        tpm.off()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def started_tpm() -> Iterator[Tpm]:
    """A connection to a blank swtpm that had its Startup."""
    with bare_tpm() as bare, open_tpm(bare.tcti) as tpm:
        tpm.startup()
        yield tpm


Change = Callable[[str, bytes], bytes | None]
"""Gets "command" or "answer" and the message; gives what goes on, None for nothing."""


class Interposer:
    """Something between station and TPM: sees every message and may change it."""

    def __init__(self, real: Path, change: Change | None = None) -> None:
        self.commands: list[bytes] = []
        self.answers: list[bytes] = []
        self.change = change
        self._folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self.tcti = f"swtpm:path={self._folder}/s"
        self._real = real
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self._folder}/s")
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def wire(self) -> bytes:
        """Everything that crossed it."""
        return b"".join(self.commands + self.answers)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.socket(socket.AF_UNIX) as tpm:
                    tpm.connect(str(self._real))
                    self._carry(client, tpm)

    def _carry(self, client: socket.socket, tpm: socket.socket) -> None:
        while (command := _message(client)) is not None:
            self.commands.append(command)
            command = self._changed("command", command)
            if command is None:
                continue
            tpm.sendall(command)
            answer = _message(tpm)
            if answer is None:
                return
            self.answers.append(answer)
            answer = self._changed("answer", answer)
            if answer is not None:
                client.sendall(answer)

    def _changed(self, kind: str, message: bytes) -> bytes | None:
        return message if self.change is None else self.change(kind, message)

    def close(self) -> None:
        self._listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def interposed(bare: BareTpm, change: Change | None = None) -> Iterator[Interposer]:
    """An interposer on the way to a bare TPM."""
    between = Interposer(bare.socket, change)
    try:
        yield between
    finally:
        between.close()


def _message(sock: socket.socket) -> bytes | None:
    """The next whole command or answer; None at the end."""
    data = b""
    while len(data) < 10 or len(data) < int.from_bytes(data[2:6], "big"):
        part = sock.recv(4096)
        if not part:
            return None
        data += part
    return data


def key_policy(kind: Literal["idevid", "iak"], alg: int = ALG_SHA256) -> KeyPolicy:
    """Policy branches of an IDevID ("idevid") or IAK ("iak")."""
    return KeyPolicy(alg, devid_branches(kind, alg))


def make_ek(tpm: Tpm, shape: str = "L-1") -> Created:
    """An endorsement key, loaded."""
    return tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template(shape))


def make_devid(tpm: Tpm, shape: str = "H-2") -> tuple[Created, Created]:
    """IDevID and IAK, kept at their handles."""
    made = []
    kinds: tuple[tuple[Literal["idevid", "iak"], int], ...] = (("idevid", IDEVID), ("iak", IAK))
    for kind, handle in kinds:
        created = tpm.create_primary(Hierarchy.ENDORSEMENT, template(shape, kind).public)
        tpm.evict(created.handle, handle)
        tpm.flush(created.handle)
        made.append(created)
    return made[0], made[1]


def write_certificate(tpm: Tpm, data: bytes, index: int = CERTIFICATE) -> None:
    """Data at a certificate's index, locked."""
    tpm.nv_define(index, len(data), NV_CERTIFICATE, hierarchy=Hierarchy.PLATFORM)
    for offset in range(0, len(data), tpm.nv_piece):
        tpm.nv_write(index, data[offset : offset + tpm.nv_piece], offset, auth=Hierarchy.PLATFORM)
    tpm.nv_write_lock(index, auth=Hierarchy.PLATFORM)
