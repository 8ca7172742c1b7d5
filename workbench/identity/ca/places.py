"""Where a CA's worker is found: lock, socket, log."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from workbench.identity.ca.ca_file import RUN
from workbench.settings import runtime_dir

MAX_SOCKET_PATH: Final = 107
"""Longest path of a UNIX socket in bytes (unix(7): 108 with the terminating zero)."""


def socket_path(folder: Path) -> Path:
    """The worker's socket: in the folder, or in the user's runtime folder where that path is too long."""
    path = folder.resolve() / RUN / "ca.sock"
    if len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    return runtime_dir() / f"ca-{digest}.sock"


def lock_path(folder: Path) -> Path:
    """Locked by the worker as long as it lives."""
    return folder / RUN / "worker.lock"


def start_lock_path(folder: Path) -> Path:
    """Locked by a client while it starts a worker."""
    return folder / RUN / "start.lock"


def log_path(folder: Path) -> Path:
    """What a worker that was started by a client says."""
    return folder / RUN / "worker.log"
