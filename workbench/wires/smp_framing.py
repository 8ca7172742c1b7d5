"""How SMP messages lie on a serial line: the console's framing, and none.  Pure; survives any input.

Console: lines that begin with 06 09 (first) or 04 14 (further), with base64 of length, message and CRC16;
everything else on the line is the board's text.  A damaged message is dropped, and the next one is found.
Source: Zephyr, "SMP Transport Specification".
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Final, Protocol

from smp import packet

from workbench.wires.smp_message import HEADER_BYTES, body_bytes, plausible

LINE_BYTES: Final = 128
"""What a device's line buffer holds by convention."""
MAX_MESSAGE_BYTES: Final = 16 << 10
_START: Final = packet.START_DELIMITER
_CONTINUE: Final = packet.CONTINUE_DELIMITER
_HOLD_BYTES: Final = 4 * MAX_MESSAGE_BYTES


class Framing(Protocol):
    """Messages to bytes and back; keeps what has not become a message yet."""

    overhead_bytes: int
    """What the framing takes of the device's buffer for each message."""

    def encode(self, message: bytes) -> bytes:
        """The bytes that go out."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole with `data`."""

    def reset(self) -> None:
        """Forgets the beginning of a message that will not be finished."""


def wire_bytes(message_bytes: int) -> int:
    """How many bytes a message of this size takes on a line with the console's framing."""
    return len(ConsoleFraming().encode(bytes(message_bytes)))


class ConsoleFraming:
    """SMP over console.  `text` hears what is not SMP."""

    overhead_bytes = packet.FRAME_LENGTH_STRUCT.size + packet.CRC16_STRUCT.size

    def __init__(self, text: Callable[[bytes], None] = lambda _: None, line_bytes: int = LINE_BYTES) -> None:
        self._text = text
        self._line_bytes = line_bytes
        self._buffer = bytearray()
        self._frame: bytearray | None = None

    def encode(self, message: bytes) -> bytes:
        """See Framing."""
        return b"".join(packet.encode(message, line_length=self._line_bytes))

    def feed(self, data: bytes) -> list[bytes]:
        """See Framing."""
        self._buffer += data
        *lines, rest = self._buffer.split(b"\n")
        self._buffer = bytearray(rest)
        messages = [found for line in lines if (found := self._line(bytes(line))) is not None]
        if len(self._buffer) > _HOLD_BYTES or not (b"\x06" in self._buffer or b"\x04" in self._buffer):
            self._say(bytes(self._buffer))
            self._buffer.clear()
        return messages

    def reset(self) -> None:
        """See Framing."""
        self._buffer.clear()
        self._frame = None

    def _line(self, line: bytes) -> bytes | None:
        """The message that ends with this line, if one does."""
        first, more = line.rfind(_START), line.rfind(_CONTINUE)
        at = max(first, more)
        if at < 0:
            self._say(line + b"\n")
            return None
        self._say(line[:at])
        part = _base64(line[at + packet.DELIMITER_SIZE :])
        if at == first:
            self._frame = bytearray()
        if part is None or self._frame is None:
            self._frame = None
            return None
        self._frame += part
        return self._finished()

    def _finished(self) -> bytes | None:
        frame = self._frame
        if frame is None or len(frame) < packet.FRAME_LENGTH_STRUCT.size:
            self._frame = None
            return None
        (size,) = packet.FRAME_LENGTH_STRUCT.unpack_from(frame)
        body = frame[packet.FRAME_LENGTH_STRUCT.size :]
        if len(body) < size and size <= MAX_MESSAGE_BYTES:
            return None
        self._frame = None
        crc_at = len(body) - packet.CRC16_STRUCT.size
        if len(body) != size or crc_at < 0:
            return None
        message = bytes(body[:crc_at])
        (crc,) = packet.CRC16_STRUCT.unpack_from(body, crc_at)
        return message if packet.crc16_func(message) == crc else None

    def _say(self, text: bytes) -> None:
        if text:
            self._text(text)


class RawFraming:
    """Messages one after the other, as Zephyr's raw UART transport has them: nothing but their lengths."""

    overhead_bytes = 0

    def __init__(self) -> None:
        self._buffer = bytearray()

    def encode(self, message: bytes) -> bytes:
        """See Framing."""
        return message

    def feed(self, data: bytes) -> list[bytes]:
        """See Framing."""
        self._buffer += data
        messages = []
        while len(self._buffer) >= HEADER_BYTES:
            head = bytes(self._buffer[:HEADER_BYTES])
            size = HEADER_BYTES + body_bytes(head)
            if not plausible(head) or size > MAX_MESSAGE_BYTES:
                del self._buffer[0]
                continue
            if len(self._buffer) < size:
                break
            messages.append(bytes(self._buffer[:size]))
            del self._buffer[:size]
        return messages

    def reset(self) -> None:
        """See Framing."""
        self._buffer.clear()


def _base64(line: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(line.rstrip(b"\r"), strict_mode=True)
    except ValueError:
        return None
