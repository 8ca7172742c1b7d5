"""A real PostgreSQL server for tests: a private cluster in a short temporary folder, without TCP.

`pytest_plugins` in conftest loads this.  The server dies with the process that started it.  Without Debian's
server programs the tests that need them are skipped, and fail where CI is set.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
import pytest

START_TIMEOUT_S: Final = 60.0
USER: Final = "workbench"


class PostgresServer:
    """A private cluster; `stop` and `start` stand for a server that goes down and comes back."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        options = ["--no-sync", "--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
        self._run("initdb", *options, "-D", str(folder / "data"))

    def start(self) -> None:
        """Returns when the server answers; raises TimeoutError."""
        speed = ["-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "max_connections=40"]
        where = ["-D", str(self._folder / "data"), "-k", str(self._folder), "-c", "listen_addresses="]
        with (self._folder / "log").open("ab") as log:
            command = self._command("postgres", *where, *speed)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        self._wait()

    def stop(self) -> None:
        """Ends the server at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(3)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Stops all its processes for a while: connections stay, and nothing is answered."""
        assert self._process is not None
        server = self._process.pid
        stopped = [server]
        os.kill(server, signal.SIGSTOP)  # first, so that it starts no further process
        try:
            for pid in _children(server):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def new_database(self) -> str:
        """URL of a new, empty database."""
        name = f"t{uuid4().hex}"
        with self._connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql://{USER}@/{name}?host={self._folder}"

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self._folder), user=USER, dbname="postgres", autocommit=True)

    def _wait(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as exc:
                if time.monotonic() > deadline_s:
                    raise TimeoutError((self._folder / "log").read_text(errors="replace")) from exc
                time.sleep(0.02)  # one look at the condition every 20 ms
            else:
                return

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(self._command(program, *arguments), capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr

    def _command(self, program: str, *arguments: str) -> list[str]:
        """PostgreSQL refuses to run as root; and it must not outlive the tests."""
        be_postgres = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        return ["setpriv", *be_postgres, "--pdeathsig=QUIT", str(self._programs / program), *arguments]


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _programs() -> Path | None:
    """Folder of the newest server programs, which Debian keeps out of PATH."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = sorted((initdb.parent for initdb in found), key=lambda path: int(path.parent.name))
    return versions[-1] if versions else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running private server."""
    programs = _programs()
    if programs is None:
        missing = "no PostgreSQL server programs: apt-get install postgresql"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="wbpg-", dir="/tmp"))
    server = None
    try:
        server = PostgresServer(programs, folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a new, empty database, once for each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'records.sqlite'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()
