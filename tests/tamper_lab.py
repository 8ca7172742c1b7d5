"""Somebody who writes into the records of a line: its database, its log of runs and its journals."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import text

from tests.report_lab import LabLine
from workbench.database.engine import writing
from workbench.station.run_log import FIRST_PREV, encode
from workbench.station.run_log_file import LOG_FILE

TIME: Final = "2026-01-02T03:04:05.000000Z"


def sql(line: LabLine, statement: str) -> None:
    """A statement that changes something."""
    with writing(line.records.engine) as connection:
        assert connection.execute(text(statement)).rowcount > 0


def log_of(line: LabLine) -> Path:
    """The line's log of runs."""
    return line.journals / "recorded" / LOG_FILE


def journals_of(line: LabLine) -> list[Path]:
    """All recorded journals."""
    return sorted((line.journals / "recorded").glob("*/*.jsonl"))


def failed_of(line: LabLine) -> Path:
    """The journal of the one run that failed."""
    (failed,) = [path for path in journals_of(line) if b"FAIL" in path.read_bytes()]
    return failed


def forge(line: LabLine) -> None:
    """Makes log and database anew without the last run, which failed, and takes its journal away."""
    lines = [json.loads(raw) for raw in log_of(line).read_bytes().splitlines()][:-1]
    log_of(line).write_bytes(b"")
    prev = FIRST_PREV
    for number, told in enumerate(lines):
        raw = encode(number, prev, TIME, told["kind"], told["data"])
        with log_of(line).open("ab") as file:
            file.write(raw)
        prev = sha256(raw).hexdigest()
        sql(line, f"UPDATE run_log SET line_sha256 = '{prev}' WHERE line = {number}")
    sql(line, f"DELETE FROM run_log WHERE line = {len(lines)}")
    sql(line, "DELETE FROM runs WHERE verdict = 'FAIL'")
    failed_of(line).unlink()
