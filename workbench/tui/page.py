"""The pages of the technician's face, drawn whole: a Face and a size in, a screen of lines out.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.languages import _, said
from workbench.tui import page_words, wording
from workbench.tui.card import Look, card
from workbench.tui.drawn import Role, Spans, centred, cut, ends, fitted, padded, width_of
from workbench.tui.face import Face
from workbench.tui.glyphs import HEIGHT, block_word
from workbench.tui.grid import FRAMED_HEIGHT, Grid, grid_for
from workbench.tui.symbols import Symbols

PANEL: Final = 7
"""Most lines of what is asked, proposed or said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when something is drawn."""

    width: int
    height: int
    now: float
    clock: str
    """The time of day in words."""
    symbols: Symbols


def page(face: Face, place: Place) -> tuple[Spans, ...]:
    """Exactly `place.height` lines of `place.width` columns."""
    head = header(face, place)
    foot = footer(face, place)
    room = max(place.height - len(head) - len(foot), 0)
    body = _line(face, place, room) if face.page == "line" else _other(face, place, room)
    blank = padded((), place.width)
    body = [padded(line, place.width) for line in body[:room]] + [blank] * (room - len(body))
    return tuple([*head, *body, *foot][: place.height])


def cards_at(face: Face, place: Place) -> tuple[Grid, int, int]:
    """The grid of a line page, the row where it begins, and the first slot on it: for a mouse."""
    top = len(header(face, place))
    room = max(place.height - top - len(footer(face, place)), 0)
    rows = room - len(_panel(face, place, room))
    grid = grid_for(len(face.state.slots), place.width, rows)
    return grid, top, grid.first_shown(face.index, len(face.state.slots))


def header(face: Face, place: Place) -> list[Spans]:
    """Station, recipe, person and time; below it the lot; remarks where there are any."""
    state = face.state
    words = [word for word in (state.station, state.title or state.recipe) if word]
    left: Spans = ((" " + (" · ".join(words) or "Workbench") + " ", "run-band"),)
    right: list[tuple[str, Role]] = []
    if state.read_only:
        right.append((f" {_('only watching')} ", "ask-band"))
    lost = wording.database_words(state)
    if lost:
        right.append((f" ! {lost} ", "error-band"))
    if state.operator:
        right.append((f" {state.operator} ", "run-band"))
    right.append((f" {place.clock} ", "run-band"))
    lines = [ends(left, tuple(right), place.width, "run-band")]
    if state.lot is not None:
        lines.append(_lot(face, place))
    lines += [
        padded(((f" ! {fitted(said(notice), place.width - 4)}", "error"),), place.width)
        for notice in face.remarks[-2:]
    ]
    if place.height >= 34:
        lines.append(padded((), place.width))
    return lines


def _lot(face: Face, place: Place) -> Spans:
    lot = face.state.lot
    assert lot is not None
    words = wording.lot_words(lot)
    name: Spans = ((" " + _("Lot {lot}").format(lot=lot.lot) + "  ", "strong"),)
    told: list[tuple[str, Role]] = []
    for phrase in words:
        if width_of(name) + width_of(tuple(told)) + len(phrase) + 3 > place.width:
            break
        told += [(" · ", "dim")] if told else []
        told.append((phrase, "plain"))
    spare = place.width - width_of(name) - width_of(tuple(told)) - 3
    track: Spans = ()
    if lot.quantity and spare >= 12:
        room = min(spare - 1, 40)
        full = min(lot.passed * room // lot.quantity, room)
        track = (
            (place.symbols.full * full, "run"),
            (place.symbols.empty * (room - full), "track"),
            (" ", "plain"),
        )
    return padded((*name, *track, *told), place.width)


def footer(face: Face, place: Place) -> list[Spans]:
    """The scan field and the keys."""
    return [_field(face, place), *_keys(face, place)]


def _field(face: Face, place: Place) -> Spans:
    hint, shown = page_words.field(face)
    mark = place.symbols.running
    label = f" {hint} {mark} "
    room = max(place.width - len(label) - 3, 1)
    text = "".join(char if char.isprintable() else "·" for char in shown)
    text = text if len(text) <= room else "…" + text[-(room - 1) :]
    aim = f" → {face.chosen} " if face.aimed and face.page == "line" else ""
    left: Spans = ((label, "strong"), (text, "strong"), ("▏" if face.page != "ending" else " ", "run"))
    return ends(left, ((aim, "run-band"),) if aim else (), place.width)


def _keys(face: Face, place: Place) -> list[Spans]:
    """One or two lines of keys; those that do nothing now stand in brackets."""
    lines: list[list[tuple[str, Role]]] = [[]]
    for key in page_words.keys_of(face.page):
        name = "Esc" if key.key == "escape" else key.key.upper()
        label = page_words.label_of(key, face)
        idle = page_words.is_idle(key, face, place.now)
        spans: list[tuple[str, Role]] = (
            [(f" ({name} {label})", "dim")]
            if idle
            else [(" ", "plain"), (f" {name} ", "key"), (f" {label}", "plain")]
        )
        if width_of(tuple(lines[-1])) + width_of(tuple(spans)) > place.width and len(lines) < 2:
            lines.append([])
        lines[-1] += spans
    return [padded(tuple(line), place.width) for line in lines]


def _line(face: Face, place: Place, room: int) -> list[Spans]:
    panel = _panel(face, place, room)
    return [*_grid(face, place, room - len(panel)), *panel]


def _grid(face: Face, place: Place, rows: int) -> list[Spans]:
    slots = face.state.slots
    if not slots:
        return [padded((), place.width)] * (rows // 2) + [centred(_("No slot is open."), place.width, "dim")]
    grid = grid_for(len(slots), place.width, rows)
    face.columns = grid.columns
    first = grid.first_shown(face.index, len(slots))
    shown = slots[first : first + grid.shown]
    lines: list[Spans] = []
    for start in range(0, len(shown), grid.columns):
        cards = [
            card(
                slot,
                Look(place.now, place.symbols, slot.name == face.chosen, face.hands_out),
                grid.width,
                grid.height,
            )
            for slot in shown[start : start + grid.columns]
        ]
        lines += [tuple(span for one in row for span in one) for row in zip(*cards, strict=True)]
    lines = [padded(line, place.width) for line in lines]
    return (lines + [padded((), place.width)] * rows)[:rows]


def _panel(face: Face, place: Place, room: int) -> list[Spans]:
    """What is asked, proposed or said: three lines on a small screen, up to seven on a large one, and what
    the slots leave over."""
    wanted = len(page_words.panel(face, place.symbols, place.width - 2, PANEL))
    height = 3 if room < 24 else 5 if room < 40 else PANEL
    while height < PANEL and _can_grow(face, place, room - height, wanted > height):
        height += 1
    lines = page_words.panel(face, place.symbols, place.width - 2, height)
    out: list[Spans] = []
    for line in lines[:height]:
        role: Role = line[0][1] if line and line[0][1].endswith("-band") else "plain"
        out.append(padded(cut(((" ", role), *line), place.width), place.width, role))
    return out + [padded((), place.width)] * (height - len(out))


def _can_grow(face: Face, place: Place, rows: int, is_needed: bool) -> bool:
    """Whether the cards can do with a row less than `rows`: they stay as they are, or what is said needs the
    row more than they do."""
    slots = face.state.slots
    if not slots:
        return False
    now, then = (grid_for(len(slots), place.width, room) for room in (rows, rows - 1))
    if then == now or not is_needed:
        return then == now
    least = (
        FRAMED_HEIGHT if now.height >= FRAMED_HEIGHT else 4 + any(slot.error is not None for slot in slots)
    )
    return (then.columns, then.rows) == (now.columns, now.rows) and then.height >= least


def _other(face: Face, place: Place, room: int) -> list[Spans]:
    if face.page == "help":
        lines = page_words.help_lines(face, place.width - 4)
        face.scroll = min(face.scroll, max(len(lines) - room, 0))
        lines = lines[face.scroll :]
        return [(("  ", "plain"), *line) for line in lines]
    width = min(place.width - 4, 100)
    lines = page_words.page_lines(face, place.symbols, width)
    title = page_words.title(face)
    big = block_word(title, width, min(room - len(lines) - 4, HEIGHT))
    head: list[Spans] = [((row, "run"),) for row in big] if big else [((title, "strong"),)]
    told = [*head, (), *lines]
    if face.page == "unfinished" and len(told) + 2 > room:
        return _scrolled(face, lines, (place.width - width) // 2, room)
    above = max((room - len(told)) // 3, 1)
    margin = " " * max((place.width - width) // 2, 2)
    return [(), *([()] * (above - 1)), *(((margin, "plain"), *line) for line in told)]


def _scrolled(face: Face, lines: list[Spans], margin: int, room: int) -> list[Spans]:
    """Lines of which not all have room: the arrows lead on, and the last row says so."""
    shown = max(room - 1, 1)
    face.scroll = min(face.scroll, max(len(lines) - shown, 0))
    below = len(lines) - shown - face.scroll
    more = _("The arrows up and down show the rest.") if below > 0 or face.scroll else ""
    told = [((" " * margin, "plain"), *line) for line in lines[face.scroll : face.scroll + shown]]
    return [*told, ((" " * margin, "plain"), (more, "strong"))]
