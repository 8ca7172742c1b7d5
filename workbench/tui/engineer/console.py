"""F4: what a board prints, live, from the log of its slot; and a line to it, where nobody else holds it."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from workbench.tui.engineer.base import Act, EngineerScreen, with_help
from workbench.tui.engineer.console_view import ConsoleView
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.frame import SlotChoice
from workbench.tui.engineer.process import Program, workbench_command
from workbench.tui.engineer.tail import Tail
from workbench.tui.engineer.texts import count, size

LOG: Final = "console.log"
MAX_SENT: Final = 500
FLOOD_BYTES: Final = 2048
FLOOD_TICKS: Final = 2
"""When so much comes at once that nobody can read it, it is drawn every second tick."""
STATE_TICKS: Final = 10


class ConsoleScreen(EngineerScreen):
    """A slot's console."""

    NAME = "console"
    TITLE_WORDS = "Console"
    HELP_WORDS = (
        "What the board in a slot prints. It is read from the slot's console.log, into which every run, "
        "update and console writes the raw bytes; control sequences never reach this screen. "
        "F9 opens the slot's serial line, where no run holds it: then lines can be typed to the board."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._tail: Tail | None = None
        self._tail_of: str | None = None
        self._open_in: str | None = None
        self._bytes = 0
        self._ticks = 0
        self._flood = False

    def body(self) -> ComposeResult:
        yield SlotChoice(self.desk)
        yield ConsoleView()
        with Horizontal(classes="row"):
            yield Label("send", classes="label")
            yield with_help(
                Input(placeholder="open the line with F9 first", max_length=MAX_SENT, id="send"),
                "A line for the board. Enter sends it, ended with CR. The serial line must be open (F9).",
            )
        yield Static("", id="state", markup=False)

    def on_mount(self) -> None:
        self.query_one(ConsoleView).focus()

    @property
    def program(self) -> Program | None:
        """The open console."""
        return self.desk.programs.get(self.NAME)

    def acts(self) -> tuple[Act, ...]:
        why = self.desk.why_not()
        if self.program is not None:
            return (Act("f9", f"close the line of {self._open_in}", self._close),)
        if not why and self.desk.slot is None:
            why = "the bench has no slots"
        return (Act("f9", "open the serial line", self._open, why),)

    def shown(self) -> None:
        self.query_one(SlotChoice).follow()
        self._choose(self.desk.slot)

    def on_slot_choice_changed(self, event: SlotChoice.Changed) -> None:
        """Another slot's console."""
        self._choose(event.slot)
        self.show_keys()

    def _choose(self, slot: str | None) -> None:
        if slot is None or slot == self._tail_of:
            return
        self._tail_of = slot
        self._tail = Tail(self.desk.bench.slot(slot).state_dir / LOG)
        self._bytes = 0
        self.query_one(ConsoleView).clear()

    def tick(self) -> None:
        self._ticks += 1
        if self._ticks % (FLOOD_TICKS if self._flood else 1):
            return
        piece = self._tail.read() if self._tail is not None else None
        self._flood = piece is not None and piece.bytes > FLOOD_BYTES
        view = self.query_one(ConsoleView)
        if piece is not None:
            skipped = [f"--- {size(piece.skipped_bytes)} not shown; the log has them ---"]
            view.add([*(skipped if piece.skipped_bytes else []), *piece.lines], piece.rest)
            self._bytes += piece.bytes
        if self.program is not None:
            self._look_at_program(self.program)
        if self._ticks % STATE_TICKS == 0 or piece is None:
            self._draw_state(view)

    def _draw_state(self, view: ConsoleView) -> None:
        how = "line open" if self.program is not None else "log only"
        follows = "follows" if view.follows else "scrolled up: End follows again"
        told = f"{how}, {follows}; {count(view.line_count, 'line')}, {size(self._bytes)}"
        if self._tail_of and not self._bytes:
            told = f"{how}; nothing in the {LOG} of {self._tail_of} yet"
        state = self.query_one("#state", Static)
        if str(state.content) != told:
            state.update(told)

    def _open(self) -> None:
        slot = self._open_in = self.desk.slot
        if slot is None:
            return
        command = workbench_command(
            "console", slot, "--no-timestamps", "--idle", "0", "--bench", self.desk.bench.path
        )
        self.desk.programs[self.NAME] = Program(command, cwd=self.desk.bench.folder, stdin=True, events=False)
        field = self.query_one("#send", Input)
        field.placeholder = f"a line for the board in {slot}, Enter sends it"
        field.focus()
        self.say("")

    def _close(self) -> None:
        program = self.desk.programs.pop(self.NAME, None)
        if program is not None:
            program.stop()
        self.query_one("#send", Input).placeholder = "open the line with F9 first"

    def _look_at_program(self, program: Program) -> None:
        if program.running:
            return
        self._close()
        if program.code:
            self.say("the line was closed\n" + "\n".join(program.said[-3:]))
        self.show_keys()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Sends the line."""
        program = self.program
        if program is None or not program.send(event.value):
            self.say("nothing was sent: the serial line is not open (F9 opens it)")
            return
        event.input.value = ""
