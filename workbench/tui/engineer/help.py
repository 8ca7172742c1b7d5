"""F1: what has the focus, what the screen is for, what its keys do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

GENERAL = """\
F2 to F8     the other screens          F1   this help
Tab          next field                 Esc  closes this, then goes back
Ctrl+P       all commands, by their words
PgUp PgDn    scroll what has the focus"""


class _Act(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def why_not(self) -> str | None: ...


class HelpScreen(ModalScreen[None]):
    """Help over a screen; any of Esc, F1 and Enter closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll { width: 76; max-width: 96%; height: auto; max-height: 90%;
        border: solid $foreground; background: $background; padding: 0 1; }
    HelpScreen Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,enter", "dismiss_help", "close", show=False, priority=True),
    ]

    def __init__(self, title: str, screen: str, focus: str, acts: Sequence[_Act]) -> None:
        super().__init__()
        self._parts = [("What has the focus", focus), (title, screen), ("Keys", _keys(acts))]

    def compose(self) -> ComposeResult:
        with VerticalScroll() as frame:
            frame.border_subtitle = "Esc closes, ↑ ↓ scroll"
            for title, words in self._parts:
                if words:
                    yield Static(f"[b]{title}[/b]")
                    yield Static(f"{words}\n", markup=False)

    def action_dismiss_help(self) -> None:
        """Back to the screen."""
        self.dismiss()


def _keys(acts: Sequence[_Act]) -> str:
    lines = [
        f"{act.key.upper():<12} {act.words}{f' (not now: {act.why_not})' if act.why_not else ''}"
        for act in acts
    ]
    return "\n".join([*lines, GENERAL])
