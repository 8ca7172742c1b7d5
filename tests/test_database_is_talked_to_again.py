"""A process that opens a database again keeps what it put together, and no way to a file that is gone."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from workbench.database.engine import open_engine


def test_an_engine_is_used_again_once_its_connections_are_closed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    first = open_engine(url)
    first.dispose()
    assert open_engine(url) is first


def test_an_engine_in_use_is_not_shared(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.sqlite'}"
    first, second = open_engine(url), open_engine(url)
    assert first is not second
    with first.connect():
        assert open_engine(url) is not first
    first.dispose()
    second.dispose()


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.sqlite"
    left = open_engine(f"sqlite:///{path}")  # somebody forgot to close it
    for name in list(path.parent.iterdir()):
        name.unlink()
    path.parent.rmdir()
    again = open_engine(f"sqlite:///{path}")
    with again.begin() as connection:
        connection.execute(text("CREATE TABLE here (x INTEGER)"))
    assert path.stat().st_size > 0
    left.dispose()
    again.dispose()


def test_few_are_remembered(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path / str(n)}.sqlite" for n in range(6)]
    engines = [open_engine(url) for url in urls]
    for engine in engines:
        engine.dispose()
    assert open_engine(urls[-1]) is engines[-1]
    assert open_engine(urls[0]) is not engines[0]
