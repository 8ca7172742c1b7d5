"""The one widget of the technician's face: draws a page, repaints what changed, hears every key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.tui.drawn import Role, Spans
from workbench.tui.face import Face
from workbench.tui.orders import Order
from workbench.tui.page import Place, cards_at, page
from workbench.tui.palette import Colours, looks
from workbench.tui.symbols import Symbols

_ENDS: Final = ("enter", "ctrl+j")
"""CR and LF as Textual names them."""


class Sheet(Widget, can_focus=True):
    """A Face on the screen.  It keeps the focus: whatever a scanner types arrives here, key by key."""

    DEFAULT_CSS = "Sheet { width: 1fr; height: 1fr; }"

    class Ordered(Message):
        """A person wants something of the line."""

        def __init__(self, order: Order) -> None:
            super().__init__()
            self.order = order

    def __init__(self, face: Face, colours: Colours, symbols: Symbols, clock: Callable[[], float]) -> None:
        super().__init__()
        self.face = face
        self._symbols = symbols
        self._clock = clock
        self._styles: dict[Role, Style] = {role: Style.parse(look) for role, look in looks(colours).items()}
        self._lines: tuple[Spans, ...] = ()

    def draw(self) -> None:
        """Draws what the face is now; repaints the lines that differ from those on the screen."""
        lines = page(self.face, self.place)
        if len(lines) != len(self._lines):
            self._lines = lines
            self.refresh()
            return
        changed = [y for y, (new, old) in enumerate(zip(lines, self._lines, strict=True)) if new != old]
        self._lines = lines
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    @property
    def place(self) -> Place:
        """Where and when it is drawn now."""
        return Place(
            width=self.size.width,
            height=self.size.height,
            now=self._clock(),
            clock=time.strftime("%H:%M"),
            symbols=self._symbols,
        )

    def render_line(self, y: int) -> Strip:
        """One line, in the colours of the terminal."""
        if y >= len(self._lines):
            return Strip.blank(self.size.width, self._styles["plain"])
        styles = self._styles
        line = Strip([Segment(text, styles[role]) for text, role in self._lines[y] if text]).simplify()
        return line.adjust_cell_length(self.size.width, styles["plain"])

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """All there is."""
        return container.width

    def on_resize(self) -> None:
        """Draws anew for the new size."""
        self._lines = ()
        self.draw()

    async def _on_key(self, event: events.Key) -> None:
        """Takes every key, so that no binding of the library hears what a scanner types."""
        event.stop()
        event.prevent_default()
        now = self._clock()
        orders: list[Order] = []
        if event.key in _ENDS:
            orders = self.face.enter(now)
        elif event.key == "backspace":
            self.face.rub()
        elif event.character is not None and event.key != "escape" and event.key != "tab":
            self.face.type(event.character, now)
        elif event.key.startswith("ctrl+"):
            self.face.type("\x1a", now)
        else:
            orders = self.face.press(event.key, now)
        for order in orders:
            self.post_message(self.Ordered(order))
        self.draw()

    async def _on_paste(self, event: events.Paste) -> None:
        """A terminal that brackets what a scanner types hands it over in one piece."""
        event.stop()
        event.prevent_default()
        now = self._clock()
        for part in event.text.splitlines(keepends=True):
            self.face.type(part.rstrip("\r\n"), now)
            if part.endswith(("\r", "\n")):
                for order in self.face.enter(now):
                    self.post_message(self.Ordered(order))
        self.draw()

    def on_click(self, event: events.Click) -> None:
        """A click on a card chooses its slot."""
        grid, top, first = cards_at(self.face, self.place)
        column, row = event.x // grid.width, (event.y - top) // grid.height
        index = first + row * grid.columns + column
        if self.face.page == "line" and 0 <= row < grid.rows and column < grid.columns:
            if index < len(self.face.state.slots):
                self.face.choose(self.face.state.slots[index].name)
            self.draw()
