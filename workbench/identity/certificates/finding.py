"""What a lint finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How much a finding counts: from WARNING on a certificate is not issued."""

    NOTICE = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: `code` is stable, `reference` the section that asks for it, `source` "workbench" or
    "pkilint".
    """

    code: str
    severity: Severity
    message: str
    reference: str
    source: str = "workbench"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
