"""The frame around every engineer's screen: its title above, its keys below, and the choice of a slot."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from workbench.tui.engineer.desk import Desk
from workbench.wires.clean import clean_line

Keys = list[tuple[str, str, str | None]]


class TitleBar(Static):
    """Name of the screen, of the bench, and whether this viewer only watches."""

    DEFAULT_CSS = "TitleBar { height: 1; dock: top; text-style: bold reverse; }"

    def __init__(self, title: str, desk: Desk) -> None:
        super().__init__("", markup=False)
        self._title = title
        self._desk = desk

    def show(self) -> None:
        """Draws it anew."""
        self.refresh()

    def render(self) -> Text:
        left = f" {self._title} "
        right = f" bench {clean_line(self._desk.bench.name, max_chars=40)} "
        if self._desk.read_only:
            right = f" READ ONLY: another viewer works this line |{right}"
        gap = max(1, self.size.width - len(left) - len(right))
        return Text(f"{left}{' ' * gap}{right}", no_wrap=True, overflow="crop")


class KeyBar(Static):
    """Two lines: the screens, and what the keys do on this one.  What cannot be done says why."""

    DEFAULT_CSS = "KeyBar { height: 2; dock: bottom; }"

    def __init__(self, current: str) -> None:
        super().__init__("", markup=False)
        self._current = current
        self._keys: Keys = []
        self._leave = False

    def show(self, keys: Keys, *, leave: bool) -> None:
        """What the keys do now."""
        if (keys, leave) != (self._keys, self._leave):
            self._keys, self._leave = keys, leave
            self.refresh()

    def render(self) -> Text:
        from workbench.tui.engineer.screens import SCREENS

        told = Text(no_wrap=True, overflow="crop")
        for entry in SCREENS:
            here = entry.name == self._current
            told.append(entry.key.upper(), style="bold")
            told.append(f"[{entry.label}]" if here else f" {entry.label} ", style="reverse" if here else "")
            told.append(" ")
        told.append("\nF1 ", style="bold")
        told.append("help  ")
        for key, words, why_not in self._keys:
            told.append(f"{key.upper()} ", style="bold")
            told.append(f"({words}: {why_not})  " if why_not else f"{words}  ")
        told.append("^P ", style="bold")
        told.append("commands  ")
        told.append("Esc " if self._leave else "^Q ", style="bold")
        told.append("back" if self._leave else "quit")
        return told


class SlotChoice(Widget, can_focus=True):
    """A slot of the bench, chosen with the left and right arrows."""

    DEFAULT_CSS = "SlotChoice { height: 1; } SlotChoice:focus { text-style: underline; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "move(-1)", show=False),
        Binding("right,down", "move(1)", show=False),
    ]
    help_words = "The slot. ← and → choose another one; Tab goes on to the next field."

    chosen: reactive[str | None] = reactive(None)

    class Changed(Message):
        """Another slot was chosen."""

        def __init__(self, slot: str) -> None:
            super().__init__()
            self.slot = slot

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._names = list(desk.bench.slots)
        self.set_reactive(SlotChoice.chosen, desk.slot)

    def follow(self) -> bool:
        """Takes over the slot that another screen looked at; whether that is another one."""
        changed = self.chosen != self._desk.slot
        self.chosen = self._desk.slot
        return changed

    def action_move(self, by: int) -> None:
        """Another slot."""
        if not self._names:
            return
        at = self._names.index(self.chosen) if self.chosen in self._names else 0
        self.chosen = self._desk.slot = self._names[(at + by) % len(self._names)]
        self.post_message(self.Changed(self.chosen))

    def render(self) -> Text:
        told = Text("slot ", style="bold", no_wrap=True, overflow="ellipsis")
        if not self._names:
            return told.append("none: the bench file is empty", style="not bold")
        at = self._names.index(self.chosen) if self.chosen in self._names else 0
        first = max(0, min(at - 3, len(self._names) - 8))
        for name in self._names[first:]:
            here = name == self.chosen
            told.append(f"‹{name}›" if here else f" {name} ", style="reverse" if here else "not bold")
        return told
