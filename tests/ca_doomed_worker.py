"""The CA's real worker, in a process that SIGKILLs itself at a chosen moment of its first certificate.

python -m tests.ca_doomed_worker FOLDER MOMENT      the passphrase comes on standard input
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from workbench.identity.ca import worker
from workbench.identity.ca.certify import Certifier
from workbench.identity.ca.service import Service
from workbench.identity.ca.store import Store


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(kind: type, name: str) -> Callable[[], None]:
    """Dies instead of the call."""

    def arm() -> None:
        setattr(kind, name, lambda *_a, **_k: die())

    return arm


def after(kind: type, name: str, *, when: Callable[[Any], bool] = lambda _: True) -> Callable[[], None]:
    """Dies after the call, before its caller sees what it gave."""

    def arm() -> None:
        real = getattr(kind, name)

        def doomed(*args: Any, **named: Any) -> Any:
            result = real(*args, **named)
            if when(args):
                die()
            return result

        setattr(kind, name, doomed)

    return arm


def _answers_submit(args: Any) -> bool:
    return args[1].get("op") in ("submit-mcu", "activate", "issue")


MOMENTS: Final[dict[str, Callable[[], None]]] = {
    "before-reserve": before(Store, "reserve"),
    "in-reserving-transaction": after(Store, "reserve"),
    "after-accept": after(Store, "accept"),
    "before-sign": before(Certifier, "sign"),
    "after-sign": after(Certifier, "sign"),
    "in-issuing-transaction": after(Store, "issue"),
    "after-commit": after(Certifier, "finish"),
    "before-answer": after(Service, "answer", when=_answers_submit),
}

if __name__ == "__main__":
    MOMENTS[sys.argv[2]]()
    sys.exit(worker.main(Path(sys.argv[1])))
