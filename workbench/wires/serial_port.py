"""Opens a serial port by path or pyserial URL, in bounded time, with errors that say what to do.

A path may be a symlink (`/dev/serial/by-path/…`, or a link to a pty); a URL is whatever pyserial knows:
`socket://`, `rfc2217://`, `loop://` and so on.  Reading and writing is the business of `fd_port` and
`url_port`.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

import serial

from workbench.wires.errors import (
    SerialBusy,
    SerialDenied,
    SerialError,
    SerialInvalid,
    SerialMissing,
    SerialTimeout,
)
from workbench.wires.fd_port import FdPort, keep_alive
from workbench.wires.url_port import Rfc2217, UrlPort

OPEN_TIMEOUT_S: Final = 10.0

_MISSING: Final = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENODEV,
    errno.ENXIO,
    errno.EIO,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
}
_BUSY: Final = {errno.EBUSY, errno.EAGAIN}
_DENIED: Final = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True, kw_only=True, slots=True)
class PortSettings:
    """How a line is set.  `dtr` and `rts` None leaves them as the driver sets them on opening (asserted)."""

    baud: int = 115_200
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["N", "E", "O", "M", "S"] = "N"
    stopbits: float = 1
    xonxoff: bool = False
    rtscts: bool = False
    dtr: bool | None = None
    rts: bool | None = None


class Port(Protocol):
    """An open serial port, owned by one reader; writing and closing are safe from any thread."""

    def read_some(self, timeout_s: float) -> bytes:
        """What is there, at most 64 KiB; b"" after `timeout_s` without a byte.  Raises SerialLost."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """All of `data`.  Raises SerialLost, SerialTimeout."""

    def send_break(self) -> None:
        """Holds the line in break for about 0.25 s.  Raises SerialError where the port has no break."""

    def wake(self) -> None:
        """Makes `read_some` return at once from now on (or within 0.2 s): its owner is about to close."""

    def close(self) -> None:
        """Gives the port back.  Never raises."""


class _PathSerial(serial.Serial):
    """pyserial's port, keeping what came before it was opened: a board faster than the station is heard."""

    def _reset_input_buffer(self) -> None:
        pass


def is_url(port: str) -> bool:
    """Whether `port` is a pyserial URL; otherwise it is a path."""
    return "://" in port


def _scheme(port: str) -> str:
    return port.partition("://")[0].lower() if is_url(port) else ""


@dataclass(frozen=True, slots=True)
class PtyLink:
    """A link, or chain of links, that led to a pty, told apart from one made later in its place."""

    hops: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, port: str) -> PtyLink | None:
        """The link that `port` is at this moment; None where it is none, or does not lead to a pty."""
        hops: list[tuple[int, int]] = []
        path = port
        with contextlib.suppress(OSError):
            while not is_url(port) and os.path.islink(path) and len(hops) < 40:
                found = os.lstat(path)
                hops.append((found.st_ino, found.st_ctime_ns))
                path = os.path.join(os.path.dirname(path), os.readlink(path))
        return cls(tuple(hops)) if hops and os.path.normpath(path).startswith("/dev/pts/") else None


def open_port(port: str, settings: PortSettings | None = None, *, timeout_s: float = OPEN_TIMEOUT_S) -> Port:
    """Opens `port` (path or pyserial URL), locked against other programs, within `timeout_s`.

    Raises SerialMissing, SerialBusy, SerialDenied, SerialTimeout, SerialInvalid.
    """
    if not is_url(port):
        _require_path(port)
    return _Opening(port, settings or PortSettings()).result(timeout_s)


