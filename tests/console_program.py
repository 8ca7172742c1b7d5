"""A program around `interact`, as the command line has one; the tests run it in a terminal of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.wires.interactive import Options, interact
from workbench.wires.serial_port import PortSettings


def main() -> int:
    """Arguments: port, and options as JSON."""
    given = json.loads(sys.argv[2])
    log = given.pop("log", None)
    lease_lost = Path(given.pop("lease")) if "lease" in given else None

    def check() -> None:
        if lease_lost is not None and lease_lost.exists():
            raise WorkbenchError("the lease is lost")

    try:
        outcome = interact(
            sys.argv[1],
            PortSettings(),
            stdin_fd=0,
            out=lambda text: write(1, text),
            say=lambda text: write(2, f"--- {text} ---\n"),
            options=Options(**{"timestamps": False, **given}),
            log_path=None if log is None else Path(log),
            check=check,
        )
    except WorkbenchError as error:
        write(2, f"ERROR {error.code}: {error.what}\n")
        return error.exit_code
    write(2, f"OUTCOME {outcome.reason} {outcome.received_bytes} {outcome.sent_bytes}\n")
    return 0


def write(fd: int, text: str) -> None:
    """Shows at once."""
    data = text.encode()
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    sys.exit(main())
