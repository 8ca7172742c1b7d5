"""The engine of `workbench console`: keys to the board, the board's text to the user, until somebody ends it.

It prints nothing itself: text goes to `out`, notices to `say`.  Standard input may be a terminal (raw keys,
Ctrl-] for commands) or anything else (its lines are sent; after its end the console waits until the board
is quiet).
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from workbench.errors import Stopped
from workbench.wires.console import CONNECT_S, Console
from workbench.wires.display import Display
from workbench.wires.errors import SerialError
from workbench.wires.inbox import Inbox
from workbench.wires.keys import HELP_LINE, Command, Keys, Typed
from workbench.wires.link import Change, Connected, GivenUp, Lost, Received
from workbench.wires.patterns import Match, Pattern, verify_pattern
from workbench.wires.serial_port import PortSettings
from workbench.wires.terminal import RawKeyboard, ending_signals

TICK_S: Final = 0.25
"""How often `check` is called when nothing happens."""
_READ_BYTES: Final = 4096
_LINE_BYTES: Final = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How an interactive console behaves.

    timestamps         local time before each line; Ctrl-] t changes it
    expect             end as soon as the board printed this, whether or not input is left
    expect_timeout_s   ... and fail with ConsoleTimeout when it did not within this time
    idle_s             at the end of an input that is no terminal: how long the board must be quiet
    line_end           what ends each line of such an input; a terminal's Enter sends CR
    connect_timeout_s  how long to wait for the port; on a terminal, a lost port is waited for without limit
    """

    timestamps: bool = True
    expect: Pattern | None = None
    expect_timeout_s: float = 30.0
    idle_s: float = 1.0
    line_end: bytes = b"\r"
    connect_timeout_s: float = CONNECT_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Why an interactive console ended, and how much passed."""

    reason: Literal["quit", "end-of-input", "expected"]
    received_bytes: int
    sent_bytes: int
    match: Match | None = None


def interact(
    port: str,
    settings: PortSettings,
    *,
    stdin_fd: int,
    out: Callable[[str], None],
    say: Callable[[str], None],
    options: Options | None = None,
    log_path: Path | None = None,
    check: Callable[[], None] | None = None,
) -> Outcome:
    """Connects keyboard and board until the user quits, input ends or `expect` is seen.

    `out` gets text that is safe for a terminal, lines ending in "\\n"; `say` gets one line without its end.
    Both are called from the caller's thread, must show at once, and may block: the log goes on meanwhile.
    `check` is called several times a second and may raise to end the console (a lost lease).

    The terminal is restored however this ends.  Raises ConsoleTimeout, SerialError, SerialInvalid,
    PatternInvalid, ConsoleLogFailed; Stopped on SIGTERM, SIGHUP and, where the input is no terminal,
    Ctrl-C.
    """
    options = options or Options()
    if options.expect is not None:
        verify_pattern(options.expect)
    inbox = Inbox()
    keyboard = RawKeyboard(stdin_fd)
    console = Console(
        port,
        settings=settings,
        log_path=log_path,
        listener=inbox.put,
        connect_timeout_s=options.connect_timeout_s,
        reconnect_timeout_s=None if keyboard.is_terminal else options.connect_timeout_s,
    )
    try:
        with ending_signals(), console:
            try:
                keyboard.enter()
                return _Session(console, keyboard, stdin_fd, inbox, out, say, options, check).run()
            finally:
                keyboard.restore()
    except KeyboardInterrupt:
        raise Stopped("the console was ended by Ctrl-C") from None
    finally:
        inbox.close()


class _Session:
    """One interactive console while it is connected."""

    def __init__(
        self,
        console: Console,
        keyboard: RawKeyboard,
        stdin_fd: int,
        inbox: Inbox,
        out: Callable[[str], None],
        say: Callable[[str], None],
        options: Options,
        check: Callable[[], None] | None,
    ) -> None:
        self._console = console
        self._terminal = keyboard.is_terminal
        self._stdin = stdin_fd
        self._inbox = inbox
        self._out = out
        self._say = say
        self._options = options
        self._check = check
        self._keys = Keys()
        self._display = Display(timestamps=options.timestamps, backspace=self._terminal)
        self._line = bytearray()
        self._input_ended = False
        self._quit = False
        self._log_failure_said = False
        self._sent_bytes = 0
        self._active_at = time.monotonic()
        self._expectation = (
            None if options.expect is None else console.expecting(options.expect, options.expect_timeout_s)
        )

    def run(self) -> Outcome:
        """The loop: wait for either side, show, send, until there is an outcome."""
        if self._terminal:
            self._notice(f"{self._console.port}, {self._console.settings.baud} baud. {HELP_LINE}")
        while (outcome := self._turn()) is None:
            pass
        self._show()
        if self._terminal:
            self._out(self._display.end_line())
        return outcome

    def _turn(self) -> Outcome | None:
        stdin_ready = self._wait()
        if self._check is not None:
            self._check()
        self._show()
        if stdin_ready:
            self._input()
        return self._outcome()

    # --- waiting and ending ---

    def _wait(self) -> bool:
        """Waits for something to do; whether there is input to read."""
        poll = select.poll()
        poll.register(self._inbox.fd, select.POLLIN)
        # lines from a pipe wait in it for a lost port; keys do not, or nobody could quit
        if not self._input_ended and (self._terminal or self._console.connected):
            poll.register(self._stdin, select.POLLIN)
        ready = dict(poll.poll(self._patience_s() * 1000))
        return self._stdin in ready

    def _patience_s(self) -> float:
        left = [TICK_S]
        if self._expectation is not None:
            left += [self._expectation.left_s]
            left += [rest] if (rest := self._expectation.rest_s) > 0 else []
        if self._input_ended:
            left += [self._idle_left_s()]
        return max(min(left), 0.001)

    def _idle_left_s(self) -> float:
        return self._active_at + self._options.idle_s - time.monotonic()

    def _outcome(self) -> Outcome | None:
        if self._expectation is not None:
            late = self._expectation.left_s <= 0
            match = self._expectation.look() if late or self._expectation.rest_s <= 0 else None
            if match is not None:
                return self._ended("expected", match)
        if self._quit:
            return self._ended("quit")
        if self._input_ended and self._expectation is None and self._idle_left_s() <= 0:
            return self._ended("end-of-input")
        return None

    def _ended(
        self, reason: Literal["quit", "end-of-input", "expected"], match: Match | None = None
    ) -> Outcome:
        received = self._console.received_bytes
        return Outcome(reason=reason, received_bytes=received, sent_bytes=self._sent_bytes, match=match)

    # --- from the board ---

    def _show(self) -> None:
        changes, skipped = self._inbox.take()
        if skipped:
            self._notice(f"{skipped} bytes not shown: the board is faster than this screen")
        text: list[str] = []
        for change in changes:
            if isinstance(change, Received):
                text.append(self._display.feed(change.at, change.data))
            else:
                self._flush(text)
                self._connection(change)
        self._flush(text)
        if changes:
            self._active_at = time.monotonic()
        self._say_log_failure()

    def _flush(self, text: list[str]) -> None:
        if joined := "".join(text):
            self._out(joined)
        text.clear()

    def _connection(self, change: Change) -> None:
        if isinstance(change, Lost):
            hint = "; waiting for it (Ctrl-] q quits)" if self._terminal else "; waiting for it"
            self._notice(change.error.what + hint)
        elif isinstance(change, Connected) and change.gap_s is not None:
            self._notice(f"{self._console.port} is back after {change.gap_s:.1f} s")
        elif isinstance(change, GivenUp):
            raise change.error

    def _say_log_failure(self) -> None:
        failure = self._console.log_failure
        if failure is not None and not self._log_failure_said:
            self._log_failure_said = True
            self._notice(failure.what)

    def _notice(self, text: str) -> None:
        """A line of the workbench's own; on a terminal it never starts in the middle of the board's."""
        if self._terminal and (end := self._display.end_line()):
            self._out(end)
        self._say(text)

    # --- to the board ---

    def _input(self) -> None:
        try:
            data = os.read(self._stdin, _READ_BYTES)
        except OSError:
            data = b""  # the terminal hung up
        if not data:
            self._end_input()
        elif self._terminal:
            for item in self._keys.feed(data):
                self._key(item)
        else:
            self._send_lines(data)

    def _end_input(self) -> None:
        self._input_ended = True
        self._active_at = time.monotonic()
        if self._line:
            self._send_lines(b"\n")

    def _send_lines(self, data: bytes) -> None:
        self._line += data
        *lines, rest = bytes(self._line).split(b"\n")
        self._line = bytearray(rest)
        whole = b"".join(line.removesuffix(b"\r") + self._options.line_end for line in lines)
        if len(self._line) > _LINE_BYTES:
            whole += bytes(self._line)
            self._line.clear()
        if whole:
            self._console.write(whole)
            self._sent(len(whole))

    def _key(self, item: Typed | Command) -> None:
        if isinstance(item, Typed):
            self._typed(item.data)
        elif item is Command.QUIT:
            self._quit = True
        elif item is Command.TIMESTAMPS:
            self._display.timestamps = not self._display.timestamps
            self._notice(f"timestamps {'on' if self._display.timestamps else 'off'}")
        elif item is Command.BREAK:
            self._break()
        else:
            self._notice(HELP_LINE)

    def _typed(self, data: bytes) -> None:
        if not self._console.connected:
            self._notice("not sent: the port is away")
            return
        try:
            self._console.write(data, timeout_s=1.0)
        except SerialError as error:
            self._notice(f"not sent: {error.what}")
            return
        self._sent(len(data))

    def _break(self) -> None:
        try:
            self._console.send_break()
        except SerialError as error:
            self._notice(f"no break: {error.what}")
            return
        self._notice("break sent")

    def _sent(self, count: int) -> None:
        self._sent_bytes += count
        self._active_at = time.monotonic()
