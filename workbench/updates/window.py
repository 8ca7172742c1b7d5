"""Which piece of an image to send next, from what was sent and answered.  Pure.

Several pieces may be under way.  The device says after each where it stands; where that is not what was
expected, or an answer is missing, nothing more is sent until what is under way has been answered or given up,
and it goes on where the device stands, one piece at a time.  A size of which no piece ever arrived is halved.
After a while without loss both are tried once more.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

REGROW_AFTER: Final = 32
"""After so many pieces without a loss, the whole window and larger pieces are tried again, once."""
SILENCES: Final = 2
"""After so many silences in a row, also a size that did arrive is halved."""
MAX_DIVISOR: Final = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of the image."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.offset + self.size


class Window:
    """The state of one upload of `total` bytes, with at most `width` pieces under way."""

    def __init__(self, total: int, width: int) -> None:
        self.total = total
        self.width = max(1, width)
        self.at = 0
        """Where the device stands."""
        self.losses = 0
        self.idle_rounds = 0
        """How often in a row something went wrong without the device getting any further."""
        self.divisor = 1
        """By how much pieces are smaller than they could be."""
        self._widest = self.width
        self._next = 0
        self._best = 0
        self._good = 0
        self._silences = 0
        self._proven = False
        self._may_regrow = True
        self._settling = False
        self._sent: OrderedDict[int, Piece] = OrderedDict()

    @property
    def done(self) -> bool:
        """Whether the device has all of it."""
        return self.at >= self.total

    @property
    def waiting(self) -> int:
        """How many pieces are under way."""
        return len(self._sent)

    @property
    def asking(self) -> bool:
        """Whether the first piece is under way."""
        return any(piece.offset == 0 for piece in self._sent.values())

    def next_offset(self) -> int | None:
        """Where the next piece begins; None while an answer has to come first.

        Nothing follows the first piece before it is answered: it erases, and says where to go on.
        """
        if self._settling or self.done or len(self._sent) >= self.width or self._next >= self.total:
            return None
        if self.asking:
            return None
        return self._next

    def sent(self, sequence: int, piece: Piece) -> None:
        """A piece went out."""
        self._sent[sequence] = piece
        self._next = piece.end

    def answered(self, sequence: int, offset: int) -> bool:
        """The device answered that it stands at `offset`; False where nobody asked."""
        piece = self._sent.get(sequence)
        if piece is None:
            return False
        missed = [key for key, other in self._sent.items() if key != sequence and other.offset < piece.offset]
        for key in [*missed, sequence]:
            del self._sent[key]
        self._silences = 0
        self.at = max(0, min(offset, self.total))
        if self.at != piece.end or missed:
            self._astray(lost=bool(missed) or piece.offset > 0)
        elif not self._settling:
            self._advanced(piece)
        if self._settling and not self._sent:
            self._settled()
        return True

    def silent(self) -> None:
        """No answer came: all that is under way is given up."""
        first = self.asking
        self._sent.clear()
        self._silences += 1
        if not first and (self._silences >= SILENCES or not self._proven):
            self.divisor = min(self.divisor * 2, MAX_DIVISOR)
            self._proven = False
        self._astray(lost=True)
        self._settled()

    def restart(self) -> None:
        """The device is asked from the beginning where it stands, as after a broken line."""
        self._sent.clear()
        self._settling = False
        self._next = 0

    def _advanced(self, piece: Piece) -> None:
        self._good += 1
        self._proven = self._proven or piece.offset > 0
        self._progressed()
        if self._good >= REGROW_AFTER and self._may_regrow and self.losses:
            self._may_regrow = False
            self._proven = self.divisor == 1
            self.divisor = max(1, self.divisor // 2)
            self.width = self._widest

    def _astray(self, *, lost: bool) -> None:
        """Goes on where the device stands.  A first piece answered with a later offset is a resumption."""
        if not self._settling:
            self.idle_rounds += 1
            if lost:
                self.losses += 1
                self._good = 0
                self.width = 1
        self._progressed()
        self._settling = True

    def _progressed(self) -> None:
        if self.at > self._best:
            self._best, self.idle_rounds = self.at, 0

    def _settled(self) -> None:
        self._settling = False
        self._next = self.at
