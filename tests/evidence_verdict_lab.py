"""Evidence of a good unit, and the verdict of both verifiers, which must be the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.evidence_lab import SCRIPT, Lab
from workbench.identity.evidence.errors import REASONS, EvidenceRefused
from workbench.identity.evidence.log import read_log
from workbench.identity.evidence.verify import verify_evidence

LAB = Lab()
GOOD = LAB.build()
OTHER = Lab()
"""Another factory."""
ROOTS = [LAB.root.der]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_evidence_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ALONE = _load()
"""The script, in this process: thousands of files would take long in processes of their own."""


def reason(data: bytes, roots: list[bytes], log: list[bytes] | None = None, *, held: bool = False) -> str:
    """The reason of both verifiers for refusing it, "" where they believe it."""

    def entries() -> Iterator[Any]:
        yield from read_log(log or [])

    try:
        verify_evidence(data, roots, entries() if log is not None else None, require_held=held)
        ours = ""
    except EvidenceRefused as error:
        ours = error.reason
    try:
        ALONE.verify(data, roots, iter(log) if log is not None else None, held)
        theirs = ""
    except ALONE.Refused as error:
        theirs = str(error)
    assert ours == theirs
    assert ours == "" or ours in REASONS
    return ours
