"""F8: what the doctor finds on this machine and its bench, and what to do about it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from textual.app import ComposeResult
from textual.widgets import DataTable, Static

from workbench.tui.engineer import texts
from workbench.tui.engineer.base import Act, EngineerScreen, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.process import Program, workbench_command

COLUMNS: Final = {"status": 7, "what": 20, "found": 120}


class DoctorScreen(EngineerScreen):
    """Findings as they come; the one under the cursor in full below."""

    NAME = "doctor"
    TITLE_WORDS = "Doctor"
    HELP_WORDS = (
        "Programs and versions, permissions, probes, serial ports and every slot of the bench. Nothing is "
        "changed. ✘ FAIL: the workbench cannot do its work; ! WARN: some of it. F9 looks again."
    )
    DEFAULT_CSS = "DoctorScreen #finding { height: auto; max-height: 8; border-top: solid $foreground; }"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._findings: list[dict[str, Any]] = []
        self._looked = False

    def body(self) -> ComposeResult:
        table: DataTable[object] = DataTable(cursor_type="row")
        yield with_help(table, "The findings. ↑ and ↓ choose one; below stands what to do about it.")
        yield Static("", id="finding", markup=False)
        yield Static("", id="state", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name, width in COLUMNS.items():
            table.add_column(name, key=name, width=width)
        table.focus()

    def acts(self) -> tuple[Act, ...]:
        why = "it is looking" if self.NAME in self.desk.programs else None
        return (Act("f9", "look again", self._look, why),)

    def shown(self) -> None:
        if not self._looked:
            self._look()
            self.show_keys()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Shows the finding in full."""
        if 0 <= event.cursor_row < len(self._findings):
            finding = self._findings[event.cursor_row]
            action = f"\nwhat to do: {finding['action']}" if finding["action"] else ""
            words = texts.safe(f"{finding['name']}: {finding['found']}{action}", max_chars=4000)
            self.query_one("#finding", Static).update(words)

    def _look(self) -> None:
        self._looked = True
        self._findings.clear()
        self.query_one(DataTable).clear()
        self.query_one("#finding", Static).update("")
        command = workbench_command("doctor", "--json", "--bench", self.desk.bench.path)
        self.desk.programs[self.NAME] = Program(command, cwd=self.desk.bench.folder)
        self._state("looking…")

    def tick(self) -> None:
        program = self.desk.programs.get(self.NAME)
        if program is None:
            return
        for event in program.events():
            if event["event"] == "observed" and event["what"] == "finding":
                self._add(event["value"])
        if not program.running:
            del self.desk.programs[self.NAME]
            count = Counter(finding["status"] for finding in self._findings)
            told = f"{len(self._findings)} things looked at: {count['ok']} ok, {count['warn']} to know about"
            self._state(f"{told}, {count['fail']} to put right")
            if not self._findings:
                self.say("the doctor did not answer\n" + "\n".join(program.said[-3:]))
            self.show_keys()

    def _add(self, finding: dict[str, Any]) -> None:
        self._findings.append(finding)
        self.query_one(DataTable).add_row(
            texts.status(finding["status"]), texts.cell(finding["name"]), texts.cell(finding["found"])
        )

    def _state(self, words: str) -> None:
        self.query_one("#state", Static).update(words)
