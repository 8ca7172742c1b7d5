"""Lines of text that come quickly: only what is in view is ever drawn, however much arrives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

MAX_LINES: Final = 10_000
"""Lines that are kept; the log has them all."""


class ConsoleView(ScrollView, can_focus=True):
    """The last lines of a console.  Follows the end until it is scrolled up; End follows again.

    Takes safe text only: what is given here reaches the terminal as it is.
    """

    DEFAULT_CSS = "ConsoleView { height: 1fr; background: $background; color: $foreground; }"
    help_words = (
        "What the board prints, newest last. ↑ ↓ PgUp PgDn scroll, Home goes to the first line that is kept, "
        "End follows the newest again."
    )

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._rest = ""
        self._width = 0
        self._style = Style()

    @property
    def line_count(self) -> int:
        """Lines that are kept."""
        return len(self._lines)

    @property
    def follows(self) -> bool:
        """Whether the newest line is in view."""
        return self.is_vertical_scroll_end

    @property
    def text(self) -> str:
        """All lines that are kept."""
        return "\n".join([*self._lines, self._rest])

    def add(self, lines: Iterable[str], rest: str = "") -> None:
        """Adds lines, all in one paint; `rest` is the line that is not ended yet."""
        follow = self.is_vertical_scroll_end
        new = [line.expandtabs() for line in lines]
        self._lines += new
        self._rest = rest.expandtabs()
        self._width = max([self._width, len(self._rest), *map(len, new)])
        over = len(self._lines) - MAX_LINES
        if over > 0:
            del self._lines[:over]
        self.virtual_size = Size(self._width, len(self._lines) + 1)
        if follow:
            self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)
        elif over > 0:
            self.scroll_to(y=max(0, self.scroll_y - over), animate=False, immediate=True)
        self.refresh()

    def clear(self) -> None:
        """Forgets all lines."""
        self._lines.clear()
        self._rest, self._width = "", 0
        self.virtual_size = Size(0, 1)
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in view; their style is found once for all of them."""
        self._style = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        scroll_x, scroll_y = self.scroll_offset
        at = scroll_y + y
        lines = self._lines
        text = lines[at] if at < len(lines) else self._rest if at == len(lines) else ""
        style = self._style
        return Strip([Segment(text, style)]).crop_extend(scroll_x, scroll_x + self.size.width, style)
