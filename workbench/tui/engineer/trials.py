"""F6: attacks on a board's bootloader and application, in a process of their own, shown row by row."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Label, Static

from workbench.tui.engineer import texts
from workbench.tui.engineer.ask import ConfirmScreen
from workbench.tui.engineer.base import Act, EngineerScreen, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.frame import SlotChoice
from workbench.tui.engineer.process import Program, workbench_command

PROFILE: Final = "tier-2-ecdsa"
COLUMNS: Final = {"verdict": 9, "trial": 28, "group": 8, "expected": 40, "observed": 40, "time": 9}
MAX_TEXT: Final = 200
Listed = list[tuple[str, str, str]]


class TrialsScreen(EngineerScreen):
    """The list of trials of a profile, and the matrix as it is made."""

    NAME = "trials"
    TITLE_WORDS = "Trials"
    HELP_WORDS = (
        "Forged images, updates that go wrong, garbage on the line, power cuts: each trial must end as "
        "expected. F9 runs them on the board in the chosen slot, in a process of its own; rows appear as "
        "they are made, and leaving this screen does not stop them. F10 stops after the current step. "
        "✔ HELD: as it must be.  ✘ BROKEN: not.  ~ SHOWN: it succeeds, and the profile says that it does.\n"
        "A board that is not set up for trials is erased and provisioned with test keys first."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._listed_of: str | None = None
        self._now = ""
        self._verdicts: Counter[str] = Counter()
        self._rows: set[str] = set()
        self._run_in: str | None = None

    def body(self) -> ComposeResult:
        yield SlotChoice(self.desk)
        with Horizontal(classes="row"):
            yield Label("profile", classes="label")
            yield with_help(
                Input(PROFILE, id="profile", max_length=MAX_TEXT),
                "Security profile of the board; Enter lists its trials.",
            )
            yield Label("only", classes="label")
            yield with_help(
                Input(placeholder="all; or flip-* power", id="only", max_length=MAX_TEXT),
                "Only these: names, patterns such as flip-*, or the groups image, update, line, power, "
                "with spaces between them. Empty: all.",
            )
        table: DataTable[object] = DataTable(cursor_type="row")
        yield with_help(table, "The trials. Enter puts the one under the cursor into `only`.")
        yield Static("", id="state", markup=False)

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for name, width in COLUMNS.items():
            table.add_column(name, key=name, width=width)
        table.focus()

    @property
    def program(self) -> Program | None:
        """The trials that are being made."""
        return self.desk.programs.get(self.NAME)

    def acts(self) -> tuple[Act, ...]:
        why = self.desk.why_not() or (None if self.desk.slot else "the bench has no slots")
        if self.program is not None:
            return (Act("f10", "stop after the current step", self.program.stop),)
        return (Act("f9", f"run on {self.desk.slot or '-'}", self._ask, why),)

    def shown(self) -> None:
        self.query_one(SlotChoice).follow()
        if self._listed_of is None:
            self._list()

    def on_slot_choice_changed(self, _event: SlotChoice.Changed) -> None:
        """Another slot's board would be attacked."""
        self.show_keys()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Lists the trials of the profile."""
        if event.input.id == "profile":
            self._list()
        else:
            self.query_one(DataTable).focus()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Only this one."""
        if event.row_key.value:
            self.query_one("#only", Input).value = event.row_key.value

    # --- the list ------------------------------------------------------------------------------------------

    def _list(self) -> None:
        slot = self.desk.slot
        if slot is None or self.program is not None:
            return
        profile = self._listed_of = self._field("profile")
        target = self.desk.bench.slot(slot).target.name
        self.say("listing…")
        self.background(
            lambda: list_trials(profile, target, self.desk.bench.folder), self._show_list, group="list"
        )

    def _show_list(self, found: Listed) -> None:
        self.say("")
        self._clear()
        table = self.query_one(DataTable)
        for name, group, expected in found:
            table.add_row("", texts.cell(name), texts.cell(group), texts.cell(expected[:60]), key=name)
            self._rows.add(name)
        self._state(f"{len(found)} trials; F9 runs them")

    def _clear(self) -> None:
        self.query_one(DataTable).clear()
        self._rows.clear()
        self._verdicts.clear()

    # --- a run ---------------------------------------------------------------------------------------------

    def _field(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _ask(self) -> None:
        slot = self.desk.slot
        if slot is None:
            return
        only = self._field("only")
        question = (
            f"Attack the board in slot {slot}, profile {self._field('profile')}?\n\n"
            f"Trials: {only or 'all'}. The board is written many times; if it is not set up for trials it "
            "is first ERASED and provisioned with test keys. A board with an identity is refused."
        )
        self.app.push_screen(
            ConfirmScreen(question, "run the trials"), partial(self._answered, slot, only.split())
        )

    def _answered(self, slot: str, only: list[str], answer: bool | None) -> None:
        if not answer:
            return
        chosen = [f"--only={name}" for name in only]
        command = workbench_command(
            "trial",
            slot,
            "--json",
            f"--profile={self._field('profile')}",
            *chosen,
            "--bench",
            self.desk.bench.path,
        )
        self.desk.programs[self.NAME] = Program(command, cwd=Path.cwd())
        self._run_in, self._now = slot, "starting"
        self._clear()
        self.say("")
        self.show_keys()

    def tick(self) -> None:
        program = self.program
        if program is None:
            return
        for event in program.events():
            self._take(event)
        self._state(f"slot {self._run_in}: {self._now}; {self._count()}")
        if not program.running:
            del self.desk.programs[self.NAME]
            self.show_keys()

    def _take(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "step-started":
                self._now = str(event["title"])
            case "progress":
                self._now = f"{event['step']} {texts.bar(event['done'], event['total'])}"
            case "observed" if event["what"] == "trial":
                self._add(event["value"])
            case "run-finished":
                self._now = f"{texts.VERDICT_MARKS.get(event['verdict'], '')} {event['verdict']}"
                if event["error"]:
                    self.say(texts.error_words(event["error"]))

    def _add(self, row: Mapping[str, Any]) -> None:
        table = self.query_one(DataTable)
        follow = table.cursor_row >= table.row_count - 1
        self._verdicts[row["verdict"]] += 1
        name = row["name"]
        if name in self._rows:
            name = f"{name}#{len(self._rows)}"
        self._rows.add(name)
        told = (row["group"], row["expected"], row["observed"])
        table.add_row(
            texts.trial_verdict(row["verdict"]),
            texts.cell(row["name"]),
            *(texts.cell(str(value)[:60]) for value in told),
            texts.cell(texts.seconds(row["seconds"])),
            key=name,
        )
        if follow:
            table.move_cursor(row=table.row_count - 1)

    def _count(self) -> str:
        return ", ".join(f"{n} {word}" for word, n in sorted(self._verdicts.items())) or "no row yet"

    def _state(self, words: str) -> None:
        state = self.query_one("#state", Static)
        if str(state.content) != (told := texts.safe(words)):
            state.update(told)


def list_trials(name: str, target: str, bench_folder: Path) -> Listed:
    """Name, group and expectation of each trial of the profile; touches no board.  Raises InputErrors."""
    from workbench.images import keys
    from workbench.images.profile import load_profile
    from workbench.images.profile_keys import kinds_for
    from workbench.station.trials import listed

    profile = load_profile(name, bench_folder=bench_folder)
    with tempfile.TemporaryDirectory() as folder:
        found = keys.create(Path(folder) / "keys", kinds_for(profile), test=True)
        entries = listed(target, profile, found)
    return [(e.name, e.group, e.why_not(profile) or e.expected) for e in entries]
