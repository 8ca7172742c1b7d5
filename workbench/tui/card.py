"""A slot's card: the same facts in three to thirty rows.  Pure: a SlotView, a time, a size in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.events import Verdict
from workbench.languages import _, said
from workbench.station.line.state import Phase, SlotView, StepState
from workbench.tui import wording
from workbench.tui.drawn import Role, Spans, centred, cut, ends, fitted, padded, shortened, wrapped
from workbench.tui.glyphs import block_word
from workbench.tui.grid import FRAMED_HEIGHT
from workbench.tui.symbols import Symbols

VERDICT_ROLES: Final[dict[Verdict, tuple[Role, Role]]] = {
    "PASS": ("good", "good-band"),
    "FAIL": ("bad", "bad-band"),
    "ERROR": ("error", "error-band"),
    "STOPPED": ("stopped", "stopped-band"),
}
PHASE_ROLES: Final[dict[Phase, tuple[Role, Role]]] = {
    "starting": ("dim", "ready-band"),
    "ready": ("plain", "ready-band"),
    "running": ("run", "run-band"),
    "asking": ("ask", "ask-band"),
    "stopping": ("stopped", "stopped-band"),
    "done": ("plain", "ready-band"),
    "broken": ("error", "error-band"),
    "off": ("dim", "ready-band"),
}
STEP_ROLES: Final[dict[StepState, Role]] = {
    "waiting": "dim",
    "running": "run",
    "passed": "good",
    "failed": "bad",
    "error": "error",
    "stopped": "stopped",
    "done-before": "dim",
    "skipped": "dim",
}


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a slot: at which time, with which signs, whether keys act on it, and whether the lot
    hands out serial numbers."""

    now: float
    symbols: Symbols
    chosen: bool = False
    hands_out: bool = False


def card(slot: SlotView, look: Look, width: int, height: int) -> tuple[Spans, ...]:
    """Exactly `height` lines of `width` columns."""
    if width < 4 or height < 1:
        return tuple(padded((), max(width, 0)) for _row in range(max(height, 0)))
    drawn = (
        _framed(slot, look, width, height) if height >= FRAMED_HEIGHT else _compact(slot, look, width, height)
    )
    return tuple(drawn[:height])


def roles_of(slot: SlotView) -> tuple[Role, Role]:
    """Role of a slot's words, and of its band."""
    if slot.phase == "done" and slot.verdict is not None:
        return VERDICT_ROLES[slot.verdict]
    return PHASE_ROLES[slot.phase]


def sign_of(slot: SlotView, symbols: Symbols) -> str:
    """The sign that goes with `wording.phase_word`."""
    verdicts = {
        "PASS": symbols.passed,
        "FAIL": symbols.failed,
        "ERROR": symbols.error,
        "STOPPED": symbols.stopped,
    }
    if slot.phase == "done" and slot.verdict is not None:
        return verdicts[slot.verdict]
    phases: dict[Phase, str] = {
        "starting": symbols.waiting,
        "ready": symbols.ready,
        "running": symbols.running,
        "asking": symbols.asking,
        "stopping": symbols.stopped,
        "done": symbols.ready,
        "broken": symbols.broken,
        "off": symbols.waiting,
    }
    return phases[slot.phase]


def bar(slot: SlotView, width: int, symbols: Symbols) -> Spans:
    """How far the running step is; a row of empty signs where that is not known."""
    part = wording.fraction(slot)
    number = "" if part is None else f" {int(part * 100):3} %"
    room = max(width - len(number), 0)
    full = 0 if part is None else round(part * room)
    return ((symbols.full * full, "run"), (symbols.empty * (room - full), "track"), (number, "strong"))


def _compact(slot: SlotView, look: Look, width: int, height: int) -> list[Spans]:
    """A band with name, state and serial number, below it one or two lines of what matters most."""
    _role, band = roles_of(slot)
    mark = ">" if look.chosen else " "
    state = f"{mark}{slot.name} {sign_of(slot, look.symbols)} {wording.phase_word(slot)}"
    room = width - len(state) - 3
    tail = fitted(slot.serial or "", room) if room >= 4 else ""  # what the slot does comes first
    head = ends(((state, band),), ((f" {tail} " if tail else " ", band),), width - 1, band)
    lines: list[Spans] = [padded(head, width)]
    lines += [
        padded(cut(((" ", "plain"), *line), width - 1), width)
        for line in _facts(slot, look, width - 3, height - 1)[: height - 1]
    ]
    return (lines + [padded((), width)] * height)[:height]


