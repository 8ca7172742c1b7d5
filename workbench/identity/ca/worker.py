"""The signing worker: the one process of a CA that opens its issuing key, behind a UNIX socket.

    python -m workbench.identity.ca.worker DIR     reads the passphrase from standard input, writes one line
                                                   of JSON when it serves or why it cannot, and ends with its
                                                   last client

`workbench ca serve DIR` runs the same in the foreground and stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from workbench.errors import WorkbenchError
from workbench.identity.ca import framing, places
from workbench.identity.ca.ca_file import read_ca_file
from workbench.identity.ca.errors import CaStoreFailed
from workbench.identity.ca.locks import locked
from workbench.identity.ca.messages import MAX_CRL_BYTES, MAX_MESSAGE_BYTES
from workbench.identity.ca.opened import opened_ca
from workbench.identity.ca.service import Caller, Service

MAX_CONNECTIONS: Final = 64
MESSAGE_S: Final = 5.0
"""How long a message may take from its first byte to its last, and an answer to be taken."""
FIRST_MESSAGE_S: Final = 10.0
"""How long a new connection may be silent: a client says something at once."""
FIRST_CLIENT_S: Final = 30.0
"""How long a worker that ends with its last client waits for the first."""
MAX_PASSPHRASE_BYTES: Final = 1024
_PR_SET_DUMPABLE: Final = 4


class Worker:
    """Serves one CA until it is told to stop, or, with `until_idle`, until its last client has gone."""

    def __init__(self, service: Service, *, until_idle: bool) -> None:
        self._service = service
        self._until_idle = until_idle
        self._open = 0
        self._served = False
        self._stop = asyncio.Event()
        self._idle: dict[asyncio.StreamWriter, None] = {}
        """Connections that say nothing now, the one that has been silent for longest first."""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Takes connections from `listener`; calls `ready` when it does."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_MESSAGE_BYTES)
        if self._until_idle:
            loop.call_later(FIRST_CLIENT_S, lambda: None if self._served else self._stop.set())
        ready()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._open += 1
        self._served = True
        try:
            if self._has_room() and _is_us(writer.get_extra_info("socket")):
                await self._converse(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, WorkbenchError):
            pass  # the other side has gone, is too slow, or does not speak our language
        finally:
            self._open -= 1
            self._writers.discard(writer)
            self._idle.pop(writer, None)
            if self._until_idle and not self._open:
                self._stop.set()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _has_room(self) -> bool:
        """Whether one more may be served; where all places are taken, the longest silent one is turned out.

        Its client, if it is one, connects again with its next request.
        """
        if self._open > MAX_CONNECTIONS and self._idle:
            silent = next(iter(self._idle))
            del self._idle[silent]
            silent.transport.abort()
            return True
        return self._open <= MAX_CONNECTIONS

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = Caller()
        patience_s: float | None = FIRST_MESSAGE_S
        while not self._stop.is_set():
            self._idle[writer] = None
            async with asyncio.timeout(patience_s):
                first = await reader.readexactly(1)
            patience_s = None
            self._idle.pop(writer, None)
            async with asyncio.timeout(MESSAGE_S):
                head = first + await reader.readexactly(framing.HEAD_BYTES - 1)
                length = framing.body_length(head, limit=MAX_MESSAGE_BYTES)
                body = await reader.readexactly(length)
            message = framing.decode(body)
            if message.get("op") == "leave":
                answer: dict[str, Any] = {"ok": {"ending": self._until_idle and self._open == 1}}
            else:
                answer = self._service.answer(message, caller)
            writer.write(framing.encode(answer, limit=MAX_CRL_BYTES))
            async with asyncio.timeout(MESSAGE_S):
                await writer.drain()
            if self._service.broken:
                self._stop.set()


def serve(
    folder: Path, passphrase: bytes, *, until_idle: bool = False, ready: Callable[[Path], None] | None = None
) -> None:
    """Serves the CA in `folder` until SIGTERM or SIGINT; `ready` is told the socket's path.

    Raises CaFolderInvalid, CaFileInvalid, CaKeyUnavailable, CaBusy, CaStoreFailed.
    """
    read_ca_file(folder)
    with locked(places.lock_path(folder)):
        harden()
        with opened_ca(folder, passphrase) as ca, _listening(folder) as listener:
            service = Service(ca, passphrase)
            gc.freeze()  # what was loaded stays, and is not looked through for garbage at every unit
            path = places.socket_path(folder)
            asyncio.run(_run(service, listener, until_idle, lambda: ready(path) if ready else None))
            if service.broken:
                _leave_at_once(path)


async def _run(
    service: Service, listener: socket.socket, until_idle: bool, ready: Callable[[], None]
) -> None:
    await Worker(service, until_idle=until_idle).serve(listener, ready)


def harden() -> None:
    """No core dumps, and no debugger of the same user: this process holds keys."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@contextmanager
def _listening(folder: Path) -> Iterator[socket.socket]:
    path = places.socket_path(folder)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen(MAX_CONNECTIONS)
        listener.setblocking(False)
        yield listener
    except OSError as error:
        raise CaStoreFailed(f"{path}: {error.strerror or error}") from error
    finally:
        listener.close()
        path.unlink(missing_ok=True)


def _is_us(connection: Any) -> bool:
    """Whether the peer is this user or root (unix(7), SO_PEERCRED)."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = struct.unpack("3i", packed)[1]
    return uid in (os.getuid(), 0)


def _leave_at_once(path: Path) -> None:
    """Ends a process in which a call into a token's module will never return."""
    path.unlink(missing_ok=True)
    os._exit(3)


def main(folder: Path) -> int:
    """The worker that a client starts: passphrase in, one line out, then requests."""
    data = sys.stdin.buffer.read(MAX_PASSPHRASE_BYTES + 1)
    sys.stdin.close()

    def ready(path: Path) -> None:
        _tell({"socket": str(path)})

    try:
        serve(folder, data, until_idle=True, ready=ready)
    except WorkbenchError as error:
        _tell({"error": error.as_dict()})
        return error.exit_code
    return 0


def _tell(message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError, ValueError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
