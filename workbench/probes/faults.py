"""pyOCD's exceptions turned into the room's errors.  Everything that pyOCD raises passes through here and no
further.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import WorkbenchError
from workbench.probes.errors import (
    ChipSilent,
    DebugError,
    DebugFault,
    DebugTimeout,
    FlashFailed,
    ProbeBusy,
    ProbeLost,
    TargetUnsupported,
)
from workbench.probes.ledger import FlashState, Ledger
from workbench.probes.limits import Broken, OutOfTime

_BUSY_WORDS = ("busy", "in use", "unable to claim", "already open", "exclusive", "locked by")


@contextmanager
def translated(doing: str, ledger: Ledger | None = None) -> Iterator[None]:
    """Turn what pyOCD and its USB libraries raise into errors of this room.

    `doing` begins the error's text; `ledger` tells what is known of a chip that is being written.
    """
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        state = ledger.state() if ledger is not None else None
        raise translate(error, doing, state) from error


@contextmanager
def time_told(doing: str, ledger: Ledger | None = None) -> Iterator[None]:
    """Turn what a session's thread raises when time is over into DebugTimeout."""
    try:
        yield
    except OutOfTime as error:
        state = ledger.state() if ledger is not None else None
        said = f"{doing}: no end within {error.limit_s:g} s"
        raise DebugTimeout(_with(said, state), state=state) from error
    except Broken as error:
        raise DebugTimeout(
            f"{doing}: the debug session hung earlier and was given up",
            cause="an earlier call to the probe never came back",
        ) from error


def translate(error: Exception, doing: str, state: FlashState | None = None) -> WorkbenchError:
    """The room's error for an exception that came out of pyOCD."""
    from pyocd.core import exceptions

    said = f"{doing}: {str(error) or type(error).__name__}"
    if isinstance(error, exceptions.TargetSupportError):
        return TargetUnsupported(said)
    if isinstance(error, exceptions.FlashFailure):
        return FlashFailed(_with(said, state), state=state)
    if isinstance(error, exceptions.TransferFaultError):
        return DebugFault(_with(said, state))
    if isinstance(error, exceptions.ProbeDisconnected):
        return ProbeLost(_with(said, state), state=state)
    if isinstance(error, exceptions.ProbeError) and any(word in str(error).lower() for word in _BUSY_WORDS):
        return ProbeBusy(said)
    if isinstance(error, (exceptions.ProbeError, OSError)):
        return ProbeLost(_with(said, state), state=state)
    if isinstance(error, exceptions.TransferError):
        return ProbeLost(
            _with(said, state),
            state=state,
            cause="the chip stopped answering: it lost its power, or a debug wire is loose",
        )
    if isinstance(error, exceptions.TimeoutError):
        return DebugTimeout(_with(said, state), state=state)
    return DebugError(_with(said, state))


def connecting(error: WorkbenchError) -> WorkbenchError:
    """The same error seen from the start of a session, where a chip that does not answer never did."""
    from pyocd.core import exceptions

    cause = error.__cause__
    if isinstance(error, DebugFault) or (
        isinstance(cause, (exceptions.TransferError, exceptions.DebugError)) and isinstance(error, DebugError)
    ):
        silent = ChipSilent(error.what)
        silent.__cause__ = cause
        return silent
    return error


def _with(said: str, state: FlashState | None) -> str:
    return said if state is None else f"{said}. State of the chip: {state.words()}"
