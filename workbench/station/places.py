"""Where a bench keeps its journals and its records.  Makes no folder and opens no file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from workbench.settings import STATE_FOLDER

JOURNALS: Final = "journals"


def journal_dir(bench_folder: Path) -> Path:
    """Folder of the journals of the bench whose bench file lies in `bench_folder`."""
    return bench_folder / STATE_FOLDER / JOURNALS


def database_url(bench_folder: Path) -> str:
    """SQLAlchemy URL of the records: WORKBENCH_DATABASE, or SQLite beside the bench file."""
    named = os.environ.get("WORKBENCH_DATABASE")
    return named or f"sqlite:///{(bench_folder / STATE_FOLDER / 'records.sqlite').absolute()}"
