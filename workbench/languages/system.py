"""What the operating system says when it refuses something, as it stands within many errors (strerror)."""

from __future__ import annotations

from typing import Final

from workbench.languages import N_

SYSTEM: Final = (
    N_("Address already in use"),
    N_("Broken pipe"),
    N_("Cannot allocate memory"),
    N_("Connection refused"),
    N_("Connection reset by peer"),
    N_("Connection timed out"),
    N_("Device or resource busy"),
    N_("Disk quota exceeded"),
    N_("File exists"),
    N_("File too large"),
    N_("Input/output error"),
    N_("Is a directory"),
    N_("No route to host"),
    N_("No space left on device"),
    N_("No such device"),
    N_("No such device or address"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Operation not permitted"),
    N_("Permission denied"),
    N_("Read-only file system"),
    N_("Too many open files"),
)
