"""Reading and writing image and key files.  The only place of this room that touches the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from workbench.errors import Blame, InputError, WorkbenchError

MAX_FILE_BYTES: Final = 64 << 20
MAX_KEY_FILE_BYTES: Final = 64 << 10


class ImageFileUnreadable(InputError):
    """A file cannot be read."""

    code = "image-file-unreadable"
    default_cause = "a mistyped path, a folder, or a file that belongs to somebody else"
    default_action = "check the path and its permissions"


class FileExists(InputError):
    """A file is there already and is not overwritten."""

    code = "file-exists"
    default_cause = "an earlier run wrote it; keys that are overwritten cannot be had back"
    default_action = "name another file or folder, or move the old one away"


class ImageFileUnwritable(WorkbenchError):
    """A file cannot be written."""

    code = "image-file-unwritable"
    blame = Blame.STATION
    default_cause = "a folder that does not exist or may not be written to, or a full disk"
    default_action = "check the folder and the free space"


def read(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The file's bytes; raises ImageFileUnreadable, also for more than `max_bytes`."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImageFileUnreadable(f"{path}: {error.strerror or error}") from error
    if len(data) > max_bytes:
        raise ImageFileUnreadable(f"{path} has more than {max_bytes} bytes", cause="a file of another kind")
    return data


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Writes a file that must not exist yet; it is whole on the disk, or not there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _put(temporary, data, mode)
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise FileExists(f"{path} is there already") from None
        finally:
            temporary.unlink()
    except OSError as error:
        raise ImageFileUnwritable(f"{path}: {error.strerror or error}") from error


def write(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Writes a file, in the place of an older one; it is the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            _put(temporary, data, mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ImageFileUnwritable(f"{path}: {error.strerror or error}") from error


def make_private_folder(path: Path) -> None:
    """A folder for secrets, readable by its owner only; it may exist."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImageFileUnwritable(f"{path}: {error.strerror or error}") from error


def _put(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
