"""TPMs behind a TCTI module of tpm2-tss that this package has no way of its own for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from tpm2_pytss import TCTILdr, TSS2_Exception

from workbench.boards.tcti import Module
from workbench.wires.tpm.errors import TctiInvalid, TpmUnreachable


class ModuleTransport:
    """A module may wait for ever, so it works in a thread that can be left behind."""

    def __init__(self, at: Module) -> None:
        self.name = at.name
        try:
            self._tcti = TCTILdr(at.name, at.settings)
        except (TSS2_Exception, RuntimeError) as error:
            raise TctiInvalid(
                f"tpm2-tss cannot use the TCTI string '{at.name}:{at.settings or ''}': {error}"
            ) from error
        self._answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def send(self, command: bytes, deadline: float) -> None:
        """See Transport."""
        self._within(lambda: self._tcti.transmit(command), deadline)

    def receive(self, deadline: float) -> bytes:
        """See Transport."""
        return bytes(self._within(lambda: self._tcti.receive(timeout=-1), deadline))

    def _within(self, act: Callable[[], Any], deadline: float) -> Any:
        def work() -> None:
            try:
                self._answer.put(act())
            except BaseException as error:
                self._answer.put(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            result = self._answer.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise TpmUnreachable(f"the TPM at {self.name} did not answer in time") from None
        if isinstance(result, BaseException):
            raise TpmUnreachable(f"the TPM at {self.name} is gone: {result}") from result
        return result

    def close(self) -> None:
        """See Transport."""
        with contextlib.suppress(TSS2_Exception, RuntimeError):
            self._tcti.close()
