"""Panels over a screen: a question whose default is no, and a choice of actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from workbench.tui.engineer import texts


class ConfirmScreen(ModalScreen[bool]):
    """A question.  F9 says yes; Enter and Esc say no, so that a stray scan never does."""

    DEFAULT_CSS = """
    ConfirmScreen { align: center middle; }
    ConfirmScreen > Vertical { width: 72; max-width: 96%; height: auto; border: heavy $foreground;
        background: $background; padding: 0 1; }
    ConfirmScreen Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "answer(False)", "no", show=False, priority=True),
        Binding("f9", "answer(True)", "yes", show=False, priority=True),
    ]

    def __init__(self, question: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(texts.safe(self._question), markup=False)
            yield Static(f"\nF9  {self._yes}\nEsc no, go back", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Closes with the answer."""
        self.dismiss(answer)


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a choice; with `why_not` it is shown and cannot be taken."""

    name: str
    words: str
    why_not: str | None = None


class ChooseScreen(ModalScreen[str | None]):
    """A list of actions; gives the name of the one that was taken, or None."""

    DEFAULT_CSS = """
    ChooseScreen { align: center middle; }
    ChooseScreen > Vertical { width: 72; max-width: 96%; height: auto; max-height: 90%;
        border: solid $foreground; background: $background; padding: 0 1; }
    ChooseScreen OptionList { height: auto; max-height: 14; border: none; padding: 0;
        background: $background; }
    ChooseScreen OptionList:focus { border: none; }
    ChooseScreen OptionList > .option-list--option-highlighted { background: $background;
        color: $foreground; text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "nothing", "back", show=False, priority=True)]

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self._title = title
        self._choices = tuple(choices)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(texts.safe(self._title), markup=False)
            yield OptionList(*(self._option(choice) for choice in self._choices))
            yield Static("Enter takes it, Esc goes back", markup=False)

    def _option(self, choice: Choice) -> Option:
        words = f"{choice.words} (not now: {choice.why_not})" if choice.why_not else choice.words
        return Option(Text(words), id=choice.name, disabled=choice.why_not is not None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Closes with what was taken."""
        self.dismiss(event.option.id)

    def action_nothing(self) -> None:
        """Closes without taking anything."""
        self.dismiss(None)
