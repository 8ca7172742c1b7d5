"""A private PostgreSQL server to measure on: a cluster in a temporary folder, without TCP."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

START_TIMEOUT_S: Final = 60.0
USER: Final = "workbench"


@contextmanager
def postgres_url() -> Iterator[str | None]:
    """URL of an empty database on a server with its usual durability; None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="wbpg-", dir="/tmp"))
    try:
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            _command(found[-1], *options, "-D", str(folder / "data")),
            check=True,
            capture_output=True,
            cwd="/",
        )
        with _running(found[-1].parent / "postgres", folder):
            yield f"postgresql://{USER}@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(program: Path, folder: Path) -> Iterator[None]:
    where = ["-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses="]
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(_command(program, *where), stdout=log, stderr=log, cwd="/")
    try:
        _wait(folder)
        yield
    finally:
        server.send_signal(3)
        server.wait(START_TIMEOUT_S)


def _wait(folder: Path) -> None:
    import psycopg

    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(host=str(folder), user=USER, dbname="postgres").close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline_s:
                raise TimeoutError((folder / "log").read_text(errors="replace")) from error
            time.sleep(0.05)  # one look every 50 ms


def _command(program: Path, *arguments: str) -> list[str]:
    """PostgreSQL refuses to run as root; and it must not outlive the benchmark."""
    be_postgres = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
    return ["setpriv", *be_postgres, "--pdeathsig=QUIT", str(program), *arguments]
