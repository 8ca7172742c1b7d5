"""docs/records.md names every event with every field, every blame with its exit code, and every table."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from workbench import events
from workbench.database.base import Base
from workbench.database.engine import VERSION_TABLE
from workbench.errors import EXIT_CODES, Blame
from workbench.events import Event
from workbench.station import journal, models, plain
from workbench.station.verdicts import VERDICT_OF

PAGE = (Path(__file__).parent.parent / "docs" / "records.md").read_text()


def _rows() -> list[list[str]]:
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in PAGE.splitlines() if row[:1] == "|"
    ]


def _documented_fields() -> dict[str, set[str]]:
    """Fields by event, from the table whose first column is blank where it continues an event."""
    found: dict[str, set[str]] = {}
    name = ""
    for row in _rows():
        if len(row) == 3 and (row[0] == "" or row[0].strip("`") in _kinds()):
            name = row[0].strip("`") or name
            found.setdefault(name, set()).update(re.findall(r"`(\w+)`", row[1]))
    return found


def _kinds() -> dict[str, type[Event]]:
    named = {events.event_name(object.__new__(kind)): kind for kind in Event.__subclasses__()}
    return {name: kind for name, kind in named.items() if kind.__module__ == events.__name__}


def test_every_event_and_field_is_documented_and_no_other() -> None:
    assert _documented_fields() == {
        name: {field.name for field in fields(kind)} for name, kind in _kinds().items()
    }


@pytest.mark.parametrize("blame", Blame)
def test_every_blame_is_documented_with_verdict_and_exit_code(blame: Blame) -> None:
    (row,) = [row for row in _rows() if row[0] == f"`{blame}`"]
    assert row[2:] == [VERDICT_OF[blame], str(EXIT_CODES[blame])]


def test_tables_schemas_and_limits_are_documented() -> None:
    tables = [
        mapper.class_.__tablename__
        for mapper in Base.registry.mappers
        if mapper.class_.__module__ == models.__name__
    ]
    assert len(tables) == 4
    for table in [*tables, VERSION_TABLE]:
        assert any(row[0] == f"`{table}`" for row in _rows())
    assert f"`{events.SCHEMA}`" in PAGE
    assert f"`{journal.SCHEMA}`" in PAGE
    for limit in (plain.MAX_TOTAL, plain.MAX_NODES, plain.MAX_TEXT, plain.MAX_ITEMS):
        assert f"{limit:_}".replace("_", " ") in PAGE
