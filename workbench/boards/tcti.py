"""TCTI strings: which way leads to a TPM.  Pure.

`NAME:SETTINGS` as tpm2-tss writes it: `device:/dev/tpmrm0`, `swtpm:path=/run/tpm.sock`,
`swtpm:host=127.0.0.1,port=2321`, `mssim:…` (its platform port is one above), `cmd:PROGRAM ARGUMENTS`.  A path
that begins with `/` alone is a device.  Other names are left to tpm2-tss, if it has a module for them.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

from workbench.errors import InputError


class TctiInvalid(InputError):
    """This is not a TCTI string the workbench can use."""

    code = "tcti-invalid"
    default_cause = "a mistyped way to a TPM"
    default_action = (
        "write it like device:/dev/tpmrm0 or swtpm:host=127.0.0.1,port=2321; see docs/tpm-boards.md"
    )


LENGTH_MAX: Final = 400
DEVICE: Final = "/dev/tpmrm0"
HOST: Final = "127.0.0.1"
PORT: Final = 2321
SOCKET_PATH_MAX: Final = 107
"""Bytes of a path that a UNIX socket can have."""


@dataclass(frozen=True, slots=True)
class Device:
    """A TPM device of the kernel."""

    path: str


@dataclass(frozen=True, slots=True)
class Socket:
    """A TPM behind a socket that takes bare commands: swtpm.  Either `path`, or `host` and `port`."""

    path: str | None
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Simulator:
    """The reference simulator with its own protocol; the platform port is `port` + 1."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Program:
    """A program that takes commands on its standard input and answers on its standard output."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """A TCTI module of tpm2-tss."""

    name: str
    settings: str | None


Tcti = Device | Socket | Simulator | Program | Module


def parse_tcti(text: str) -> Tcti:
    """What a TCTI string names.  Raises TctiInvalid."""
    if not text or len(text) > LENGTH_MAX or not text.isprintable() or text != text.strip():
        raise _bad(text, "must be up to 400 printable characters without spaces at its ends")
    if text.startswith("/"):
        return Device(text)
    name, _, settings = text.partition(":")
    match name:
        case "device":
            return _device(text, settings)
        case "swtpm":
            values = _settings(text, settings, {"host", "port", "path"})
            return Socket(_path(text, values), values.get("host", HOST), _port(text, values, 0xFFFF))
        case "mssim":
            values = _settings(text, settings, {"host", "port"})
            return Simulator(values.get("host", HOST), _port(text, values, 0xFFFE))
        case "cmd":
            return _program(text, settings)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
        raise _bad(text, "must begin with device:, swtpm:, mssim:, cmd:, or the name of a module of tpm2-tss")
    return Module(name, settings or None)


def _device(text: str, settings: str) -> Device:
    path = settings or DEVICE
    if not path.startswith("/"):
        raise _bad(text, "must name a device by its absolute path, such as device:/dev/tpmrm0")
    return Device(path)


def _program(text: str, settings: str) -> Program:
    try:
        words = tuple(shlex.split(settings))
    except ValueError as error:
        raise _bad(text, f"must be a command as in a shell: {error}") from error
    if not words:
        raise _bad(text, "must name a program after cmd:")
    return Program(words)


def _settings(text: str, settings: str, known: set[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for part in settings.split(",") if settings else []:
        key, equals, value = part.partition("=")
        if key not in known or not equals or not value:
            raise _bad(text, f"has {part!r} where {', '.join(sorted(known))} can be, each with =value")
        if key in values:
            raise _bad(text, f"names {key} twice")
        values[key] = value
    return values


def _path(text: str, values: dict[str, str]) -> str | None:
    path = values.get("path")
    if path is None:
        return None
    if {"host", "port"} & values.keys():
        raise _bad(text, "must have either path or host and port")
    if len(path.encode()) > SOCKET_PATH_MAX:
        raise _bad(text, f"names a socket whose path is longer than {SOCKET_PATH_MAX} bytes")
    return path


def _port(text: str, values: dict[str, str], highest: int) -> int:
    word = values.get("port", str(PORT))
    if not re.fullmatch(r"[0-9]{1,5}", word) or not 1 <= int(word) <= highest:
        raise _bad(text, f"has port {word!r} where a number from 1 to {highest} must be")
    return int(word)


def _bad(text: str, right: str) -> TctiInvalid:
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:80])
    return TctiInvalid(f"the TCTI string '{shown}' {right}")
