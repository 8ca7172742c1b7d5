"""F2: all slots of the bench, what is in them, and what can be done there."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Final

from textual.app import ComposeResult
from textual.widgets import DataTable, Static

from workbench.station.line.state import ErrorView, LineState, SlotView
from workbench.tui.engineer import texts
from workbench.tui.engineer.ask import ChooseScreen
from workbench.tui.engineer.base import Act, EngineerScreen, joined, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.screens import show
from workbench.tui.engineer.slot_facts import PHASE_MARKS, SlotFacts, choices, facts_of, step_words, view_of

COLUMNS: Final = {
    "slot": 6,
    "phase": 15,
    "unit": 13,
    "verdict": 9,
    "step": 28,
    "power": 9,
    "chip seen last": 18,
    "target": 16,
    "used by": 44,
}
"""Columns and their widths, which do not change while a line runs."""
STEP_AT_MOST: Final = 60
"""The width of the step where the terminal has room."""
LOOK_EVERY: Final = 20
"""Ticks between two looks at power, leases and chips."""


class SlotsScreen(EngineerScreen):
    """A row for each slot; Enter offers what can be done with it."""

    NAME = "slots"
    TITLE_WORDS = "Slots"
    HELP_WORDS = (
        "Every slot of the bench. Phase, unit, verdict and step come from the line that is being worked; "
        "power, user and chip are looked at every two seconds, without touching a board. "
        "Enter offers what can be done in the slot: console, image slots, unit, stop, retry, take out, "
        "acknowledge. What cannot be done now says why."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._facts: dict[str, SlotFacts] = {}
        self._state: LineState | None = None
        self._ticks = 0
        self._shown: dict[tuple[str, str], str] = {}

    def body(self) -> ComposeResult:
        table: DataTable[object] = DataTable(cursor_type="row", zebra_stripes=False)
        yield with_help(table, "The slots. ↑ and ↓ choose one, Enter offers what can be done in it.")
        yield Static("", id="about", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        slots = list(self.desk.bench.slots)
        for name, width in COLUMNS.items():
            table.add_column(name, key=name, width=self._width(name, width))
        for slot in slots:
            table.add_row(texts.cell(slot), *[""] * (len(COLUMNS) - 1), key=slot)
        table.focus()

    def _width(self, name: str, width: int) -> int:
        if name == "slot":
            return max([width, *map(len, self.desk.bench.slots)])
        spare = self.app.size.width - sum(COLUMNS.values()) - 2 * len(COLUMNS)
        return min(max(width, width + spare), STEP_AT_MOST) if name == "step" else width

    def acts(self) -> tuple[Act, ...]:
        return (Act("f9", "actions of the slot", self._choose, None if self.desk.slot else "no slots"),)

    def shown(self) -> None:
        self._ticks = 0
        self.tick()

    def tick(self) -> None:
        if self._ticks % LOOK_EVERY == 0:
            self.background(self._look, self._looked, group="look")
        self._ticks += 1
        if self.desk.line is not None:
            state, old = self.desk.line.state(), self._state
            if (state and state.revision) != (old and old.revision) or self._ticks % 10 == 1:
                self._state = state
                self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """The slot under the cursor is the one that other screens look at."""
        if event.row_key.value:
            self.desk.slot = event.row_key.value
            self._draw_about()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Offers what can be done."""
        self._choose()

    def _look(self) -> list[SlotFacts]:
        return [facts_of(slot) for slot in self.desk.bench.slots.values()]

    def _looked(self, found: list[SlotFacts]) -> None:
        self._facts = {facts.name: facts for facts in found}
        self._draw()

    def _draw(self) -> None:
        for name in self.desk.bench.slots:
            self._draw_row(name, view_of(self._state, name), self._facts.get(name))
        self._draw_about()

    def _draw_row(self, name: str, view: SlotView | None, facts: SlotFacts | None) -> None:
        phase = f"{PHASE_MARKS.get(view.phase, '?')} {view.phase}" if view else "not in the line"
        cells = {
            "phase": texts.cell(phase if self.desk.line else "no line"),
            "unit": texts.cell(view.serial if view else ""),
            "verdict": texts.verdict(view.verdict if view else None),
            "step": texts.cell(step_words(view)),
            "power": texts.cell(facts.power if facts else "…"),
            "used by": texts.cell(facts.user if facts else "…"),
            "chip seen last": texts.cell(facts.chip if facts else "…"),
            "target": texts.cell(facts.target if facts else ""),
        }
        table = self.query_one(DataTable)
        for column, value in cells.items():
            if self._shown.get((name, column)) != value.plain:
                self._shown[name, column] = value.plain
                table.update_cell(name, column, value)

    def _draw_about(self) -> None:
        """All that is known of the slot under the cursor, in lines: columns may be off a narrow screen."""
        name = self.desk.slot
        if name is None:
            return
        view, facts = view_of(self._state, name), self._facts.get(name)
        lines = [f"slot {name}"]
        if facts is not None:
            lines[0] += f", target {facts.target}, power {facts.power}, chip {facts.chip}"
            lines.append(f"used by {facts.user}")
        if view is not None:
            lines.append(f"{view.phase}; {step_words(view)}" + _took(view, self._state))
            if view.generation > 1:
                lines.append(f"its process was restarted {view.generation - 1} times")
            if view.error is not None:
                lines.append(f"{view.error.code}: {view.error.what}\nwhat to do: {view.error.action}")
        self._draw_text("#about", texts.safe(joined(lines)))

    def _draw_text(self, where: str, words: str) -> None:
        if self._shown.get((where, "")) != words:
            self._shown[where, ""] = words
            self.query_one(where, Static).update(words)

    def _choose(self) -> None:
        name = self.desk.slot
        if name is None:
            return
        view = view_of(self._state, name)
        why = self.desk.why_not()
        self.app.push_screen(
            ChooseScreen(f"Slot {name}", choices(view, why)), partial(self._chosen, name, view)
        )

    def _chosen(self, name: str, view: SlotView | None, what: str | None) -> None:
        self.desk.slot = name
        line = self.desk.worked
        if what in ("console", "images"):
            show(self.app, self.desk, what)
        elif what == "unit" and view is not None:
            self.desk.unit = view.serial
            show(self.app, self.desk, "unit")
        elif what is not None and line is not None:
            self.guarded(lambda: self._tell(getattr(line, what)(name)))

    def _tell(self, answer: object) -> None:
        """What became of an act: a line answers a refusal, it does not raise it."""
        error = getattr(answer, "error", None)
        self.say(texts.error_words(asdict(error)) if isinstance(error, ErrorView) else "")


def _took(view: SlotView, state: LineState | None) -> str:
    """How long the unit was or is worked on, and how long it may be."""
    spent = view.elapsed_s
    if spent is None and view.began is not None and state is not None:
        spent = max(state.now - view.began, 0.0)
    if spent is None:
        return ""
    return f", {texts.seconds(spent)}" + (f" of {texts.seconds(view.limit_s)}" if view.limit_s else "")
