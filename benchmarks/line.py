"""A serial line at its true speed between a board's tty, which has none, and a client's."""

from __future__ import annotations

import os
import selectors
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import serial

BITS_OF_A_BYTE = 10
TICK_S = 0.001


class _Direction:
    """Bytes in one direction, let through no faster than the line would."""

    def __init__(self, baud: int) -> None:
        self._rate = baud / BITS_OF_A_BYTE
        self._waiting = bytearray()
        self._free_at = 0.0

    def take(self, data: bytes, now: float) -> None:
        """Bytes that were sent into the line."""
        if not self._waiting:
            self._free_at = max(self._free_at, now)
        self._waiting += data

    def due(self, now: float) -> bytes:
        """Those that have come out at its other end by now."""
        count = min(len(self._waiting), max(0, int((now - self._free_at) * self._rate)))
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._free_at += count / self._rate
        return data


@contextmanager
def paced(tty_path: str, baud: int) -> Iterator[str]:
    """A tty whose other end is that one, over a line of `baud`, eight data bits, no parity."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ended = threading.Event()
    with serial.Serial(tty_path, baud, timeout=0) as port:
        thread = threading.Thread(target=_relay, args=(port, master, baud, ended), daemon=True)
        thread.start()
        try:
            yield os.ttyname(slave)
        finally:
            ended.set()
            thread.join()
            os.close(slave)
            os.close(master)


def _relay(port: serial.Serial, master: int, baud: int, ended: threading.Event) -> None:
    down, up = _Direction(baud), _Direction(baud)
    with selectors.DefaultSelector() as selector:
        selector.register(port.fileno(), selectors.EVENT_READ, up)
        selector.register(master, selectors.EVENT_READ, down)
        while not ended.is_set():
            for key, _ in selector.select(TICK_S):
                key.data.take(os.read(key.fd, 1 << 12), time.monotonic())
            now = time.monotonic()
            if data := down.due(now):
                port.write(data)
            if data := up.due(now):
                os.write(master, data)
