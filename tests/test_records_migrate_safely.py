"""A database gets its tables once, from any number of processes at once, and a newer one is left alone."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, text

from workbench.database import engine as database
from workbench.database.base import Base
from workbench.database.engine import (
    REVISIONS,
    VERSION_TABLE,
    DatabaseTooNew,
    DatabaseUnavailable,
    DatabaseUrlInvalid,
    open_engine,
    writing,
)
from workbench.errors import InputError
from workbench.identity.ledger import tables
from workbench.station import models
from workbench.station.lots import tables as lot_tables
from workbench.station.records import Records
from workbench.station.records_search import RunFilter
from workbench.station.run import Run
from workbench.station.throttle import Stamped

PROCESSES = 4

OPENER = """
import sys
import alembic.command
from pathlib import Path
from workbench.station.records import Records
from workbench.station.records_search import RunFilter
from workbench.station.run import Run

print("ready", flush=True)
sys.stdin.readline()
Records.open(sys.argv[1]).close()
for _ in range(3):
    with Run.begin("flash", "a1", journal_dir=Path(sys.argv[2]), records=sys.argv[1]) as run:
        pass
    assert run.journal_path.parent.parent.name == "recorded", run.journal_path
"""


def test_many_processes_that_start_at_once_make_one_database_and_lose_no_run(
    tmp_path: Path, database_url: str
) -> None:
    command = [sys.executable, "-c", OPENER, database_url, str(tmp_path / "journals")]
    openers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == b"ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    errors = [opener.communicate()[1].decode() for opener in openers]
    assert errors == [""] * PROCESSES
    with Records.open(database_url) as records:
        assert len(records.runs()) == 3 * PROCESSES
    assert list((tmp_path / "journals").glob("*.jsonl")) == []


def test_migrations_make_just_what_the_models_say(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []
        named = {models.RunRow, tables.UnitRow, lot_tables.LotRecord}
        assert {row.__tablename__ for row in named} <= set(Base.metadata.tables)
    engine.dispose()


def test_the_known_revisions_are_those_that_the_package_carries() -> None:
    config = Config()
    config.set_main_option("script_location", "workbench.database:migrations")
    script = ScriptDirectory.from_config(config)
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == REVISIONS


def test_a_migration_that_breaks_off_leaves_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate = database._migrate

    def migrate_and_break(connection: Connection) -> None:
        migrate(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_migrate", migrate_and_break)
    with pytest.raises(KeyboardInterrupt):
        open_engine(database_url)
    monkeypatch.setattr(database, "_migrate", lambda _connection: None)
    engine = open_engine(database_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    monkeypatch.setattr(database, "_migrate", migrate)
    Records.open(database_url).close()


def test_runs_of_an_older_database_are_found_by_their_text(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "REVISIONS", ("0001", "0002", "0003", "0004"))
        older = open_engine(database_url)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    times = {"started_at": at, "finished_at": at, "recorded_at": at, "elapsed_s": 1.0}
    plain = {"verb": "unit", "verdict": "FAIL", "host": "h", "version": "0.7", "complete": True}
    error = {"code": "flash-failed", "what": "page 3 is not erased"}
    said = {"result": {"serial": "A-7", "steps": [{"step": "erase-all"}]}, "error": error}
    run = {"run_id": "feed", **plain, **times, **said, "journal": "j", "journal_sha256": "0"}
    seen = {"run_id": "feed", "seq": 1, "time": at, "what": "chip-id", "value": {}, "text": "c0ffee"}
    with writing(older) as connection:
        connection.execute(insert(models.RunRow.__table__), [run])  # type: ignore[arg-type]
        connection.execute(insert(models.ObservationRow.__table__), [seen])  # type: ignore[arg-type]
    older.dispose()
    with Records.open(database_url) as records:
        for words in ("FEED", "c0ffee", "flash-failed", "Page 3", "a-7"):
            assert [found.run_id for found in records.search(RunFilter(texts=(words,)))] == ["feed"]
        assert records.search(RunFilter(texts=("erase-all",))) == []


def _make_newer(url: str) -> None:
    engine = open_engine(url)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()


def test_a_newer_database_is_refused_with_what_to_do(database_url: str) -> None:
    _make_newer(database_url)
    with pytest.raises(DatabaseTooNew) as caught:
        Records.open(database_url)
    assert "9999" in caught.value.what
    assert REVISIONS[-1] in caught.value.what
    assert "update this workbench" in caught.value.action


def test_a_newer_database_does_not_stop_a_run(tmp_path: Path, database_url: str) -> None:
    _make_newer(database_url)
    heard: list[Stamped] = []
    with Run.begin("read", journal_dir=tmp_path, records=database_url, listeners=[heard.append]) as run:
        pass
    assert run.verdict == "PASS"
    assert [path.name for path in tmp_path.glob("*.jsonl")] == [run.journal_path.name]
    assert "9999" in str(heard[-2].event)


def test_sqlite_is_set_for_durability_and_many_processes(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'records.sqlite'}")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://host/db", "oracle://host/db", "sqlite://", "sqlite:///:memory:", "x+y://h"],
)
def test_a_url_that_cannot_be_used_is_the_users_error(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as caught:
        Records.open(url)
    assert isinstance(caught.value, InputError)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "records.sqlite").write_bytes(b"something else entirely" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        Records.open(f"sqlite:///{tmp_path / 'records.sqlite'}")
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable):
        Records.open(f"sqlite:///{tmp_path / 'file' / 'records.sqlite'}")


def test_a_password_in_the_url_is_shown_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Records.open(f"postgresql://user:secret-word@/db?host={tmp_path}")
    assert "secret-word" not in caught.value.diagnostics()
    assert str(tmp_path) in caught.value.what
