"""What tpm2-pytss calls to reach a TPM: passes commands to a transport, counts them and takes their time,
and puts our session around those that are to go in it.

An exception must not leave a callback of the library; it is kept here, and `Connection` raises it.
"""

from __future__ import annotations

import contextlib
import functools
import struct
import time
from collections.abc import Callable
from typing import Final

from tpm2_pytss.constants import TPM2_CC
from tpm2_pytss.TCTI import PyTCTI

from workbench.errors import WorkbenchError
from workbench.wires.tpm.errors import TpmAnswerForged, TpmUnreachable, TpmValueInvalid
from workbench.wires.tpm.names import Names
from workbench.wires.tpm.session import Session, Use
from workbench.wires.tpm.transports import Transport
from workbench.wires.tpm.values import CommandTime, Spent

Timed = Callable[[str, float], None]
CC_FLUSH_CONTEXT: Final = 0x165
NO_SESSIONS: Final = 0x8001
NOT_BELIEVED: Final = struct.pack(">HII", NO_SESSIONS, 10, 0x101)
"""What the library gets instead of an answer that is not believed, so that it does not act on that:
TPM_RC_FAILURE."""


class Wire(PyTCTI):  # type: ignore[misc]
    """A counted way to a TPM.  Once it failed it stays failed: command and answer may be out of step."""

    def __init__(self, transport: Transport, timed: Timed | None, timeout_s: float) -> None:
        super().__init__()
        self._transport = transport
        self._timed = timed
        self._timeout_s = timeout_s
        self._failed: WorkbenchError | None = None
        self.last_rc = 0
        """Response code of the last answer."""
        self.sent = 0
        """Commands so far, answered or not."""
        self.names = Names()
        self.session: Session | None = None
        self.use: Use | None = None
        """How the command that comes next uses the session; None: not at all."""
        self._inside = False
        """Whether the last command went in the session."""
        self._command = b""
        self._refusal: WorkbenchError | None = None
        self._code = 0
        self._began = 0.0
        self._times: dict[int, tuple[int, float]] = {}

    def do_transmit(self, command: bytes) -> None:
        """The library sends a command."""
        self._code = int.from_bytes(command[6:10], "big")
        self._command, self._inside = command, self.use is not None
        if self.use is not None:
            command = self._wrapped(command, self.use)
        self.sent += 1
        self._began = time.monotonic()
        try:
            self._transport.send(command, self._began + self._timeout_s)
        except WorkbenchError as error:
            self._failed = error
            raise

    def do_receive(self, timeout: int) -> bytes:
        """The library wants the answer."""
        answer = self._receive()
        took_s = time.monotonic() - self._began
        count, total_s = self._times.get(self._code, (0, 0.0))
        self._times[self._code] = count + 1, total_s + took_s
        if self._timed is not None:
            self._timed(command_word(self._code), took_s)
        self.last_rc = int.from_bytes(answer[6:10], "big")
        if self._inside:
            answer = self._unwrapped(answer)
        self.names.learn(self._command, answer)
        return answer

    def _wrapped(self, command: bytes, use: Use) -> bytes:
        assert self.session is not None
        try:
            return self.session.wrap(command, use, self.names.of)
        except ValueError as error:
            self._refusal = TpmValueInvalid(f"{command_word(self._code)} takes no session: {error}")
            raise
        except WorkbenchError as error:
            self._refusal = error
            raise

    def _unwrapped(self, answer: bytes) -> bytes:
        assert self.session is not None
        try:
            return self.session.unwrap(answer)
        except TpmAnswerForged as forged:
            self._refusal = self._failed = forged
            return NOT_BELIEVED

    def take_refusal(self) -> WorkbenchError | None:
        """Why the last command was not sent, or its answer not believed; asked for once."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def _receive(self) -> bytes:
        try:
            return self._transport.receive(self._began + self._timeout_s)
        except WorkbenchError as error:
            self._failed = error
            raise

    def need(self) -> None:
        """Raises what broke the connection."""
        if self._failed is not None:
            raise self._failed

    def fail(self, error: WorkbenchError) -> None:
        """Nothing is sent any more."""
        self._failed = error

    def flush(self, handle: int) -> None:
        """FlushContext of something that the library has not seen; what cannot be flushed stays."""
        self.exchange(struct.pack(">HIII", NO_SESSIONS, 14, CC_FLUSH_CONTEXT, handle))

    def exchange(self, command: bytes) -> bytes:
        """Sends a whole command past the library; the answer, whatever it says."""
        self.need()
        self.do_transmit(command)
        return self.do_receive(-1)

    def spent(self) -> Spent:
        """What went over the wire so far."""
        by_command = {command_word(c): CommandTime(n, s) for c, (n, s) in self._times.items()}
        return Spent(
            commands=sum(t.count for t in by_command.values()),
            tpm_s=sum(t.tpm_s for t in by_command.values()),
            by_command=by_command,
        )

    def close(self) -> None:
        """Ends the connection.  Never raises."""
        with contextlib.suppress(OSError):
            self._transport.close()
        if self._failed is None:
            self._failed = TpmUnreachable("the connection to the TPM has ended")


@functools.cache
def command_word(code: int) -> str:
    """`NV_Write` for 0x137."""
    try:
        word = str(TPM2_CC.to_string(TPM2_CC(code)))
    except ValueError:
        return f"0x{code:x}"
    return word.rpartition(".")[2]
