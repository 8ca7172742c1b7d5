"""Fixtures of virtual boards: a private runtime folder, and a powered micro:bit twin."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twin_lab import twin_in
from workbench.virtual.twins import Twin


@pytest.fixture
def twin_runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder of the test's own, short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    monkeypatch.setenv("WORKBENCH_RUNTIME", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def twin(tmp_path: Path, twin_runtime: Path) -> Iterator[Twin]:
    """A powered micro:bit twin, blank."""
    with twin_in(tmp_path) as board:
        yield board
