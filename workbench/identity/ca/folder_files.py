"""Files of a CA's folder: whole or not there, on the disk before anything relies on them."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.identity.ca.errors import CaStoreFailed


def new_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """A file that must not exist, synced; raises CaStoreFailed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise CaStoreFailed(f"{path}: {error.strerror or error}") from error


def replace_file(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """The old file or the new one, never a part; raises CaStoreFailed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    new_file(temporary, data, mode=mode)
    try:
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CaStoreFailed(f"{path}: {error.strerror or error}") from error


def sync_folder(path: Path) -> None:
    """Has the folder's names on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
