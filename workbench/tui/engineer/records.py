"""F7: earlier runs: found by a filter, looked at, and played again."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Label, Static

from workbench.station.records import Records, RunDetail, RunSummary
from workbench.station.records_search import RunFilter
from workbench.tui.engineer import texts
from workbench.tui.engineer.base import Act, EngineerScreen, joined, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.replay import ReplayScreen
from workbench.tui.engineer.run_filter import parse_filter
from workbench.tui.engineer.screens import show

SHOWN: Final = 500
COLUMNS: Final = {
    "began": 14,
    "verdict": 9,
    "verb": 8,
    "slot": 5,
    "unit": 12,
    "time": 9,
    "error": 24,
    "run": 8,
}


class RecordsScreen(EngineerScreen):
    """A filter above, the runs in the middle, the one under the cursor below."""

    NAME = "records"
    TITLE_WORDS = "Records"
    HELP_WORDS = (
        "Earlier runs, the newest first. In the filter stand words that occur anywhere in a run, and pairs:\n"
        "slot:v1 verdict:FAIL verb:flash serial:A1 lot:L7 code:chip-swapped since:2026-01-31\n"
        "Enter on a run plays it again, with its own times. F9 looks for new runs, F10 shows the run's unit."
    )
    DEFAULT_CSS = "RecordsScreen #run { height: auto; max-height: 9; border-top: solid $foreground; }"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._runs: list[RunSummary] = []
        self._looked = False

    def body(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label("filter", classes="label")
            yield with_help(
                Input(placeholder="slot:v1 verdict:FAIL since:2026-01-31 words", max_length=500),
                "The filter. Enter looks for the runs. Pairs: slot verdict verb serial lot code since; "
                "other words may stand anywhere in a run. Empty: all.",
            )
        table: DataTable[object] = DataTable(cursor_type="row")
        yield with_help(table, "Runs, the newest first. ↑ and ↓ choose one, Enter plays it again.")
        yield Static("", id="run", markup=False)
        yield Static("", id="state", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name, width in COLUMNS.items():
            table.add_column(name, key=name, width=width)
        table.focus()

    def acts(self) -> tuple[Act, ...]:
        run = self._chosen()
        serial = run.result.get("serial") if run is not None else None
        why = None if serial else "the run names no unit"
        return (Act("f9", "look again", self._look), Act("f10", "its unit", self._unit, why))

    def shown(self) -> None:
        if not self._looked:
            self._look()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Looks for the runs."""
        self._look()
        self.query_one(DataTable).focus()

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Shows the run under the cursor."""
        run = self._chosen()
        self.query_one("#run", Static).update(texts.safe(_about(run)) if run is not None else "")
        self.show_keys()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Plays the run again."""
        run = self._chosen()
        if run is not None:
            self.say("reading the run…")
            self.background(lambda: _detail(self.desk.records_url, run.run_id), self._replay, group="run")

    def _replay(self, detail: RunDetail) -> None:
        self.say("")
        self.app.push_screen(ReplayScreen(self.desk, detail))

    def _chosen(self) -> RunSummary | None:
        at = self.query_one(DataTable).cursor_row
        return self._runs[at] if 0 <= at < len(self._runs) else None

    def _unit(self) -> None:
        run = self._chosen()
        if run is not None:
            self.desk.unit = str(run.result.get("serial"))
            show(self.app, self.desk, "unit")

    def _look(self) -> None:
        self._looked = True
        wanted = self.query_one(Input).value
        self.say("looking…")
        self.background(
            lambda: find_runs(self.desk.records_url, parse_filter(wanted)), self._show_runs, group="runs"
        )

    def _show_runs(self, runs: list[RunSummary]) -> None:
        self.say("")
        self._runs = runs
        table = self.query_one(DataTable)
        table.clear()
        for run in runs:
            table.add_row(
                texts.cell(f"{run.started_at.astimezone():%m-%d %H:%M:%S}"),
                texts.verdict(run.verdict),
                *(texts.cell(value) for value in (run.verb, run.slot, run.result.get("serial"))),
                texts.cell(texts.seconds(run.elapsed_s)),
                texts.cell(run.error["code"] if run.error else ""),
                texts.cell(run.run_id[:8]),
            )
        more = f"; more than {SHOWN} fit, these are the newest" if len(runs) == SHOWN else ""
        self.query_one("#state", Static).update(f"{texts.count(len(runs), 'run')}{more}")
        if not runs:
            self.query_one("#run", Static).update("")
        self.show_keys()


def find_runs(url: str, wanted: RunFilter) -> list[RunSummary]:
    """The newest runs that fit, at most SHOWN; raises DatabaseUnavailable."""
    with Records.open(url) as records:
        return records.search(wanted, limit=SHOWN)


def _detail(url: str, run_id: str) -> RunDetail:
    with Records.open(url) as records:
        return records.run(run_id)


def _about(run: RunSummary) -> str:
    lines = [
        f"run {run.run_id}, {run.verb} in {run.slot or 'no slot'}, target {run.target or 'none'}",
        f"{run.started_at.astimezone():%Y-%m-%d %H:%M:%S} on {run.host}, workbench {run.version}, "
        f"{run.verdict} after {texts.seconds(run.elapsed_s)}"
        + ("" if run.complete else "; BROKE OFF: its process died"),
    ]
    if run.error:
        lines.append(texts.error_words(run.error))
    told = {name: run.result[name] for name in ("lot", "operator", "chip_id") if run.result.get(name)}
    if told:
        lines.append(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in told.items()))
    return joined(lines)
