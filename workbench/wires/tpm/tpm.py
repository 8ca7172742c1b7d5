"""A TPM 2.0, connected: `with open_tpm("device:/dev/tpmrm0") as tpm:`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from workbench.wires.tpm.hierarchies import HierarchyCommands  # isort: skip  (first: it calms the library's log)

from tpm2_pytss import ESAPI, TSS2_Exception

from workbench.boards.tcti import parse_tcti
from workbench.wires.tpm.errors import RC_INITIALIZE, TpmAnswerInvalid, TpmRefused
from workbench.wires.tpm.pytcti import Timed, Wire
from workbench.wires.tpm.transports import open_transport

ANSWER_S: Final = 90.0
"""How long one command may take; RSA keys take seconds on real TPMs."""


class Tpm(HierarchyCommands):
    """All commands.  Made by `open_tpm`."""


@contextlib.contextmanager
def open_tpm(
    tcti: str,
    *,
    check: Callable[[], None] | None = None,
    timed: Timed | None = None,
    timeout_s: float = ANSWER_S,
    library_sessions: bool = False,
) -> Iterator[Tpm]:
    """Connects to the TPM that the TCTI string names, and leaves nothing of this connection in it.

    `check` is called before each command and may raise to stop; `timed` after each with its name and the
    TPM's time in seconds; no command takes longer than `timeout_s`.  With `library_sessions` tpm2-tss
    computes the salted session, slowly, instead of `session`; the TPM sees no difference.  Objects and
    sessions that an earlier user left are removed.  Raises TctiInvalid, TpmUnreachable.
    """
    wire = Wire(open_transport(parse_tcti(tcti), timeout_s), timed, timeout_s)
    try:
        esapi = ESAPI(wire)
    except TSS2_Exception as error:
        wire.close()
        raise TpmAnswerInvalid(f"{tcti}: {error}") from error
    tpm = Tpm(esapi, wire, check, library_sessions=library_sessions)
    try:
        _tidy(tpm)
        yield tpm
    except BaseException:
        tpm.close(thoroughly=True)
        raise
    tpm.close()


def _tidy(tpm: Tpm) -> None:
    try:
        tpm.tidy()
    except TpmRefused as refused:
        if refused.rc != RC_INITIALIZE:
            raise
