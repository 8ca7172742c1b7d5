"""Carries TPM commands from standard input to a TPM, and answers back.

    python -m workbench.wires.tpm.pipe TCTI

For programs that cannot reach a TPM themselves: tpm2-tools through their `cmd:` TCTI, or another machine
over ssh.  Needs no TPM library.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from workbench.boards.tcti import parse_tcti
from workbench.errors import WorkbenchError
from workbench.wires.tpm.transports import ANSWER_MAX, HEADER, Transport, open_transport

ANSWER_S: Final = 120.0


def carry(transport: Transport, read_fd: int, write_fd: int) -> None:
    """Until the end of input.  Raises TpmUnreachable, TpmAnswerInvalid."""
    waiting = b""
    while part := os.read(read_fd, ANSWER_MAX):
        waiting += part
        while len(waiting) >= HEADER and len(waiting) >= (size := int.from_bytes(waiting[2:6], "big")):
            command, waiting = waiting[:size], waiting[size:]
            if size < HEADER:
                return
            deadline = time.monotonic() + ANSWER_S
            transport.send(command, deadline)
            answer = transport.receive(deadline)
            while answer:
                answer = answer[os.write(write_fd, answer) :]


def main() -> int:
    """Exit code of the program."""
    if len(sys.argv) != 2:
        print("usage: python -m workbench.wires.tpm.pipe TCTI", file=sys.stderr)
        return 2
    try:
        transport = open_transport(parse_tcti(sys.argv[1]), ANSWER_S)
        try:
            carry(transport, 0, 1)
        finally:
            transport.close()
    except WorkbenchError as error:
        print(error.diagnostics(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