def _facts(slot: SlotView, look: Look, width: int, rows: int) -> list[Spans]:
    """The lines below a compact card's band, the most important first."""
    if slot.phase in ("running", "asking", "stopping"):
        step = slot.current
        title = wording.title_of(step) if step is not None else wording.between(slot)
        count = wording.step_count(slot)
        time = wording.time_words(slot, look.now)
        half = max(width - len(time) - 2, 6)
        if slot.question is not None:
            asked = shortened(said(slot.question.text), width, rows - 1)
            return [*(((line, "ask"),) for line in asked), ((time, "plain"),)]
        return [
            ends(((title, "strong"),), ((f" {count}", "dim"),), width),
            (*bar(slot, half, look.symbols), (f"  {time}", "plain")),
        ]
    if slot.phase in ("done", "broken"):
        return _verdict_facts(slot, width, rows)
    return [((fitted(wording.idle_line(slot, hands_out=look.hands_out), width), "dim"),)]


def _verdict_facts(slot: SlotView, width: int, rows: int) -> list[Spans]:
    """Code, what happened as far as there is room, and what to do."""
    action: list[Spans] = [((line, "strong"),) for line in wrapped(wording.next_action(slot), width)]
    error = slot.error
    if error is None:
        return action
    first, *rest = shortened(f"{error.code} {said(error.what)}", width, rows - len(action))
    what: list[Spans] = [((line, "plain"),) for line in rest]
    return [((error.code, "strong"), (first[len(error.code) :], "plain")), *what, *action]


def _framed(slot: SlotView, look: Look, width: int, height: int) -> list[Spans]:
    """A frame with name and serial number, in it whatever there is room for."""
    role, band = roles_of(slot)
    inner, rows = width - 4, height - 2
    body = _body(slot, look, band, inner, rows)
    body = (body + [padded((), inner)] * rows)[:rows]
    edge = look.symbols.chosen if look.chosen else look.symbols.frame
    frame: Role = role if role != "plain" else "dim"
    name = f" {slot.name} "
    tail = f" {slot.serial} " if slot.serial else ""
    line = edge[1] * max(width - 4 - len(name) - len(fitted(tail, inner - len(name))), 0)
    top: Spans = (
        (edge[0] + edge[1], frame),
        (name, "strong"),
        (line, frame),
        (fitted(tail, inner - len(name)), "strong"),
        (edge[1] + edge[2], frame),
    )
    bottom: Spans = ((edge[4] + edge[1] * (width - 2) + edge[5], frame),)
    sides = [((edge[3] + " ", frame), *padded(line, inner), (" " + edge[3], frame)) for line in body]
    return [top, *sides, bottom]


def _body(slot: SlotView, look: Look, band: Role, width: int, rows: int) -> list[Spans]:
    if slot.phase in ("done", "broken"):
        return _standing(slot, look, band, width, rows)
    if slot.phase in ("running", "asking", "stopping"):
        return _working(slot, look, band, width, rows)
    return _idle(slot, look, width, rows)


