"""The plain face: the same words line by line, for screen readers, slow consoles and pipes.  Draws nothing.

Reads lines from standard input: a scan, or a word after a slash (/help lists them).
"""

from __future__ import annotations

import os
import queue
import re
import sys
import termios
import threading
import time
from typing import Final

from workbench.languages import _
from workbench.station.line.state import LineState
from workbench.tui import plain_lines as words
from workbench.tui.face import Face
from workbench.tui.keyboard import QUIET_S
from workbench.tui.keys import TABLE
from workbench.tui.orders import Order, carry_out
from workbench.tui.station import Station
from workbench.wires.clean import clean_line

POLL_S: Final = 0.2
MAX_LINE: Final = 4096


def run_plain(station: Station) -> int:
    """Until /end, or until the input has ended and no unit is at work; returns the exit status."""
    return PlainFace(station).run()


class PlainFace:
    """One conversation."""

    def __init__(self, station: Station) -> None:
        people = station.people
        self._station = station
        self._face = Face(sign_in=people.sign_in, has_pin=False, hands_out=station.hands_out)
        self._typed: queue.Queue[tuple[str, float] | None] = queue.Queue()
        self._seen = LineState()
        self._page = "line"
        self._asked: object = None
        self._ended = False
        self._last = float("-inf")

    def run(self) -> int:
        """Listens and tells."""
        threading.Thread(target=self._listen, daemon=True, name="typed").start()
        self._say(_("Plain face. Scan, or type /help."))
        self._say(*filter(None, [self._station.notice]))
        self._look()
        while not self._ended:
            try:
                typed = self._typed.get(timeout=POLL_S)
            except queue.Empty:
                self._look()
                continue
            except KeyboardInterrupt:
                typed = ("/end", self._station.clock())
            self._look()
            if typed is None:
                self._finish()
                break
            self._hear(*typed)
            self._look()
        return 0

    # --- telling ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        state = self._station.seen.state()
        now = self._station.clock()
        if state is None:
            self._turn("nobody", [_("Nobody works the line of this bench now.")])
            return
        told = words.changes(self._seen, state) if self._seen.slots else words.everything(state, now)
        self._seen = state
        self._face.see(state, now)
        self._say(*told)
        page = self._face.page
        if page == "sign-in":
            self._turn(page, [_("Scan your badge.")])
        elif page == "unfinished":
            self._turn(page, words.unfinished_lines(state))
            self._face.seen_unfinished, self._face.page = True, "line"
        else:
            self._page = page
        asked = self._face.armed.what
        if asked != self._asked:
            self._asked = asked
            if asked is not None:
                self._forget_typed()

    def _turn(self, page: str, lines: list[str]) -> None:
        if page != self._page:
            self._page = page
            self._say(*lines)

    def _forget_typed(self) -> None:
        """What was typed before a question is no answer to it."""
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    def _say(self, *lines: str) -> None:
        for line in lines:
            sys.stdout.write(clean_line(line, max_chars=1000) + "\n")
        if lines:
            sys.stdout.flush()

    # --- hearing ----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Reads without Python's buffer: nobody can take a lock of it away from a thread at the end."""
        waiting, ended_by_cr = b"", False
        while True:
            try:
                data = os.read(sys.stdin.fileno(), MAX_LINE)
            except (OSError, ValueError):
                data = b""
            if ended_by_cr and data.startswith(b"\n"):
                data = data[1:]
            ended_by_cr = data.endswith(b"\r")
            *lines, waiting = re.split(rb"\r\n|\r|\n", waiting + data)
            waiting = waiting[:MAX_LINE]
            for line in lines if data else [waiting]:
                self._typed.put((line.decode("utf-8", "replace"), self._station.clock()))
            if not data:
                self._typed.put(None)
                return

    def _hear(self, line: str, arrived: float) -> None:
        burst = arrived - self._last <= QUIET_S
        self._last = arrived
        if line.startswith("/"):
            self._word(line[1:].strip(), arrived)
        elif line.strip() or not burst:  # the second end of a scan's line is nobody's Enter
            self._scan(line, arrived)

    def _scan(self, text: str, arrived: float) -> None:
        face = self._face
        if text.strip():
            face.type(text, arrived)
            self._do(face.enter(arrived))
        elif face.moment.asks:
            self._press("no", arrived)

    def _word(self, text: str, arrived: float) -> None:
        name, _space, slot = text.partition(" ")
        face = self._face
        if name == "slot" or slot:
            known = next(
                (s.name for s in self._seen.slots if s.name.casefold() == slot.strip().casefold()), None
            )
            if known is None:
                self._say(_("Refused: there is no such slot."))
                return
            face.choose(known)
        if name == "slot":
            self._say(_("{slot} is chosen.").format(slot=slot))
        elif name == "state":
            self._say(*words.everything(self._seen, self._station.clock()))
        elif name == "help":
            self._say(*words.command_help())
        elif name == "end":
            self._finish(wait=False)
        elif name in words.COMMANDS:
            self._press(name, arrived)
        else:
            self._say(_("Refused: /{word} is unknown; /help lists the words.").format(word=name))

    def _press(self, name: str, arrived: float) -> None:
        key = next(key for key in TABLE if key.act == words.COMMANDS[name])
        if key.act in ("yes", "no") and self._face.armed.what is not None:
            if arrived <= self._face.armed.since_s:
                self._say(_("What was typed before the question was not used."))
                return
            self._wait_armed()
        self._do(self._face.press(key.key, self._station.clock()))

    def _wait_armed(self) -> None:
        """A word was typed by a person who has read the question: it counts as soon as the question may be
        answered."""
        face, clock = self._face, self._station.clock
        while face.armed.what is not None and not (
            face.armed.is_armed(clock()) and face.buffer.is_person(clock())
        ):
            time.sleep(0.02)

    def _do(self, orders: list[Order]) -> None:
        face, line = self._face, self._station.line
        for order in orders:
            face.replied(carry_out(order, line, self._station.people), self._station.clock())
        if face.proposed is not None and orders:
            self._say(*words.proposal_lines(face))
        if face.message is not None:
            self._say(*words.message_lines(face.message))
            face.message = None

    def _finish(self, *, wait: bool = True) -> None:
        """The end: after the units at work where nobody asked for it, after their current steps otherwise."""
        while wait and any(s.phase in ("running", "asking", "stopping") for s in self._seen.slots):
            asked = self._face.question
            if asked is not None and self._station.line is not None:
                self._station.line.cancel(asked[0].name)
            self._look()
            time.sleep(POLL_S)
        self._say(_("The line ends; units at work stop after their current step."))
        if self._station.line is not None:
            self._do([Order(act="leave")])
        self._look()
        self._ended = True
