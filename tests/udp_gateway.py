"""A gateway between UDP and a device's serial line: one SMP message a datagram, some of which get lost."""

from __future__ import annotations

import random
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from workbench.wires.serial_port import PortSettings
from workbench.wires.smp_framing import ConsoleFraming
from workbench.wires.smp_link import SerialLink

SLICE_S: Final = 0.02


class Gateway:
    """Carries messages until it is closed; `lost` counts the datagrams that it dropped on purpose."""

    def __init__(self, tty: str, loss: float, seed: int) -> None:
        self._link = SerialLink(tty, PortSettings(baud=115_200), ConsoleFraming())
        self._loss, self._dice = loss, random.Random(seed)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.lost = self.carried = 0
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()
        self._link.close()

    def _run(self) -> None:
        client: tuple[str, int] | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while not self._ended.is_set():
                for _ in selector.select(0 if client else SLICE_S):
                    message, client = self._socket.recvfrom(1 << 16)
                    if not self._drops():
                        self._link.send(message)
                answer = self._link.receive(SLICE_S) if client else None
                if answer and client and not self._drops():
                    self._socket.sendto(answer, client)

    def _drops(self) -> bool:
        lost = self._dice.random() < self._loss
        self.lost += lost
        self.carried += not lost
        return lost


@contextmanager
def gateway(tty: str, loss: float = 0.0, seed: int = 1) -> Iterator[Gateway]:
    made = Gateway(tty, loss, seed)
    try:
        yield made
    finally:
        made.close()
