"""A run loads the database's libraries only at its end, and without records not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from workbench.station.places import database_url, journal_dir
from workbench.station import journal, journal_reader
from workbench.station.run import Run

def heavy():
    names = ("sqlalchemy", "alembic", "psycopg")
    return [name for name in names if name in sys.modules]

folder = Path(sys.argv[1])
url = database_url(folder) if sys.argv[2] == "records" else None
with Run.begin("flash", journal_dir=journal_dir(folder), records=url) as run:
    with run.step("program", "Programming"):
        pass
    print(*heavy(), end=";")
print(*heavy(), end="")
"""


def _loaded(folder: Path, records: str) -> str:
    command = [sys.executable, "-c", PROGRAM, str(folder), records]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nothing_heavy_is_loaded_before_the_end(tmp_path: Path) -> None:
    assert _loaded(tmp_path, "none") == ";"
    assert _loaded(tmp_path, "records") == ";sqlalchemy alembic"
    assert _loaded(tmp_path, "records") == ";sqlalchemy"  # nothing left to migrate


def test_the_records_of_a_bench_lie_beside_its_bench_file(tmp_path: Path) -> None:
    _loaded(tmp_path, "records")
    assert (tmp_path / ".workbench" / "records.sqlite").is_file()
    assert len(list((tmp_path / ".workbench" / "journals").glob("recorded/*/*.jsonl"))) == 1
