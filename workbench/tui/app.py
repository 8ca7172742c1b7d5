"""The application: the technician's sheet, the line's state some times a second, the way to the engineer.

Whatever goes wrong ends in words: a defect of the screen closes it with `FaceCrashed`, and the line goes on.
"""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from workbench.errors import WorkbenchError
from workbench.station.line.state import LineState
from workbench.tui.crash import keep_crash
from workbench.tui.face import Face
from workbench.tui.orders import Order, Reply, carry_out
from workbench.tui.sheet import Sheet
from workbench.tui.station import Station

POLL_S: Final = 0.125
"""Between two looks at the line: eight paints a second, and the rest for keys."""

DARK: Final = Theme(
    name="workbench",
    dark=True,
    primary="#6fb7f5",
    secondary="#8fa3b8",
    success="#45b877",
    warning="#e9a93a",
    error="#c4323e",
    accent="#c9a0f7",
    foreground="#d5dce4",
    background="#10161d",
    surface="#161e27",
    panel="#1d2732",
)


class TechnicianScreen(Screen[None], inherit_bindings=False):
    """The sheet, alone."""

    CSS = "TechnicianScreen { background: $background; }"

    def __init__(self, sheet: Sheet) -> None:
        super().__init__()
        self.sheet = sheet

    def compose(self) -> ComposeResult:
        """One widget."""
        yield self.sheet


class StationApp(App[None], inherit_bindings=False):
    """The terminal user interface of one line."""

    ENABLE_COMMAND_PALETTE = False  # the engineer's screens open it; a scanner must not
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "nothing", show=False)]
    TITLE = "Workbench"

    def __init__(self, station: Station) -> None:
        super().__init__()
        self.station = station
        people = station.people
        self.face = Face(
            sign_in=people.sign_in,
            has_pin=people.has_pin,
            hands_out=station.hands_out,
            notice=station.notice,
        )
        self.sheet = Sheet(self.face, station.colours, station.symbols, station.clock)
        self.crashed: WorkbenchError | None = None
        self._hand = ThreadPoolExecutor(max_workers=1, thread_name_prefix="line")
        self._bell_rung: dict[str, str | None] = {}
        self.register_theme(DARK)
        self.theme = "workbench" if station.colours == "full" else "ansi-dark"

    def get_default_screen(self) -> Screen[Any]:
        """The technician's."""
        return TechnicianScreen(self.sheet)

    def on_ready(self) -> None:
        """Begins to look at the line."""
        self.sheet.focus()
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.exit)
        self.look()
        self.set_interval(POLL_S, self.look)
        if self.station.straight_to_engineer:
            self.face.press("f12", self.station.clock())

    def look(self) -> None:
        """Takes the line's state and draws it."""
        state = self.station.seen.state()
        now = self.station.clock()
        if state is None:
            self.face.page = "nobody"
        else:
            if self.face.page == "nobody":
                self.face.page = "line"
            self.face.see(state, now)
            self._ring(state)
        if isinstance(self.screen, TechnicianScreen):
            self.sheet.draw()

    def _ring(self, state: LineState) -> None:
        """A bell for each verdict and each question, where the station wants it."""
        marks = {s.name: s.question.prompt if s.question else s.verdict for s in state.slots}
        if self.station.sound and any(
            mark and self._bell_rung.get(name) != mark for name, mark in marks.items()
        ):
            self.bell()
        self._bell_rung = dict(marks)

    async def on_sheet_ordered(self, message: Sheet.Ordered) -> None:
        """Hands an order to the line, in the one thread that may wait for it: orders keep their sequence."""
        self._hand.submit(self._work, message.order)

    def _work(self, order: Order) -> None:
        """Called in the hand's thread."""
        reply = carry_out(order, self.station.line, self.station.people)
        try:
            self.call_from_thread(self._replied, reply)
        except RuntimeError:
            return  # the screen has gone

    def _replied(self, reply: Reply) -> None:
        self.face.replied(reply, self.station.clock())
        if reply.order.act == "leave":
            self.exit()
        if reply.order.act == "pin" and reply.error is None:
            self.open_engineer()
        self.look()

    def open_engineer(self) -> None:
        """The engineer's screens, on top of the technician's."""
        if self.station.engineer is not None:
            self.use_command_palette = True
            self.station.engineer(self, self.leave_engineer)

    def leave_engineer(self) -> None:
        """Back to the technician's sheet."""
        self.use_command_palette = False
        if not isinstance(self.screen, TechnicianScreen):
            self.pop_screen()
        self.face.message = None
        self.sheet.focus()

    def action_nothing(self) -> None:
        """Ctrl-C ends nothing: F10 does."""

    def _handle_exception(self, error: Exception) -> None:
        """A defect of the screen: kept in a file, told in words, never shown as a traceback."""
        if self.crashed is None:
            self.crashed = keep_crash(error)
        if self._exception is None:  # what Textual's own test driver looks at
            self._exception = error
            self._exception_event.set()
        self._return_code = self.crashed.exit_code
        self._close_messages_no_wait()

    def close_hand(self) -> None:
        """Lets orders under way end; takes no more."""
        self._hand.shutdown(wait=False, cancel_futures=True)
