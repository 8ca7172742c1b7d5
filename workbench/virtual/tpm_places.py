"""Where a virtual TPM keeps its state and listens."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from workbench.settings import runtime_dir

STATE_DIR: Final = "tpm-state"
VENDOR_DIR: Final = "tpm-vendor"


def sockets_dir() -> Path:
    """Folder with two sockets for each powered virtual TPM of this user."""
    folder = runtime_dir() / "tpms"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def tpm_path(uid: str) -> Path:
    """Where the TPM takes commands."""
    return sockets_dir() / f"{uid}.tpm"


def control_path(uid: str) -> Path:
    """Where its supervisor listens."""
    return sockets_dir() / f"{uid}.sock"
