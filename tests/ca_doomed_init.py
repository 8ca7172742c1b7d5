"""`ca init` in a process that SIGKILLs itself before its Nth act on the disk.

python -m tests.ca_doomed_init FOLDER N      writes how many acts there were where it lived through
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ca_lab import NEW, PASSPHRASE
from workbench.identity.ca import create, key_file

acts = 0


def counted(real: Callable[..., Any], last: int) -> Callable[..., Any]:
    def act(*args: Any, **named: Any) -> Any:
        global acts
        acts += 1
        if acts == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)

    return act


if __name__ == "__main__":
    last = int(sys.argv[2])
    key_file.ROUNDS = key_file.MIN_ROUNDS  # type: ignore[misc]
    for module, name in ((os, "open"), (os, "fsync"), (os, "mkdir"), (os, "rename"), (sqlite3, "connect")):
        setattr(module, name, counted(getattr(module, name), last))
    create.create_ca(Path(sys.argv[1]), NEW, PASSPHRASE)
    print(acts)
