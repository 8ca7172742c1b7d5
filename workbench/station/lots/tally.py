"""Statistics of a lot, from one query over an index."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Connection, func, select, true

from workbench.station.lots.errors import LotUnknown
from workbench.station.lots.tables import LOTS, SERIALS
from workbench.station.lots.values import LotState, LotStats


def stats_of(connection: Connection, lot_id: str) -> LotStats:
    """How far the lot is.  Raises LotUnknown."""
    counted = (
        select(SERIALS.c.state, SERIALS.c.first_verdict, func.count().label("units"))
        .where(SERIALS.c.lot_id == lot_id)
        .group_by(SERIALS.c.state, SERIALS.c.first_verdict)
        .subquery()
    )
    columns = (LOTS.c.recipe, LOTS.c.state.label("lot_state"), LOTS.c.quantity)
    moved = (LOTS.c.moved_passed, LOTS.c.moved_judged, LOTS.c.moved_first_pass)
    joined = select(*columns, *moved, counted).select_from(LOTS.outerjoin(counted, true()))
    found = connection.execute(joined.where(LOTS.c.lot_id == lot_id)).all()
    if not found:
        raise LotUnknown(f"no lot is called {lot_id[:64]!r}")
    first = found[0]

    def count(*states: str) -> int:
        return sum(row.units for row in found if row.state in states)

    def judged(*verdicts: str) -> int:
        return sum(row.units for row in found if row.first_verdict in verdicts)

    return LotStats(
        lot=lot_id,
        recipe=first.recipe,
        state=cast(LotState, first.lot_state),
        quantity=first.quantity,
        passed=count("passed", "shipped") + first.moved_passed,
        failed=count("failed"),
        in_work=count("in-work"),
        unfinished=count("unfinished"),
        reserved=count("reserved"),
        shipped=count("shipped"),
        scrapped=count("scrapped"),
        first_pass=judged("PASS") + first.moved_first_pass,
        attempted=judged("PASS", "FAIL") + first.moved_judged,
    )
