"""docs/ledger.md and docs/evidence.md name every table, state, kind, reason and part that there is."""

from __future__ import annotations

from pathlib import Path

from workbench.database.base import Base
from workbench.identity.evidence import log, schema
from workbench.identity.evidence.errors import REASONS
from workbench.identity.ledger import tables
from workbench.identity.state import State

DOCS = Path(__file__).parent.parent / "docs"


def test_the_ledger_is_documented() -> None:
    page = (DOCS / "ledger.md").read_text()
    kinds = [mapper.class_ for mapper in Base.registry.mappers]
    own = [kind.__tablename__ for kind in kinds if kind.__module__ == tables.__name__]
    assert len(own) == 7
    owned = [word.strip("'") for word in tables.KINDS_CHECK.split("(")[1].rstrip(")").split(", ")]
    assert len(owned) == 7
    for word in [*own, *map(str, State), *owned]:
        assert f"`{word}`" in page


def test_evidence_is_documented() -> None:
    page = (DOCS / "evidence.md").read_text()
    for word in [*REASONS, *schema.PREDICATE, *log.FORMS, schema.PREDICATE_TYPE, schema.PAYLOAD_TYPE]:
        assert f"`{word}`" in page
