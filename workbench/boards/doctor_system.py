"""Doctor: programs, Python packages, target files, folders."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench import settings
from workbench.boards.finding import Finding
from workbench.boards.target import TargetFileInvalid, list_targets, target_folders
from workbench.toml_file import shown_text

PYTHON: Final = (3, 11)
PROGRAM_TIMEOUT_S: Final = 10.0
SOCKET_PATH_MAX: Final = 107
"""unix(7): sun_path holds 108 bytes with the final zero."""
SOCKET_NAME_ROOM: Final = 40
"""Bytes that names below the runtime folder may take."""
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Program:
    """A program the workbench starts; `oldest` is the version from which on it is known to work."""

    name: str
    package: str
    used_for: str
    oldest: tuple[int, ...]
    arguments: tuple[str, ...] = ("--version",)


PROGRAMS: Final = (
    Program("qemu-system-arm", "qemu-system-arm", "virtual boards", (7, 2)),
    Program("swtpm", "swtpm", "virtual TPMs", (0, 7)),
    Program("arm-none-eabi-gcc", "gcc-arm-none-eabi", "building the firmware samples", (10,)),
    Program("gdb-multiarch", "gdb-multiarch", "debugging by hand", (10,)),
    Program("make", "make", "building the firmware samples", (4,)),
)
PACKAGES: Final = {"pyocd": (0, 36), "pyserial": (3, 5), "pydantic": (2, 0), "tpm2-pytss": (3, 0)}


def programs() -> Iterator[Finding]:
    """Python, and the programs that the workbench starts."""
    found = ".".join(str(n) for n in sys.version_info[:3])
    if sys.version_info[:2] >= PYTHON:
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "fail", found, f"install Python {'.'.join(map(str, PYTHON))} or newer")
    for program in PROGRAMS:
        yield check_program(program)


def check_program(program: Program) -> Finding:
    """Whether it is there, answers, and is new enough.  A missing one is a warning: it may not be needed."""
    install = f"needed for {program.used_for}: apt-get install {program.package}"
    path = shutil.which(program.name)
    if path is None:
        return Finding(program.name, "warn", "not installed", install)
    try:
        command = [path, *program.arguments]
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PROGRAM_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(program.name, "fail", f"{path} does not run: {shown_text(str(error))}", install)
    said = done.stdout.decode("utf-8", "replace").partition("\n")[0]
    version = version_in(said)
    if done.returncode or version is None:
        action = f"run `{program.name} {' '.join(program.arguments)}` by hand and see what it says"
        return Finding(program.name, "fail", f"{path} gives no version: {shown_text(said)}", action)
    if version < program.oldest:
        wanted = ".".join(str(n) for n in program.oldest)
        return Finding(program.name, "warn", f"{_dotted(version)} is older than {wanted}", install)
    return Finding(program.name, "ok", f"{_dotted(version)}, {path}")


def packages() -> Iterator[Finding]:
    """Python packages whose version matters."""
    for name, oldest in PACKAGES.items():
        action = "install the workbench again, into an environment of its own"
        try:
            text = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "fail", "not installed", action)
            continue
        version = version_in(text)
        if version is None or version < oldest:
            yield Finding(name, "fail", f"{text} is older than {_dotted(oldest)}", action)
        else:
            yield Finding(name, "ok", text)


def targets() -> Iterator[Finding]:
    """Folders with target files, and whether every file is right."""
    for folder in settings.target_folders():
        if not folder.is_dir():
            yield Finding("targets", "warn", f"{folder} is no folder", "correct WORKBENCH_TARGETS")
    found = list_targets()
    wrong = [t for t in found if isinstance(t, TargetFileInvalid)]
    for error in wrong:
        yield Finding("targets", "fail", error.what, error.action)
    if not found:
        searched = ", ".join(str(f) for f in target_folders()) or "no folder"
        yield Finding("targets", "fail", f"no target file in {searched}", "install the workbench again")
    elif not wrong:
        yield Finding("targets", "ok", f"{len(found)} target files")


def runtime_folder() -> Finding:
    """Whether sockets can be made there, and their names are short enough."""
    try:
        folder = settings.runtime_dir()
    except OSError as error:
        return Finding("runtime folder", "fail", str(error), "name another folder in WORKBENCH_RUNTIME")
    probe = folder / ".doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        action = "make it writable, or name another folder in WORKBENCH_RUNTIME"
        return Finding("runtime folder", "fail", f"cannot write to {folder}: {error.strerror}", action)
    length = len(bytes(folder))
    if length > SOCKET_PATH_MAX - SOCKET_NAME_ROOM:
        found = f"{folder} is {length} bytes long, too long for the names of sockets in it"
        action = f"name a folder of at most {SOCKET_PATH_MAX - SOCKET_NAME_ROOM} bytes in WORKBENCH_RUNTIME"
        return Finding("runtime folder", "fail", found, action)
    return Finding("runtime folder", "ok", str(folder))


def disk_space(folder: Path, *, warn_mib: int = 500, fail_mib: int = 50) -> Finding:
    """Free space for journals, records and the memory of virtual boards."""
    try:
        free = shutil.disk_usage(folder).free // _MIB
    except OSError as error:
        return Finding("disk space", "fail", f"{folder}: {error.strerror}", "check the disk")
    found = f"{free} MiB free in {folder}"
    if free >= warn_mib:
        return Finding("disk space", "ok", found)
    action = f"make room: runs write journals and logs; below {fail_mib} MiB nothing should be started"
    return Finding("disk space", "warn" if free >= fail_mib else "fail", found, action)


def version_in(text: str) -> tuple[int, ...] | None:
    """The first number with dots in it: "QEMU emulator version 7.2.22 (…)" -> (7, 2, 22)."""
    match = re.search(r"\d+(?:\.\d+)+", text[:1000])
    return tuple(int(n) for n in match.group().split(".")) if match else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(n) for n in version)
