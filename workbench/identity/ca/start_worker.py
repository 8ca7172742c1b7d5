"""Connects to a CA's worker, and starts one where none serves.

The passphrase goes through a pipe: never into an argument, the environment or a file.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from workbench.errors import WorkbenchError
from workbench.identity.ca import places
from workbench.identity.ca.ca_file import read_ca_file
from workbench.identity.ca.errors import CaBusy, CaFolderInvalid, CaKeyUnavailable, CaUnreachable
from workbench.identity.ca.locks import locked

START_S: Final = 60.0
"""How long a worker may take to open its keys, and how long clients wait for each other."""
CONNECT_S: Final = 5.0
MAX_LINE_BYTES: Final = 16 << 10
MAX_LOG_BYTES: Final = 1 << 20
_ERRORS: Final[dict[str, type[WorkbenchError]]] = {
    found.code: found for found in (CaKeyUnavailable, CaFolderInvalid, CaUnreachable)
}


class Started:
    """A worker that this process started; it ends by itself."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._reaper = threading.Thread(target=process.wait, name="ca-worker-reaper", daemon=True)
        self._reaper.start()

    def join(self) -> None:
        """Waits for its end, which was announced."""
        self._reaper.join(CONNECT_S)


def connect(path: Path) -> socket.socket | None:
    """A connection to the worker at that socket, None where none listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(CONNECT_S)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        return None
    return connection


def connect_or_start(folder: Path, passphrase: Callable[[], bytes]) -> tuple[socket.socket, Started | None]:
    """A connection, and the worker where it had to be started.

    Raises CaUnreachable, CaFolderInvalid, CaFileInvalid, CaKeyUnavailable.
    """
    read_ca_file(folder)
    path = places.socket_path(folder)
    connection = connect(path)
    if connection is not None:
        return connection, None
    secret = passphrase()
    deadline_s = time.monotonic() + START_S
    with locked(places.start_lock_path(folder), wait_s=START_S):
        while True:
            connection = connect(path)
            if connection is not None:
                return connection, None
            started = _start(folder, secret, deadline_s)
            if started is not None:
                connection = connect(path)
                if connection is not None:
                    return connection, started
            if time.monotonic() > deadline_s:
                raise CaUnreachable(f"the worker of {folder} does not begin to serve")
            time.sleep(0.02)


def _start(folder: Path, secret: bytes, deadline_s: float) -> Started | None:
    """A new worker that serves; None where another one has the folder, which may be about to begin or end."""
    process = _spawn(folder)
    if process.stdin is None or process.stdout is None:
        raise CaUnreachable("the worker has no pipes")
    try:
        with process.stdin:
            process.stdin.write(secret)
    except BrokenPipeError:
        pass  # it has said why on its other pipe
    with process.stdout:
        line = _line(process.stdout.fileno(), deadline_s)
    started = Started(process)
    try:
        said: Any = json.loads(line or b"{}")
    except ValueError:
        said = {}
    if "socket" in said:
        return started
    error = said.get("error")
    if error is None:
        raise CaUnreachable(
            "the worker ended, or said nothing in time", cause=f"see {places.log_path(folder)}"
        )
    if error["code"] == CaBusy.code:
        return None
    raise _ERRORS.get(error["code"], CaUnreachable)(
        error["what"], cause=error["cause"], action=error["action"]
    )


def _spawn(folder: Path) -> subprocess.Popen[bytes]:
    log_path = places.log_path(folder)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(log).st_size > MAX_LOG_BYTES:
            os.ftruncate(log, 0)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "workbench.identity.ca.worker", str(folder.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        raise CaUnreachable(f"no worker can be started: {error.strerror or error}") from error
    finally:
        os.close(log)


def _line(descriptor: int, deadline_s: float) -> bytes:
    """The first line that comes before the deadline, or what there is of it."""
    found = b""
    while b"\n" not in found and len(found) < MAX_LINE_BYTES:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
            break
        data = os.read(descriptor, MAX_LINE_BYTES)
        if not data:
            break
        found += data
    return found.partition(b"\n")[0]
