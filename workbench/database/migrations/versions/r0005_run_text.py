"""What a person may look for in a run, as one text in lower case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AT_ONCE = 1000
MAX_CHARS = 4000
PLAIN = ("run_id", "host", "verdict", "verb", "slot", "target")
RUNS = sa.table("runs", *map(sa.column, PLAIN), sa.column("result", sa.JSON()), sa.column("error", sa.JSON()))
SEEN = sa.table("observations", sa.column("run_id"), sa.column("what"), sa.column("text"))
TRIED = sa.table("attempts", *map(sa.column, ("run_id", "serial", "chip_id", "operator")))


def upgrade() -> None:
    """Adds the column and fills it from what the tables say of each run."""
    op.add_column("runs", sa.Column("about", sa.String()))
    runs = sa.table("runs", sa.column("run_id"), sa.column("about"))
    change = runs.update().where(runs.c.run_id == sa.bindparam("of")).values(about=sa.bindparam("said"))
    for values in _filled(op.get_bind()):
        op.get_bind().execute(change, values)


def _filled(connection: sa.Connection) -> Iterator[list[dict[str, str]]]:
    last = ""
    while True:
        query = sa.select(RUNS).where(RUNS.c.run_id > last).order_by(RUNS.c.run_id).limit(AT_ONCE)
        rows = connection.execute(query).all()
        if not rows:
            return
        more = _more(connection, last, rows[-1].run_id)
        yield [{"of": row.run_id, "said": _about(row, more.get(row.run_id, []))} for row in rows]
        last = rows[-1].run_id


def _more(connection: sa.Connection, after: str, until: str) -> dict[str, list[str]]:
    """Chips that the runs saw, and what their attempts name."""
    found: dict[str, list[str]] = {}
    chips = sa.select(SEEN.c.run_id, SEEN.c.text).where(SEEN.c.what == "chip-id")
    for table, query in ((SEEN, chips), (TRIED, sa.select(TRIED))):
        for run_id, *texts in connection.execute(
            query.where(table.c.run_id > after, table.c.run_id <= until)
        ):
            found.setdefault(run_id, []).extend(text for text in texts if text)
    return found


def _about(row: Any, more: list[str]) -> str:
    result = {
        name: said for name, said in (row.result or {}).items() if name not in ("steps", "measurements")
    }
    error = [str(said) for said in (row.error or {}).values()]
    parts = [row.run_id, row.host, row.verdict, row.verb, row.slot, row.target, *more, *error]
    parts.append(json.dumps(result, ensure_ascii=False))
    return "\n".join(part for part in parts if part).lower()[:MAX_CHARS]
