"""How the demo is shown to a person: a picture that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from workbench.cli import stderr, words
from workbench.cli.demo_scene import LEGEND, Scene
from workbench.cli.faces import Face, JsonFace
from workbench.cli.options import Output
from workbench.events import Progress, RunFinished, StepFinished, StepStarted
from workbench.station.flashmap import BLANK, NEW, TORN
from workbench.station.throttle import Stamped
from workbench.wires.clean import clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

WIDEST: Final = 110
"""Columns that are used of a wide terminal."""
REDRAW_S: Final = 0.06
PLAIN_EVERY_S: Final = 2.0
"""How often plain lines tell how far a long step is."""
STYLES: Final = {NEW: "green", TORN: "bold red", BLANK: "bright_black"}
SQUARES: Final = {NEW: "■", TORN: "▚", BLANK: "·"}
LETTERS: Final = {NEW: "#", TORN: "?", BLANK: "."}
"""In place of squares where the terminal has no UTF-8."""


def demo_face(output: Output) -> Face:
    """The face that fits what was asked for and where the output goes."""
    if output.json:
        return JsonFace()
    return PlainDemo() if output.plain or not stderr.is_terminal() else LiveDemo(stderr.console())


class PlainDemo:
    """Lines: what begins, now and then how far it is, and what came out."""

    def __init__(self) -> None:
        self._scene = Scene("", "")
        self._number = 0
        self._said_at = 0.0

    def __call__(self, stamped: Stamped) -> None:
        self._scene.hear(stamped.event)
        match stamped.event:
            case StepStarted(step=step, title=title):
                self._scene = Scene(step, title)
                self._number += 1
                self._said_at = time.monotonic()
                stderr.say(f"{self._number}. {title}")
            case Progress() as progress:
                self._progress(progress)
            case StepFinished(outcome=outcome, elapsed_s=elapsed_s):
                for line in (*self._scene.lines(), *self._scene.map_lines()):
                    stderr.say(f"   {line}")
                stderr.say(f"   {'done' if outcome == 'PASS' else outcome} after {words.seconds(elapsed_s)}")

    def _progress(self, event: Progress) -> None:
        if time.monotonic() - self._said_at < PLAIN_EVERY_S:
            return
        self._said_at = time.monotonic()
        bar = self._scene.bars.get(event.step.rpartition("/")[0])
        if bar is not None:
            stderr.say(f"   {bar.slot}  {bar.phase} {words.percent(bar.done, bar.total)}")

    def close(self) -> None:
        """Nothing is left on the screen."""


class LiveDemo:
    """The step under way with its bars, drawn over and over; what is finished stays above.

    Draws only when an event comes, without a thread: the run forks processes.
    """

    def __init__(self, console: Console, *, moving: bool = True) -> None:
        """`moving` False shows only what is finished."""
        self._console = console
        self._moving = moving
        self._scene = Scene("", "")
        self._live: Live | None = None
        self._drawn_at = 0.0

    def __call__(self, stamped: Stamped) -> None:
        self._scene.hear(stamped.event)
        match stamped.event:
            case StepStarted(step=step, title=title):
                self._scene = Scene(step, title)
                self._begin()
            case StepFinished(outcome=outcome, elapsed_s=elapsed_s):
                self.close()
                self._console.print(self._finished(outcome == "PASS", elapsed_s))
            case RunFinished():
                self.close()
            case event:
                if not isinstance(event, Progress) or time.monotonic() - self._drawn_at >= REDRAW_S:
                    self._draw()

    def close(self) -> None:
        """Leaves the screen as if nothing had moved."""
        if self._live is not None:
            self._live.update("", refresh=False)
            self._live.stop()
            self._live = None

    def _begin(self) -> None:
        from rich.live import Live

        self.close()
        if not self._moving:
            return
        self._live = Live(
            self._picture(),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def _draw(self) -> None:
        if self._live is not None:
            self._drawn_at = time.monotonic()
            self._live.update(self._picture(), refresh=True)

    @property
    def _width(self) -> int:
        return min(self._console.width, WIDEST)

    def _picture(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        head = Text.assemble(
            ("  ▸ " if self._has_unicode else "  > ", "bold cyan"), (self._scene.title, "bold")
        )
        parts = [head, *self._details()]
        return Group(*parts, *([self._bars()] if self._scene.bars else []))

    def _finished(self, passed: bool, elapsed_s: float) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        mark = ("✓" if passed else "✗") if self._has_unicode else ("+" if passed else "x")
        duration = words.seconds(elapsed_s)
        title = self._scene.title
        gap = " " * max(1, self._width - 4 - len(title) - len(duration))
        color = "bold green" if passed else "bold red"
        head = Text.assemble((f"  {mark} ", color), (title, "bold"), gap, (duration, "bright_black"))
        return Group(head, *self._details())

    def _details(self) -> list[RenderableType]:
        from rich.padding import Padding
        from rich.text import Text

        lines = [Padding(Text(clean(line)), (0, 0, 0, 6)) for line in self._scene.lines() if line]
        return [*lines, *self._map()]

    def _map(self) -> list[RenderableType]:
        from rich.padding import Padding
        from rich.text import Text

        kinds = self._scene.kinds
        if not kinds:
            return []
        squares = SQUARES if self._has_unicode else LETTERS
        a_row = 100 if self._width >= WIDEST else 50
        rows = [kinds[at : at + a_row] for at in range(0, len(kinds), a_row)]
        drawn = Text("\n").join(
            Text.assemble(*((squares[kind], STYLES[kind]) for kind in row)) for row in rows
        )
        legend = Text("   ").join(
            Text.assemble((squares[kind], STYLES[kind]), f" {LEGEND[kind]} {kinds.count(kind)}")
            for kind in LEGEND
        )
        return [Padding(drawn, (0, 0, 0, 6)), Padding(legend, (0, 0, 0, 6))]

    def _bars(self) -> RenderableType:
        from rich.padding import Padding
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        grid = Table.grid(padding=(0, 2, 0, 0))
        for bar in sorted(self._scene.bars.values(), key=lambda bar: bar.slot):
            drawn = ProgressBar(total=bar.total or None, completed=bar.done, width=max(10, self._width - 50))
            done = words.amount(bar.done, bar.unit)
            grid.add_row(
                bar.slot, f"{bar.phase:<12}", drawn, f"{words.percent(bar.done, bar.total):>5}", done
            )
        return Padding(grid, (0, 0, 0, 6))

    @property
    def _has_unicode(self) -> bool:
        return self._console.encoding.lower().startswith("utf")