def _require_path(path: str) -> None:
    """Raises SerialMissing or SerialInvalid without touching a driver."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise _translate(path, error) from error
    if not stat.S_ISCHR(found.st_mode):
        raise SerialInvalid(f"{path} is not a serial port", cause="it is not a character device")


class _Opening:
    """One attempt to open a port in a thread of its own, because drivers and name servers can hang."""

    def __init__(self, port: str, settings: PortSettings) -> None:
        self._port = port
        self._settings = settings
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._abandoned = False
        self._opened: Port | None = None
        self._error: Exception | None = None

    def result(self, timeout_s: float) -> Port:
        threading.Thread(target=self._run, name=f"open {self._port}", daemon=True).start()
        self._done.wait(timeout_s)
        with self._lock:
            self._abandoned = True
        if self._opened is not None:
            return self._opened
        if self._error is not None:
            raise _translate(self._port, self._error) from self._error
        raise SerialTimeout(f"{self._port} did not open within {timeout_s:g} s")

    def _run(self) -> None:
        try:
            opened = _open(self._port, self._settings)
        except Exception as error:  # whatever a driver raises belongs to the caller
            self._error = error
        else:
            with self._lock:
                late = self._abandoned
                if not late:
                    self._opened = opened
            if late:
                opened.close()
        self._done.set()


def _open(port: str, settings: PortSettings) -> Port:
    if _scheme(port) == "socket":
        # what is connected is the far end's own line: settings do not reach it
        connection = socket.create_connection(_address(port), timeout=OPEN_TIMEOUT_S)
        keep_alive(connection)
        connection.setblocking(False)
        return FdPort(port, connection)
    device: serial.Serial | Rfc2217 = _device(port)
    _apply(device, settings)
    device.open()
    if isinstance(device, serial.Serial):
        return FdPort(port, device, path=None if is_url(port) else port)
    return UrlPort(port, device)


def _address(url: str) -> tuple[str, int]:
    """Host and port of a `socket://` URL.  Raises ValueError."""
    parts = urlsplit(url)
    if not parts.hostname or parts.port is None:
        raise ValueError("expected socket://HOST:PORT")
    return parts.hostname, parts.port


def _device(port: str) -> serial.Serial | Rfc2217:
    """A pyserial object for `port`, not yet open."""
    if is_url(port) and _scheme(port) != "rfc2217":
        return serial.serial_for_url(port, do_not_open=True, timeout=UrlPort.POLL_S)
    device: serial.Serial | Rfc2217 = Rfc2217(timeout=UrlPort.POLL_S) if is_url(port) else _PathSerial()
    device.port = port
    return device


def _apply(device: serial.SerialBase, settings: PortSettings) -> None:
    """Sets a port that is not yet open.  Raises ValueError where pyserial knows a value to be impossible."""
    device.baudrate = settings.baud
    device.bytesize = settings.bytesize
    device.parity = settings.parity
    device.stopbits = settings.stopbits
    device.xonxoff = settings.xonxoff
    device.rtscts = settings.rtscts
    if settings.dtr is not None:
        device.dtr = settings.dtr
    if settings.rts is not None:
        device.rts = settings.rts
    if isinstance(device, serial.Serial):
        # flock, as pyserial programs do.  On a pty, TIOCEXCL would outlive a killed owner.
        device.exclusive = True


def _translate(port: str, error: Exception) -> SerialError | SerialInvalid:
    """What an exception of the system or of pyserial means to a person."""
    number, root = _root(error)
    if number in _BUSY:
        return SerialBusy(f"{port} is used by another program", cause=_holders(port))
    if number in _DENIED:
        return _denied(port)
    if isinstance(root, ValueError | TypeError) or number in {errno.EINVAL, errno.ENOTTY}:
        return SerialInvalid(f"{port} cannot be opened: {error}")
    if isinstance(root, TimeoutError):
        return SerialTimeout(f"{port} did not answer: {error}")
    if isinstance(root, socket.gaierror):
        return SerialMissing(
            f"{port}: {root.strerror}", cause="the host name is unknown or the network is down"
        )
    if number in _MISSING and is_url(port):
        cause = "the port's server does not run, or runs at another address"
        return SerialMissing(
            f"nothing answers at {port}", cause=cause, action="start the server, check the URL"
        )
    if number in _MISSING:
        return SerialMissing(f"{port} is not there")
    if "RFC2217" in str(error):
        return SerialTimeout(
            f"{port} does not speak RFC 2217: {error}", action="try socket:// for a raw TCP port"
        )
    return SerialError(f"{port} cannot be opened: {error}")


def _root(error: Exception) -> tuple[int | None, BaseException]:
    """The error number, and the exception below pyserial's, which hides both in its text."""
    root: BaseException = error
    while isinstance(root, serial.SerialException) and root.errno is None and root.__context__ is not None:
        root = root.__context__
    number = root.args[0] if root.args and isinstance(root.args[0], int) else None
    return number, root


def _denied(path: str) -> SerialDenied:
    what = f"this user may not open {path}"
    try:
        found = os.stat(path)
        group = grp.getgrgid(found.st_gid).gr_name
    except (OSError, KeyError):
        return SerialDenied(what)
    if not found.st_mode & stat.S_IRGRP or group == "root":
        action = "install the udev rules that `workbench doctor` names, then plug the board in again"
        return SerialDenied(what, cause="the port belongs to root alone", action=action)
    action = f"`sudo usermod -aG {group} $USER`, then log out and in again"
    return SerialDenied(what, cause=f"the port belongs to group {group}", action=action)


def _holders(path: str) -> str:
    """Who has the port open, as far as this user may see; pyserial's lock does not tell."""
    names: list[str] = []
    real = os.path.realpath(path)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(os.readlink(fd) == real for fd in (process / "fd").iterdir()):
                names.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
    if not names:
        return "a terminal program, ModemManager or another station has it open"
    return "it is open in " + ", ".join(names[:5])
