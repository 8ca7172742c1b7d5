"""Passphrases and PINs: from a file that only its owner can read, never from arguments or the environment.

systemd hands credentials to a service in the folder $CREDENTIALS_DIRECTORY (systemd.exec(5),
LoadCredential=); a bare name is looked for there first.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from workbench.identity.ca.errors import CredentialInvalid

MAX_BYTES: Final = 1024


def read_credential(name: Path) -> bytes:
    """The first line of the credential file; raises CredentialInvalid.

    The file must be a regular one, belong to this user (or root), and be closed to group and others.
    """
    path = _place(name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CredentialInvalid(f"{path}: {error.strerror or error}") from error
    try:
        _check(path, os.fstat(descriptor), in_credentials=path != name)
        data = os.read(descriptor, MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    line = data.partition(b"\n")[0].rstrip(b"\r")
    if not line or len(data) > MAX_BYTES:
        raise CredentialInvalid(f"{path} holds no passphrase of 1 to {MAX_BYTES} bytes")
    return line


def _place(name: Path) -> Path:
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder and len(name.parts) == 1 and (Path(folder) / name).is_file():
        return Path(folder) / name
    return name


def _check(path: Path, found: os.stat_result, *, in_credentials: bool) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CredentialInvalid(f"{path} is no file")
    if found.st_uid not in (os.getuid(), 0):
        raise CredentialInvalid(f"{path} belongs to another user")
    open_bits = 0o037 if in_credentials else 0o077
    if found.st_mode & open_bits:
        raise CredentialInvalid(
            f"{path} is open to other users (mode {stat.S_IMODE(found.st_mode):04o})",
            cause="it was made with the usual mode; others may have read it",
            action=f"change the passphrase if others use this machine, then: chmod 600 {path}",
        )
