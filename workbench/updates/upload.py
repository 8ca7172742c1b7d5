"""Carries an image's bytes into the device, as fast as the line goes, and goes on after a loss."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workbench.errors import WorkbenchError
from workbench.events import Emit, Notice, Progress
from workbench.updates.device import IMG, Params
from workbench.updates.errors import UploadStalled
from workbench.updates.window import Piece, Window
from workbench.wires.errors import SerialLost, SerialTimeout
from workbench.wires.smp import Smp
from workbench.wires.smp_errors import SmpGarbled
from workbench.wires.smp_message import Answer, Op, Request

FIRST_S: Final = 40.0
"""For the first piece: the device may erase the whole slot."""
ANSWER_S: Final = 2.5
"""For the others, beside the time on the line: the device may erase a sector."""
RECONNECT_S: Final = 30.0
MAX_IDLE_ROUNDS: Final = 12
MAX_WINDOW: Final = 8
SAFE_MESSAGE: Final = 164
"""Two lines: what every device takes.  For the first piece, and where a device does not tell its buffers."""
LARGEST_MESSAGE: Final = 16 << 10
SMALLEST: Final = 32
"""Bytes of a piece; the first one has to hold the image's header."""
ALIGN: Final = 8
"""Pieces are a multiple of what most flash is written in."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """How an upload went.  `resumed_at` is where the device already was at the beginning."""

    bytes: int
    seconds: float
    wire_bytes: int
    window: int
    piece_bytes: int
    losses: int
    reconnections: int
    resumed_at: int
    line_rate: float | None

    @property
    def line_share(self) -> float | None:
        """What part of the line's rate was used; None where that is not known."""
        if self.line_rate is None or not self.seconds:
            return None
        return self.wire_bytes / self.seconds / self.line_rate


class Upload:
    """One upload of `data` to the device's other slot."""

    def __init__(
        self,
        smp: Smp,
        data: bytes,
        params: Params | None,
        *,
        emit: Emit,
        check: Callable[[], object] = lambda: None,
        window: int | None = None,
    ) -> None:
        self._smp = smp
        self._data = data
        self._sha = hashlib.sha256(data).digest()
        self._emit = emit
        self._check = check
        self._max_message = max_message(smp, params)
        width = window_for(params) if window is None else window
        self._window = Window(len(data), width)
        self._width = self._window.width
        self._wire_bytes = 0
        self._piece_bytes = 0
        self._reconnections = 0
        self._resumed_at: int | None = None

    def run(self) -> Uploaded:
        """Uploads.  Raises SmpRefused, UploadStalled, and SerialMissing where a lost port stays away."""
        began_s = time.monotonic()
        while not self._window.done:
            try:
                self._round()
            except (SerialLost, SerialTimeout) as error:
                self._reconnect(error)
            if self._window.idle_rounds > MAX_IDLE_ROUNDS:
                raise UploadStalled(
                    f"the device stays at {self._window.at} of {len(self._data)} bytes; "
                    f"{self._window.losses} answers were missing"
                )
        return Uploaded(
            bytes=len(self._data),
            seconds=time.monotonic() - began_s,
            wire_bytes=self._wire_bytes,
            window=self._width,
            piece_bytes=self._piece_bytes,
            losses=self._window.losses,
            reconnections=self._reconnections,
            resumed_at=self._resumed_at or 0,
            line_rate=self._smp.link.line_rate,
        )

    def _round(self) -> None:
        """Sends what may be sent, then takes one answer."""
        self._check()
        while (offset := self._window.next_offset()) is not None:
            self._send(offset)
        answer = self._smp.next_answer(self._patience_s())
        if answer is None:
            self._window.silent()
            if self._window.idle_rounds % 4 == 3:
                self._window.restart()  # a device that was restarted has forgotten the upload
        elif answer.group == IMG and answer.command == 1:
            self._take(answer)

    def _send(self, offset: int) -> None:
        size = min(self._room(offset), len(self._data) - offset)
        sequence, on_wire = self._smp.post(self._request(offset, self._data[offset : offset + size]))
        self._wire_bytes += on_wire
        self._piece_bytes = max(self._piece_bytes, size)
        self._window.sent(sequence, Piece(offset, size))

    def _request(self, offset: int, data: bytes) -> Request:
        body: dict[str, object] = {"off": offset, "data": data}
        if offset == 0:
            body |= {"image": 0, "len": len(self._data), "sha": self._sha}
        return Request("a piece of the image", Op.WRITE, IMG, 1, body)

    def _room(self, offset: int) -> int:
        """How many bytes of the image fit into a message."""
        empty = len(self._request(offset, b"").encode(0)) + 2
        message = min(self._max_message, SAFE_MESSAGE) if offset == 0 else self._max_message
        room = max(message - empty, 0) // (1 if offset == 0 else self._window.divisor)
        return max(SMALLEST, room - room % ALIGN)

    def _take(self, answer: Answer) -> None:
        refused = answer.refusal("the image")
        if refused is not None:
            raise refused
        offset = answer.body.get("off")
        if not isinstance(offset, int):
            raise SmpGarbled("the device does not say how far the upload is")
        before = self._window.at
        if not self._window.answered(answer.sequence, offset):
            return
        if self._resumed_at is None:
            self._resumed_at = offset if offset > self._piece_bytes else 0
            if self._resumed_at:
                self._emit(Notice(level="info", text=f"the device already has {offset} bytes of this image"))
        if self._window.at != before:
            self._emit(Progress(step="upload", done=self._window.at, total=len(self._data)))
        if answer.body.get("match") is False:
            raise UploadStalled("the device has all bytes, and they do not give the hash that was announced")

    def _patience_s(self) -> float:
        if self._window.asking:
            return FIRST_S if self._resumed_at is None else 2 * ANSWER_S
        rate = self._smp.link.line_rate
        under_way = self._window.waiting * self._max_message * 1.4
        return ANSWER_S + (under_way / rate if rate else 0.0)

    def _reconnect(self, error: WorkbenchError) -> None:
        """Waits until the line is back, and asks the device where it stands."""
        self._reconnections += 1
        if self._reconnections > MAX_IDLE_ROUNDS:
            raise error
        self._emit(Notice(level="warning", text=f"{error.what}; the upload goes on when it is back"))
        deadline = time.monotonic() + RECONNECT_S
        while True:
            self._check()
            try:
                self._smp.link.reopen(1.0)
                break
            except WorkbenchError:
                if time.monotonic() >= deadline:
                    raise
        self._window.restart()


def max_message(smp: Smp, params: Params | None) -> int:
    """The largest message that the device and the way to it take."""
    device = SAFE_MESSAGE if params is None else params.buf_size - smp.link.overhead_bytes
    return min(device, smp.link.max_message_bytes or LARGEST_MESSAGE, LARGEST_MESSAGE)


def window_for(params: Params | None) -> int:
    """How many requests may be under way: one buffer stays free for the answer."""
    return 1 if params is None else max(1, min(MAX_WINDOW, params.buf_count - 1))
