"""Whatever the line loses, an upload brings every byte over, keeps its window, and gives up in time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.updates.window import Piece, Window

PIECE = 64


class Device:
    """Takes pieces in order; answers where it stands.  `takes` says what happens to each message."""

    def __init__(self, total: int, largest: int = PIECE) -> None:
        self.total = total
        self.largest = largest
        self.at = 0

    def take(self, piece: Piece) -> int | None:
        if piece.size > self.largest:
            return None
        if piece.offset == self.at:
            self.at = piece.end
        return self.at


def fill(window: Window, number: int) -> list[tuple[int, Piece]]:
    """Everything that may go out now."""
    out = []
    while (offset := window.next_offset()) is not None:
        size = max(8, PIECE // (1 if offset == 0 else window.divisor))
        piece = Piece(offset, min(size, window.total - offset))
        window.sent(number, piece)
        out.append((number, piece))
        number += 1
    return out


@given(
    total=st.integers(1, 3000),
    width=st.integers(1, 8),
    fates=st.lists(st.sampled_from(["ok", "ok", "ok", "request", "answer"]), max_size=80),
)
def test_all_bytes_arrive_whatever_is_lost(total: int, width: int, fates: list[str]) -> None:
    window, device, number, fate = Window(total, width), Device(total), 0, iter(fates)
    for _ in range(20_000):
        if window.done:
            break
        sent = fill(window, number)
        number += len(sent)
        assert window.waiting <= width
        answers = []
        for key, piece in sent:
            lost = next(fate, "ok")
            offset = None if lost == "request" else device.take(piece)
            if offset is not None and lost != "answer":
                answers.append((key, offset))
        for key, offset in answers:
            window.answered(key, offset)
        if window.waiting or not sent:
            window.silent()
    assert window.done
    assert device.at == total


@given(total=st.integers(200, 3000), width=st.integers(1, 8), largest=st.integers(8, PIECE))
def test_pieces_get_smaller_until_they_arrive(total: int, width: int, largest: int) -> None:
    window, device, number = Window(total, width), Device(total), 0
    for _ in range(20_000):
        if window.done:
            break
        sent = fill(window, number)
        number += len(sent)
        device.largest = largest if device.at else PIECE
        for key, piece in sent:
            if (offset := device.take(piece)) is not None:
                window.answered(key, offset)
        if window.waiting:
            window.silent()
    assert window.done


@given(width=st.integers(1, 8))
def test_a_device_that_stores_nothing_is_noticed(width: int) -> None:
    window, number = Window(1000, width), 0
    for _ in range(50):
        for key, _ in fill(window, number):
            number = key + 1
            window.answered(key, 0)
    assert window.idle_rounds > 12
    assert not window.done


def test_nothing_follows_the_first_piece_before_its_answer() -> None:
    window = Window(1000, 4)
    window.sent(1, Piece(0, 64))
    assert window.next_offset() is None
    window.answered(1, 64)
    assert window.next_offset() == 64


def test_an_upload_goes_on_where_the_device_stands() -> None:
    window = Window(1000, 4)
    window.sent(1, Piece(0, 64))
    window.answered(1, 640)
    assert (window.next_offset(), window.losses) == (640, 0)


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    window = Window(1000, 4)
    window.sent(1, Piece(0, 64))
    assert not window.answered(7, 999)
    assert window.at == 0


def test_a_lost_answer_ends_the_pipelining() -> None:
    window = Window(1000, 3)
    window.sent(1, Piece(0, 100))
    window.answered(1, 100)
    for key in (2, 3, 4):
        window.sent(key, Piece(100 * (key - 1), 100))
    window.answered(4, 100)
    assert (window.width, window.losses, window.next_offset()) == (1, 1, 100)


def test_a_line_without_loss_keeps_the_whole_window() -> None:
    window, device, number = Window(64 * 200, 4), Device(64 * 200), 0
    while not window.done:
        for key, piece in fill(window, number):
            number = key + 1
            window.answered(key, device.take(piece) or 0)
    assert (window.width, window.losses, window.divisor) == (4, 0, 1)
