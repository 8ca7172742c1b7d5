"""Where the workbench keeps things, from the environment.  No secrets come this way.

WORKBENCH_BENCH       the bench file (default: bench.toml in the current folder or the nearest one above)
WORKBENCH_TARGETS     further folders with target files, separated as PATH is
WORKBENCH_PROFILES    further folders with security profiles, separated as PATH is
WORKBENCH_DATABASE    SQLAlchemy URL of the records (default: SQLite beside the bench file)
WORKBENCH_RUNTIME     folder for sockets and leases of this user (default: XDG_RUNTIME_DIR/workbench or
                      /tmp/workbench-UID)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

STATE_FOLDER: Final = ".workbench"
"""Folder beside a bench file with the bench's state: twins, journals, last seen chips, records."""


def runtime_dir() -> Path:
    """Per-user folder for sockets and leases, created with mode 0700.  Must be short:

    socket paths end at 107 bytes.

    Raises OSError where the folder cannot be made, PermissionError where it belongs to somebody else.
    """
    named = os.environ.get("WORKBENCH_RUNTIME")
    xdg = os.environ.get("XDG_RUNTIME_DIR")
    if named:
        path = Path(named)
    elif xdg and os.access(xdg, os.W_OK):
        path = Path(xdg) / "workbench"
    else:
        path = Path("/tmp") / f"workbench-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    return path


def target_folders() -> list[Path]:
    """Folders of WORKBENCH_TARGETS, in order."""
    return _folders("WORKBENCH_TARGETS")


def profile_folders() -> list[Path]:
    """Folders of WORKBENCH_PROFILES, in order."""
    return _folders("WORKBENCH_PROFILES")


def _folders(variable: str) -> list[Path]:
    return [Path(p) for p in os.environ.get(variable, "").split(os.pathsep) if p]