def _idle(slot: SlotView, look: Look, width: int, rows: int) -> list[Spans]:
    words = f"{sign_of(slot, look.symbols)} {wording.phase_word(slot)}"
    lines = [centred(words, width, "strong")]
    told = wording.idle_line(slot, hands_out=look.hands_out)
    lines += [centred(line, width, "dim") for line in wrapped(told, width)]
    above = max((rows - len(lines)) // 2, 0)
    return [padded((), width)] * above + lines


def _working(slot: SlotView, look: Look, band: Role, width: int, rows: int) -> list[Spans]:
    step = slot.current
    title = wording.title_of(step) if step is not None else wording.between(slot)
    spent = wording.elapsed(slot, look.now)
    whole = _("unit {elapsed}").format(elapsed=wording.clock(spent)) if spent is not None else ""
    state = f"{sign_of(slot, look.symbols)} {wording.phase_word(slot)}"
    lines: list[Spans] = [
        ends(((state, PHASE_ROLES[slot.phase][0]),), ((wording.step_count(slot), "dim"),), width)
    ]
    if slot.question is not None:
        lines += [
            padded(centred(line, width, band), width, band)
            for line in wrapped(said(slot.question.text), width)
        ]
    lines += [
        *_titles(_told(slot, title), slot.inner, width, rows - len(lines) - 2 - (slot.attempt > 1)),
        bar(slot, width, look.symbols),
        ends(((wording.time_words(slot, look.now), "plain"),), ((whole, "dim"),), width),
    ]
    if slot.attempt > 1:
        lines.append(((_("attempt {number}").format(number=slot.attempt), "dim"),))
    left = rows - len(lines)
    if left > 2 and slot.steps:
        lines += [padded((), width), *_steps(slot, look, width, left - 1)]
    return lines


def _told(slot: SlotView, title: str) -> str:
    """The step's words, unless they are those of the question above them."""
    return "" if slot.question is not None and said(slot.question.text) == title else title


def _titles(title: str, inner: str | None, width: int, rows: int) -> list[Spans]:
    """The step's words, and below them those of its part that is going on, as far as there is room."""
    told = f"  {wording.capital(said(inner))}" if inner else ""
    part: list[Spans] = [((fitted(told, width), "plain"),)] if rows > 1 else []
    room = max(rows - len(part), 1)
    return [*(((line, "strong"),) for line in shortened(title, width, room)[:2]), *part]


def _steps(slot: SlotView, look: Look, width: int, rows: int) -> list[Spans]:
    """The plan, around the running step where not all of it has room."""
    current = next((i for i, step in enumerate(slot.steps) if step.state == "running"), 0)
    first = max(min(current - rows // 2, len(slot.steps) - rows), 0)
    return [_step(slot, look, index, width) for index in range(first, min(first + rows, len(slot.steps)))]


def _step(slot: SlotView, look: Look, index: int, width: int) -> Spans:
    step = slot.steps[index]
    signs: dict[StepState, str] = {
        "waiting": look.symbols.waiting,
        "running": look.symbols.running,
        "passed": look.symbols.passed,
        "failed": look.symbols.failed,
        "error": look.symbols.error,
        "stopped": look.symbols.stopped,
        "done-before": look.symbols.passed,
        "skipped": look.symbols.waiting,
    }
    role = STEP_ROLES[step.state]
    spent = wording.step_elapsed(step, look.now)
    time = "" if spent is None else wording.clock(spent)
    if step.state in ("failed", "error", "stopped", "done-before", "skipped"):
        time = _(wording.STEP_STATES[step.state])
    words: Role = "plain" if step.state in ("passed", "running") else role
    return ends(
        ((signs[step.state] + " ", role), (wording.title_of(step), words)), ((f" {time}", "dim"),), width
    )


def _standing(slot: SlotView, look: Look, band: Role, width: int, rows: int) -> list[Spans]:
    """The verdict as large as it can be, then code, what happened and what to do."""
    facts = _explained(slot, width)
    word = wording.phase_word(slot)
    keeps = {len(facts), *(keep for keep in (4, 3, 2) if keep < len(facts))}
    for keep in sorted(keeps, key=lambda keep: (-len(block_word(word, width, rows - keep - 3)), -keep)):
        big = _band(slot, look, band, width, rows - keep - 1)
        if len(big) > 1 and (keep == len(facts) or block_word(word, width, rows - keep - 3)):
            return [*big, padded((), width), *facts[: rows - len(big) - 1]]
    return [*_band(slot, look, band, width, 1), *facts]


def _band(slot: SlotView, look: Look, band: Role, width: int, rows: int) -> list[Spans]:
    """The word in block letters on a band where there is room for them, or sign and word on one line."""
    word = wording.phase_word(slot)
    small = [centred(f"{sign_of(slot, look.symbols)} {word}", width, band)]
    big = block_word(word, width, rows - 2) if slot.phase == "done" else ()
    if not big:
        return small if rows < 3 else [centred("", width, band), *small, centred("", width, band)]
    spare = rows - len(big)
    above = spare // 2
    blank = centred("", width, band)
    return [blank] * above + [centred(row, width, band) for row in big] + [blank] * (spare - above)


def _explained(slot: SlotView, width: int) -> list[Spans]:
    """What stands under a verdict: with an error its code, what happened and the cause; always what to do."""
    lines: list[Spans] = []

    def put(text: str, role: Role) -> None:
        lines.extend(((part, role),) for part in wrapped(text, width))

    if slot.error is not None:
        lines.append(((fitted(slot.error.code, width), "strong"),))
    put(wording.next_action(slot), "strong")
    if slot.error is not None:
        put(wording.sentence(said(slot.error.what)), "plain")
        put(_("Cause: {cause}").format(cause=wording.sentence(said(slot.error.cause))), "dim")
    if slot.elapsed_s is not None and slot.serial:
        told = _("{serial} after {elapsed}").format(serial=slot.serial, elapsed=wording.clock(slot.elapsed_s))
        put(told, "dim")
    return lines
