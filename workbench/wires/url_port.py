"""A serial port behind a pyserial URL without a file descriptor: `rfc2217://`, `loop://` and others."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import Final

import serial
from serial import rfc2217

from workbench.wires.errors import SerialError, SerialLost, SerialTimeout
from workbench.wires.fd_port import READ_BYTES, keep_alive

CLOSE_S: Final = 1.0
"""How long closing waits for pyserial, which may take seconds; the rest goes on in the background."""


class Rfc2217(rfc2217.Serial):
    """pyserial's RFC 2217 client, reading in batches.

    The stock `read` takes byte by byte, and throws away what arrived just before the connection broke.
    """

    _read_buffer: queue.Queue[bytes | None]
    _socket: socket.socket
    _thread: threading.Thread | None

    def open(self) -> None:
        """Connects and negotiates.  Raises SerialException."""
        super().open()
        keep_alive(self._socket)

    def read(self, size: int = 1) -> bytes:
        """What is there, whatever `size` says, waiting for one byte.  Raises SerialException at the end."""
        alive = self._thread is not None and self._thread.is_alive()
        try:
            first = self._read_buffer.get(timeout=self.timeout if alive else 0)
        except queue.Empty:
            if alive:
                return b""
            raise serial.SerialException("closed by the far end") from None
        with self._read_buffer.mutex:
            rest = list(self._read_buffer.queue)
            self._read_buffer.queue.clear()
        return b"".join(byte for byte in (first, *rest) if byte is not None)

    @property
    def in_waiting(self) -> int:
        """Always 0: `read` leaves nothing behind."""
        return 0

    def reset_input_buffer(self) -> None:
        """Keeps what arrived while the port was opened."""


class UrlPort:
    """Reads through pyserial's own `read`, whose time limit can only be set before the port is opened."""

    POLL_S: Final = 0.2

    def __init__(self, name: str, device: serial.Serial | Rfc2217) -> None:
        self._name = name
        self._device = device
        self._closed = False

    def read_some(self, timeout_s: float) -> bytes:
        """See Port.  Waits for 0.2 s whatever `timeout_s` says."""
        if self._closed:
            return b""
        try:
            data = bytes(self._device.read(1))
            waiting = min(self._device.in_waiting, READ_BYTES - 1) if data else 0
            return data + bytes(self._device.read(waiting)) if waiting else data
        except (OSError, serial.SerialException, TypeError, AttributeError) as error:
            # pyserial's ports fail with the last two when they are closed under a read
            raise SerialLost(f"{self._name} vanished ({error})") from error

    def write(self, data: bytes, timeout_s: float) -> None:
        """See Port.  The time limit is pyserial's, 5 s for RFC 2217."""
        try:
            self._device.write(data)
        except serial.SerialTimeoutException as error:
            raise SerialTimeout(f"{self._name} did not take {len(data)} bytes") from error
        except (OSError, serial.SerialException, AttributeError) as error:
            raise SerialLost(f"{self._name} vanished while it was written to ({error})") from error

    def send_break(self) -> None:
        """See Port."""
        try:
            self._device.send_break()
        except (OSError, serial.SerialException, ValueError, NotImplementedError) as error:
            raise SerialError(f"{self._name} did not send a break: {error}") from error

    def wake(self) -> None:
        """See Port."""
        self._closed = True

    def close(self) -> None:
        """See Port."""
        self._closed = True
        worker = threading.Thread(target=self._close, name=f"close {self._name}", daemon=True)
        worker.start()
        worker.join(CLOSE_S)

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            self._device.close()
