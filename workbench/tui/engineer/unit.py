"""F3: a unit by any of its names: identity, certificates, acts, history, and the runs that saw it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import DataTable, Input, Label, Static

from workbench.station.records_search import RunFilter
from workbench.tui.engineer import texts
from workbench.tui.engineer.base import Act, EngineerScreen, joined, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.screens import show
from workbench.tui.engineer.unit_words import (
    Told,
    act_lines,
    attempt_lines,
    certificate_lines,
    history_lines,
    identity_lines,
    run_lines,
)

if TYPE_CHECKING:
    from workbench.identity.ledger import Ledger
    from workbench.station.lots.lots import Lots
    from workbench.station.lots.values import UnitRow
    from workbench.station.records import Records, RunSummary

MAX_UNITS: Final = 200
MAX_RUNS: Final = 50
INDENT: Final = 13
COLUMNS: Final = {"serial": 16, "state": 11, "model": 12, "kind": 4, "unit": 8, "changed": 16}


class UnitScreen(EngineerScreen):
    """Search above, the units that fit in the middle, everything about the chosen one below."""

    NAME = "unit"
    TITLE_WORDS = "Unit"
    HELP_WORDS = (
        "Type or scan a serial number, a chip, a request, or the fingerprint of a key or certificate, and "
        "press Enter; an empty field lists the newest units. Below stands what the ledger knows of the "
        "chosen unit, what a run would do next with it, and the runs that saw it. Nothing is read from a "
        "board here: F9 asks the board of the slot for its image slots."
    )
    DEFAULT_CSS = """
    UnitScreen DataTable { height: auto; max-height: 30%; }
    UnitScreen VerticalScroll { height: 1fr; }
    UnitScreen VerticalScroll:focus { border-left: outer $foreground; }
    UnitScreen VerticalScroll Static { height: auto; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._searched: str | None = None
        self._found: tuple[Told, ...] = ()
        self._told: Told | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label("unit", classes="label")
            yield with_help(
                Input(placeholder="serial number, chip or fingerprint; empty: the newest", id="name"),
                "A name of the unit. Enter looks for it; empty lists the newest units.",
            )
        table: DataTable[object] = DataTable(cursor_type="row")
        yield with_help(table, "Units that fit, the newest first. ↑ and ↓ choose one; it is shown below.")
        with with_help(VerticalScroll(), "The chosen unit. ↑ ↓ PgUp PgDn scroll."):
            yield Static("", id="told", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name, width in COLUMNS.items():
            table.add_column(name, key=name, width=width)
        self.query_one(Input).focus()

    def acts(self) -> tuple[Act, ...]:
        why = self.desk.why_not() or (None if self.desk.slot else "the bench has no slots")
        return (Act("f9", f"image slots of {self.desk.slot or '-'}", self._image_slots, why),)

    def shown(self) -> None:
        wanted = self.desk.unit or ""
        if self._searched is None or (self.desk.unit and wanted != self._searched):
            self.query_one(Input).value = wanted
            self._search(wanted)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Looks for the unit."""
        self._search(event.value.strip())

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Shows the unit under the cursor."""
        if 0 <= event.cursor_row < len(self._found):
            self._tell(self._found[event.cursor_row])

    def _image_slots(self) -> None:
        show(self.app, self.desk, "images")

    def _search(self, words: str) -> None:
        self._searched = words
        self.desk.unit = words or None
        self.say("looking…")
        self.background(lambda: find_units(self.desk, words), self._show_found, group="search")

    def _show_found(self, found: tuple[Told, ...]) -> None:
        nobody = "no unit has this name" if self._searched else "no unit has an identity on this bench yet"
        self.say("" if found else nobody)
        self._found = found
        table = self.query_one(DataTable)
        table.clear()
        for told in found:
            unit = told.unit
            if unit is None:
                name = told.row.serial if told.row is not None else self._searched
                table.add_row(texts.cell(name), texts.cell("no identity"))
                continue
            values = (unit.serial, unit.state, unit.model, unit.kind, unit.unit_id[:8])
            table.add_row(
                *(texts.cell(value) for value in values),
                texts.cell(f"{unit.changed_at.astimezone():%Y-%m-%d %H:%M}"),
            )
        self.query_one("#told", Static).update("")
        if found:
            self._tell(found[0])

    def _tell(self, told: Told) -> None:
        self._told = told
        columns = self.query_one(VerticalScroll).scrollable_content_region.width
        words = texts.safe(joined(_lines(told)), max_chars=200_000)
        self.query_one("#told", Static).update(texts.wrapped(words, columns, INDENT))

    def on_resize(self, _event: events.Resize) -> None:
        """Breaks the lines anew."""
        if self._told is not None:
            self.call_after_refresh(self._tell, self._told)


def _lines(told: Told) -> Iterator[str]:
    unit = told.unit
    if unit is not None:
        yield f"SERIAL NUMBER {unit.serial}"
        yield from identity_lines(unit)
    elif told.row is not None:
        yield f"SERIAL NUMBER {told.row.serial}"
    parts: list[tuple[str, Iterable[str]]] = [
        ("CERTIFICATES", certificate_lines(unit) if unit else ()),
        ("IRREVERSIBLE ACTS", act_lines(told.acts)),
        ("ATTEMPTS", told.attempts),
        ("RUNS", run_lines(told.runs)),
        ("HISTORY", history_lines(told.history)),
    ]
    for title, lines in parts:
        found = list(lines)
        if found:
            yield ""
            yield title
            yield from found


def find_units(desk: Desk, words: str) -> tuple[Told, ...]:
    """The units that have this name, or the newest ones; with the runs that saw them.

    Raises DatabaseUnavailable.
    """
    with _ledger(desk) as ledger, _records(desk) as records, _lots(desk) as lots:
        units = ledger.search(words, MAX_UNITS) if words else ledger.units(limit=MAX_UNITS)
        found = tuple(
            Told(
                unit,
                ledger.acts(unit.unit_id),
                ledger.history(unit.unit_id),
                runs_of(records, unit.serial, unit.hardware_id) if words else (),
                attempts_of(lots, unit.serial) if words else (),
            )
            for unit in units
        )
        if found or not words:
            return found
        if rows := lots.search(words, MAX_UNITS):
            return tuple(_unnamed(lots, records, row) for row in rows)
        runs = runs_of(records, words, words)
        return (Told(None, runs=runs),) if runs else ()


def _unnamed(lots: Lots, records: Records, row: UnitRow) -> Told:
    """A unit of a lot that has no identity."""
    runs = runs_of(records, row.serial, row.chip_id or "")
    return Told(None, runs=runs, attempts=attempts_of(lots, row.serial), row=row)


def runs_of(records: Records, serial: str, chip: str) -> tuple[RunSummary, ...]:
    """The runs of a unit, the newest first: by its serial number, or by the chip that they saw."""
    found = {run.run_id: run for run in records.search(RunFilter(serial=serial), limit=MAX_RUNS)}
    if chip:
        saw = records.search(RunFilter(chip=chip.removeprefix("0x")), limit=MAX_RUNS)
        found |= {run.run_id: run for run in saw}
    return tuple(sorted(found.values(), key=lambda run: run.started_at, reverse=True)[:MAX_RUNS])


def attempts_of(lots: Lots, serial: str) -> tuple[str, ...]:
    """What was tried with the unit in lots, as lines, the newest first; none where no lot has it."""
    from workbench.station.lots.errors import SerialUnknown

    try:
        history = lots.unit(serial)
    except SerialUnknown:
        return ()
    return tuple(attempt_lines(history))


@contextmanager
def _ledger(desk: Desk) -> Iterator[Ledger]:
    from workbench.database.engine import open_engine
    from workbench.identity.ledger import Ledger

    ledger = Ledger(open_engine(desk.records_url))
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def _lots(desk: Desk) -> Iterator[Lots]:
    from workbench.database.engine import open_engine
    from workbench.station.lots.lots import Lots

    lots = Lots(open_engine(desk.records_url))
    try:
        yield lots
    finally:
        lots.close()


@contextmanager
def _records(desk: Desk) -> Iterator[Records]:
    from workbench.station.records import Records

    with Records.open(desk.records_url) as records:
        yield records
