"""Ways to a TPM that carry whole commands and answers, each with a deadline.

tpm2-tss has modules for these, but most of them wait for ever for a TPM that hangs.  Nothing here
understands commands beyond the size in their header (TPM 2.0 Part 1, 18: tag, size, code; big-endian).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import subprocess
import time
from typing import Final, Protocol

from workbench.boards.tcti import Device, Module, Program, Simulator, Socket, Tcti
from workbench.wires.tpm.errors import TpmAnswerInvalid, TpmUnreachable

HEADER: Final = 10
ANSWER_MAX: Final = 4096
CONNECT_S: Final = 10.0
MS_SEND_COMMAND: Final = 8
MS_POWER_ON: Final = 1
MS_NV_ON: Final = 11
MS_SESSION_END: Final = 20


class Transport(Protocol):
    """A way to one TPM."""

    name: str
    """For people."""

    def send(self, command: bytes, deadline: float) -> None:
        """Send a whole command, until `deadline` of the monotonic clock.  Raises TpmUnreachable."""

    def receive(self, deadline: float) -> bytes:
        """The whole answer.  Interrupted by an exception it can be called again for the rest.

        Raises TpmUnreachable, TpmAnswerInvalid.
        """

    def close(self) -> None:
        """Ends the connection.  Never raises."""


class Descriptors:
    """A way that is a descriptor to write to and one to read from, maybe the same."""

    def __init__(self, name: str, write_fd: int, read_fd: int) -> None:
        self.name = name
        self._write_fd, self._read_fd = write_fd, read_fd
        self._incoming = b""
        for fd in (write_fd, read_fd):
            os.set_blocking(fd, False)

    def send(self, command: bytes, deadline: float) -> None:
        """See Transport."""
        self._incoming = b""
        while command:
            self._wait(self._write_fd, select.POLLOUT, deadline, "take a command")
            try:
                command = command[os.write(self._write_fd, command) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone(error.strerror or str(error)) from error

    def receive(self, deadline: float) -> bytes:
        """See Transport."""
        self._fill(HEADER, deadline)
        size = answer_size(self._incoming)
        self._fill(size, deadline)
        answer, self._incoming = self._incoming[:size], self._incoming[size:]
        return answer

    def take(self, count: int, deadline: float) -> bytes:
        """The next `count` bytes."""
        self._fill(count, deadline)
        taken, self._incoming = self._incoming[:count], self._incoming[count:]
        return taken

    def _fill(self, count: int, deadline: float) -> None:
        while len(self._incoming) < count:
            self._wait(self._read_fd, select.POLLIN, deadline, "answer")
            try:
                data = os.read(self._read_fd, ANSWER_MAX)
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone(error.strerror or str(error)) from error
            if not data:
                raise self._gone("it ended the connection")
            self._incoming += data

    def _wait(self, fd: int, event: int, deadline: float, doing: str) -> None:
        poll = select.poll()
        poll.register(fd, event)
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise TpmUnreachable(f"the TPM at {self.name} did not {doing} in time")

    def _gone(self, why: str) -> TpmUnreachable:
        return TpmUnreachable(f"the TPM at {self.name} is gone: {why}")

    def close(self) -> None:
        """See Transport."""
        for fd in {self._write_fd, self._read_fd}:
            with contextlib.suppress(OSError):
                os.close(fd)


class SimulatorTransport(Descriptors):
    """The reference simulator: commands and answers wrapped in its own framing, power by a second port."""

    def __init__(self, at: Simulator) -> None:
        name = f"mssim:host={at.host},port={at.port}"
        self._platform = Descriptors(name, *_twice(_connect(Socket(None, at.host, at.port + 1), name)))
        deadline = time.monotonic() + CONNECT_S
        for signal in (MS_POWER_ON, MS_NV_ON):
            self._platform.send(struct.pack(">I", signal), deadline)
            self._platform.take(4, deadline)
        self._size: int | None = None
        super().__init__(name, *_twice(_connect(Socket(None, at.host, at.port), name)))

    def send(self, command: bytes, deadline: float) -> None:
        """See Transport."""
        self._size = None
        super().send(struct.pack(">IBI", MS_SEND_COMMAND, 0, len(command)) + command, deadline)

    def receive(self, deadline: float) -> bytes:
        """See Transport."""
        if self._size is None:
            self._size = int.from_bytes(self.take(4, deadline), "big")
            if not HEADER <= self._size <= ANSWER_MAX:
                raise TpmAnswerInvalid(f"the simulator announces an answer of {self._size} bytes")
        self._fill(self._size + 4, deadline)
        return self.take(self._size + 4, deadline)[:-4]

    def close(self) -> None:
        """See Transport."""
        with contextlib.suppress(TpmUnreachable):
            Descriptors.send(self, struct.pack(">I", MS_SESSION_END), time.monotonic() + 1)
        super().close()
        self._platform.close()


class ProgramTransport(Descriptors):
    """A program that carries commands, such as ssh to the board's own tpm2_send."""

    def __init__(self, at: Program) -> None:
        try:
            self._process = subprocess.Popen(
                at.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except OSError as error:
            raise TpmUnreachable(
                f"cannot start {at.command[0]}: {error.strerror}", action="correct cmd: in the bench file"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        fds = os.dup(self._process.stdin.fileno()), os.dup(self._process.stdout.fileno())
        self._process.stdin.close()
        self._process.stdout.close()
        super().__init__(f"cmd:{at.command[0]}", *fds)

    def close(self) -> None:
        """See Transport."""
        super().close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def open_transport(at: Tcti, timeout_s: float) -> Transport:
    """Connect.  Raises TpmUnreachable; TctiInvalid for a module that tpm2-tss lacks."""
    match at:
        case Device(path):
            return Descriptors(f"device:{path}", *_twice(_open_device(path)))
        case Socket(path, host, port):
            name = f"swtpm:path={path}" if path else f"swtpm:host={host},port={port}"
            return Descriptors(name, *_twice(_connect(at, name)))
        case Simulator():
            return SimulatorTransport(at)
        case Program():
            return ProgramTransport(at)
        case Module():
            from workbench.wires.tpm.module_transport import ModuleTransport

            return ModuleTransport(at)


def answer_size(data: bytes) -> int:
    """Size that an answer's header names.  Raises TpmAnswerInvalid."""
    size = int.from_bytes(data[2:6], "big")
    if not HEADER <= size <= ANSWER_MAX:
        raise TpmAnswerInvalid(f"the TPM announces an answer of {size} bytes")
    return size


def _twice(fd: int) -> tuple[int, int]:
    return fd, fd


def _open_device(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except PermissionError as error:
        raise TpmUnreachable(
            f"this user may not open {path}",
            cause="the user is not in the group that owns the device",
            action="`sudo usermod -aG tss $USER`, then log out and in again",
        ) from error
    except OSError as error:
        busy = "; another program has it, use /dev/tpmrm0" if path == "/dev/tpm0" else ""
        raise TpmUnreachable(f"cannot open {path}: {error.strerror}{busy}") from error


def _connect(at: Socket, name: str) -> int:
    try:
        if at.path is None:
            sock = socket.create_connection((at.host, at.port), CONNECT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(CONNECT_S)
            sock.connect(at.path)
    except OSError as error:
        raise TpmUnreachable(f"no TPM answers at {name}: {error.strerror or error}") from error
    return sock.detach()
