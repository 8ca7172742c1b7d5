"""What all engineer's screens have in common: frame, keys, help, work in the background, errors in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, get_current_worker

from workbench.errors import WorkbenchError
from workbench.tui.engineer import texts
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.frame import KeyBar, TitleBar
from workbench.tui.engineer.help import HelpScreen

T = TypeVar("T")

TICK_S: Final = 0.1
"""A screen is painted at most so often."""
SLOW_TICK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a key of this screen does; `why_not` says why it cannot be done now."""

    key: str
    words: str
    do: Callable[[], object]
    why_not: str | None = None


class EngineerScreen(Screen[None]):
    """A screen of the engineer's face.

    Subclasses give NAME, TITLE_WORDS and HELP_WORDS, `body` and, where a key does something, `acts`.
    """

    NAME: ClassVar[str] = ""
    TITLE_WORDS: ClassVar[str] = ""
    HELP_WORDS: ClassVar[str] = ""

    ENABLE_COMMAND_PALETTE: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "show_help", "help", show=False, priority=True),
        *(Binding(f"f{n}", f"show_screen({n})", show=False, priority=True) for n in range(2, 9)),
        Binding("f9", "act('f9')", show=False, priority=True),
        Binding("f10", "act('f10')", show=False, priority=True),
        Binding("ctrl+p", "palette", "all commands", show=False, priority=True),
        Binding("escape", "leave", "back", show=False),
    ]
    DEFAULT_CSS = """
    EngineerScreen { background: $background; color: $foreground; layout: vertical; }
    EngineerScreen DataTable { height: 1fr; background: $background; }
    EngineerScreen DataTable > .datatable--even-row { background: $background; }
    EngineerScreen DataTable > .datatable--odd-row { background: $background; }
    EngineerScreen DataTable > .datatable--header { text-style: bold underline; background: $background; }
    EngineerScreen DataTable > .datatable--cursor { background: $background; color: $foreground;
        text-style: none; }
    EngineerScreen DataTable:focus > .datatable--cursor { background: $background; color: $foreground;
        text-style: reverse; }
    EngineerScreen Input { border: none; height: 1; padding: 0; background: $surface; }
    EngineerScreen Input:focus { border: none; text-style: underline; }
    EngineerScreen .label { text-style: bold; }
    EngineerScreen .row { height: 1; layout: horizontal; }
    EngineerScreen .row > .label { width: auto; padding-right: 1; }
    EngineerScreen .row > Input { width: 1fr; }
    EngineerScreen #said { height: auto; max-height: 8; text-style: bold; }
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    @property
    def can_leave(self) -> bool:
        """Whether Esc goes anywhere."""
        return self.desk.leave is not None

    # --- what a screen gives -------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        """The widgets between the title and the keys."""
        yield from ()

    def acts(self) -> tuple[Act, ...]:
        """What F9 and F10 do now."""
        return ()

    def shown(self) -> None:
        """The screen came to the front."""

    def tick(self) -> None:
        """Ten times a second while the screen is at the front."""

    # --- frame ---------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield TitleBar(self.TITLE_WORDS, self.desk)
        yield from self.body()
        said = Static("", id="said", markup=False)
        said.display = False
        yield said
        yield KeyBar(self.NAME)

    def on_mount(self) -> None:
        self.set_interval(TICK_S, self._tick)
        self.show_keys()

    def on_screen_resume(self, _event: events.ScreenResume) -> None:
        self.show_keys()
        self.shown()

    def _tick(self) -> None:
        if self.is_current:
            self.tick()

    def show_keys(self) -> None:
        """Shows what the keys do now."""
        bar = self.query_one(KeyBar)
        bar.show([(act.key, act.words, act.why_not) for act in self.acts()], leave=self.can_leave)
        self.query_one(TitleBar).show()

    def say(self, words: str) -> None:
        """A remark above the keys; the next one takes its place, "" takes it away."""
        said = self.query_one("#said", Static)
        said.update(texts.safe(words, max_chars=2000))
        said.display = bool(words)

    def say_error(self, error: WorkbenchError) -> None:
        """An error in three lines, above the keys."""
        self.say(texts.error_words(error))

    # --- keys ----------------------------------------------------------------------------------------------

    def action_show_help(self) -> None:
        """Help for what has the focus."""
        self.app.push_screen(
            HelpScreen(self.TITLE_WORDS, self.HELP_WORDS, help_of(self.focused), self.acts())
        )

    def action_show_screen(self, number: int) -> None:
        """Another engineer's screen, by its F-key."""
        from workbench.tui.engineer.screens import entry_of_key, show

        entry = entry_of_key(f"f{number}")
        if entry is not None and entry.name != self.NAME:
            show(self.app, self.desk, entry.name)

    def action_act(self, key: str) -> None:
        """What F9 or F10 do on this screen."""
        for act in self.acts():
            if act.key == key:
                self.perform(act)

    def perform(self, act: Act) -> None:
        """Does it, or says why not."""
        if act.why_not:
            self.say(f"{act.words}: not now, {act.why_not}")
            return
        self.guarded(act.do)
        if self.is_attached:
            self.show_keys()

    def guarded(self, work: Callable[[], object]) -> None:
        """Does it; an error is said in words."""
        try:
            work()
        except WorkbenchError as error:
            self.say_error(error)

    def action_palette(self) -> None:
        """All commands, found by their words."""
        from workbench.tui.engineer.palette import open_palette

        open_palette(self)

    def action_leave(self) -> None:
        """Back to where the engineer came from."""
        if self.desk.leave is not None:
            self.desk.leave()
        else:
            self.say("Ctrl+Q ends the program")

    # --- work in the background ----------------------------------------------------------------------------

    def background(self, work: Callable[[], T], then: Callable[[T], object], *, group: str) -> Worker[None]:
        """`work` in a thread, then `then` with its result on the screen; an error is said in words.

        Work of the same group that is still going on is forgotten: its result comes too late.
        """
        return self.run_worker(
            lambda: self._in_thread(work, then), thread=True, group=group, exclusive=True, exit_on_error=False
        )

    def _in_thread(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        worker = get_current_worker()
        finish: Callable[[], object]
        try:
            found = work()
        except WorkbenchError as error:
            told = error
            finish = lambda: self.say_error(told)  # noqa: E731
        except Exception as error:
            self.log.error(repr(error))
            words = f"internal: {type(error).__name__}; report it, with what you did before"
            finish = lambda: self.say(words)  # noqa: E731
        else:
            finish = lambda: self.guarded(lambda: then(found))  # noqa: E731
        if not worker.is_cancelled and self.is_attached:
            self.app.call_from_thread(finish)


def help_of(widget: Widget | None) -> str:
    """What the widget, or what it lies in, says about itself."""
    while widget is not None and not isinstance(widget, Screen):
        words: Any = getattr(widget, "help_words", None)
        if isinstance(words, str) and words:
            return words
        parent = widget.parent
        widget = parent if isinstance(parent, Widget) else None
    return ""


def with_help(widget: T, words: str) -> T:
    """The widget, with what F1 says while it has the focus."""
    setattr(widget, "help_words", words)  # noqa: B010
    return widget


def joined(lines: Iterable[str]) -> str:
    """Lines of a text."""
    return "\n".join(lines)
