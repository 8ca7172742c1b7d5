"""The technician's face as a machine: keys, scans and the line's states in, orders and a page out.

It knows no library and does nothing itself: `orders.carry_out` does, and its replies come back by `replied`.
Times are seconds of the clock that LineState uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from workbench.languages import _, said
from workbench.station.line.state import ErrorView, LineState, Question, ScanAnswer, SlotView
from workbench.tui.keyboard import Armed, ScanBuffer
from workbench.tui.keys import ARROWS, FOR_VIEWERS, Act, Moment, key_named, why_not
from workbench.tui.orders import Order, Reply
from workbench.tui.wording import answer_words

Page = Literal["line", "sign-in", "unfinished", "help", "pin", "leave", "ending", "nobody"]

_FITTING: Final[dict[Act, tuple[str, ...]]] = {
    "retry": ("done",),
    "take-out": ("done",),
    "acknowledge": ("broken",),
}
"""Phases of slots that a key can be meant for, where the chosen slot is none of them."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the last scan or key came to; stays until the next one."""

    kind: Literal["hint", "info", "refused", "started"]
    text: str
    error: ErrorView | None = None
    slot: str | None = None
    """The slot whose run it speaks of: when that has ended, the message is over."""


@dataclass(slots=True)
class Face:
    """What the technician sees and has typed."""

    state: LineState = field(default_factory=LineState)
    sign_in: bool = False
    has_pin: bool = True
    hands_out: bool = False
    notice: str = ""
    page: Page = "line"
    back: Page = "line"
    buffer: ScanBuffer = field(default_factory=ScanBuffer)
    armed: Armed = field(default_factory=Armed)
    chosen: str | None = None
    aimed: bool = False
    """The chosen slot was chosen by a person, for the next unit."""
    proposals: dict[str, ScanAnswer] = field(default_factory=dict)
    message: Message | None = None
    columns: int = 1
    """Columns of the grid as it was drawn last: where up and down lead."""
    scroll: int = 0
    waiting: int = 0
    """Orders whose replies have not come."""
    seen_unfinished: bool = False
    cleared: tuple[str, ...] = ()
    """Remarks that were there when they were cleared."""
    scans_asked: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each question for a scan was seen first, by slot and prompt."""

    # --- what is so -------------------------------------------------------------------------------------

    @property
    def slot(self) -> SlotView | None:
        """The chosen slot."""
        return next((slot for slot in self.state.slots if slot.name == self.chosen), None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks of the line that came since they were cleared last."""
        told, cleared = self.state.notices, self.cleared
        known = next(n for n in range(len(cleared), -1, -1) if cleared[len(cleared) - n :] == told[:n])
        return told[known:]

    @property
    def index(self) -> int:
        """Where the chosen slot is among all."""
        return next((i for i, slot in enumerate(self.state.slots) if slot.name == self.chosen), 0)

    @property
    def question(self) -> tuple[SlotView, Question] | None:
        """The question that is shown: the chosen slot's, or else the first."""
        slot = self.slot
        if slot is not None and slot.question is not None:
            return slot, slot.question
        asking = (slot for slot in self.state.slots if slot.question is not None)
        return next(((slot, slot.question) for slot in asking if slot.question is not None), None)

    @property
    def proposed(self) -> ScanAnswer | None:
        """The proposal that is shown: the chosen slot's, or else the newest."""
        if self.chosen in self.proposals:
            return self.proposals[self.chosen]
        return next(reversed(self.proposals.values()), None)

    @property
    def moment(self) -> Moment:
        """What the keys depend on."""
        return Moment(
            state=self.state,
            slot=self.slot,
            proposed=self.proposed,
            sign_in=self.sign_in,
            hands_out=self.hands_out,
            engineer=self.has_pin,
            question=self.question[1] if self.question is not None else None,
        )

    # --- what the line says -----------------------------------------------------------------------------

    def see(self, state: LineState, now: float) -> None:
        """The newest state of the line."""
        before = {slot.name: slot for slot in self.state.slots}
        self.state = state
        if self.slot is None and state.slots:
            self.chosen = state.slots[0].name
        for name in [n for n in self.proposals if n not in {s.name for s in state.slots if _may_begin(s)}]:
            del self.proposals[name]
        self._drop_old_message(before)
        self._see_questions(before, now)
        self._choose_page()
        self._arm(now)

    def _drop_old_message(self, before: dict[str, SlotView]) -> None:
        """A message of a run is over when the run is."""
        name = self.message.slot if self.message is not None else None
        new, old = next((s for s in self.state.slots if s.name == name), None), before.get(name or "")
        ended = new is not None and old is not None and new.phase != old.phase
        if ended and new is not None and new.phase in ("done", "broken", "ready"):
            self.message = None

    def _see_questions(self, before: dict[str, SlotView], now: float) -> None:
        asked = {(s.name, s.question.prompt): s for s in self.state.slots if s.question is not None}
        for gone in [key for key in self.scans_asked if key not in asked]:
            del self.scans_asked[gone]
        for key, slot in asked.items():
            if key not in self.scans_asked:
                self.scans_asked[key] = now
                self._flush(now)
                current = before.get(self.chosen or "")
                if current is None or current.question is None:
                    self.chosen, self.aimed = slot.name, False

    def _choose_page(self) -> None:
        if self.page in ("ending", "leave", "pin", "help", "nobody"):
            return
        if self.sign_in and self.state.operator is None and not self.state.read_only:
            self.page = "sign-in"
        elif self.state.unfinished and not self.seen_unfinished:
            self.page = "unfinished"
        elif self.page in ("sign-in", "unfinished"):
            self.page = "line"

    def _arm(self, now: float) -> None:
        what: object = None
        if self.page == "leave":
            what = "leave"
        elif self.proposed is not None:
            what = ("proposed", self.proposed.slot, self.proposed.serial)
        elif self.question is not None:
            what = ("asked", self.question[0].name, self.question[1].prompt)
        if self.armed.show(what, now):
            self._flush(now)

    def _flush(self, now: float) -> None:
        if self.buffer.flush(now):
            self.message = Message("info", _("What was typed before the question was not used. Scan again."))

    # --- what a person does -----------------------------------------------------------------------------

    def type(self, characters: str, now: float) -> None:
        """Characters, and whatever else belongs to a scan."""
        if self.page not in ("ending", "help", "leave"):
            self.buffer.type(characters, now)

    def rub(self) -> None:
        """Backspace."""
        self.buffer.rub()

    def enter(self, now: float) -> list[Order]:
        """CR or LF, from a scanner or a person."""
        began = self.buffer.began_s
        text = self.buffer.end(now)
        if text is None or self.page == "ending":
            return []
        if not text:
            return self._enter_alone(now)
        if self.page == "pin":
            return self._order(Order(act="pin", text=text))
        if self.state.read_only:
            self.message = Message("refused", _("This viewer only watches. Scan at the station."))
            return []
        if self.page == "sign-in":
            return self._order(Order(act="sign-in", text=text))
        if any(seen >= began for seen in self.scans_asked.values()):
            self.message = Message("info", _("What was typed before the question was not used. Scan again."))
            return []
        if self.page == "unfinished":
            self.seen_unfinished, self.page = True, "line"
        return self._order(Order(act="scan", text=text, slot=self.chosen if self.aimed else None))

    def _enter_alone(self, now: float) -> list[Order]:
        if self.page == "unfinished":
            self.seen_unfinished, self.page = True, "line"
            return []
        if self.page in ("help", "leave", "pin"):
            self._return()
            return []
        return self._no(now) if self.moment.asks else []

    def press(self, name: str, now: float) -> list[Order]:
        """A key that is no character, as Textual names it; one in the middle of a scan does nothing."""
        if not self.buffer.is_person(now) or self.page == "ending":
            return []
        if self.page in ("help", "pin", "unfinished", "sign-in", "leave"):
            return self._press_on_page(name, now)
        if name in ARROWS:
            self._move(name)
            return []
        key = key_named(name)
        if key is None:
            return []
        if self.state.read_only and key.act not in FOR_VIEWERS:
            self.message = Message("refused", _("This viewer only watches."))
            return []
        self._choose_fitting(key.act)
        reason = key.why_not(self.moment)
        if reason and key.act != "no":
            self.message = Message("refused", f"{name.upper()}: {reason}.")
            return []
        return self._act(key.act, now)

    def _press_on_page(self, name: str, now: float) -> list[Order]:
        if self.page in ("help", "unfinished") and name in ("up", "down", "pageup", "pagedown"):
            self.scroll = max(self.scroll + {"up": -1, "down": 1, "pageup": -8, "pagedown": 8}[name], 0)
            return []
        if name == "f2" and self.page == "leave":
            if not self.armed.is_armed(now):
                return []
            self.page = "ending"
            return self._order(Order(act="leave"))
        if name == "f2" and self.page == "unfinished":
            return self._enter_alone(now)
        if name in ("escape", "f1") and self.page in ("help", "pin", "leave"):
            self._return()
        elif name == "f1":
            self._open("help")
        elif name == "f10":
            self._open("leave")
            self._arm(now)
        elif name == "f12" and self.page in ("sign-in", "unfinished"):
            return self._act("engineer", now) if not why_not("engineer", self.moment) else []
        return []

    def _act(self, act: Act, now: float) -> list[Order]:
        if act in ("help", "leave", "engineer"):
            pages: dict[str, Page] = {"help": "help", "leave": "leave", "engineer": "pin"}
            self._open(pages[act])
            self._arm(now)
            return []
        if act == "no":
            return self._no(now)
        if act == "yes":
            return self._yes(now)
        if act == "next":
            return self._order(Order(act="next", slot=self.chosen if self.aimed else None))
        if act == "sign-out":
            return self._order(Order(act="sign-out"))
        assert act in ("retry", "take-out", "acknowledge", "cancel")
        return self._order(Order(act=act, slot=self.chosen))

    def _yes(self, now: float) -> list[Order]:
        if not self.armed.is_armed(now):
            return []
        proposed = self.proposed
        if proposed is not None and proposed.slot is not None:
            del self.proposals[proposed.slot]
            return self._order(Order(act="confirm", slot=proposed.slot))
        return self._answer(True)

    def _no(self, now: float) -> list[Order]:
        if self.buffer.text:
            self.buffer.text = ""
            return []
        if not self.moment.asks:
            self.message, self.aimed, self.cleared = None, False, self.state.notices
            return []
        if not self.armed.is_armed(now):
            return []
        proposed = self.proposed
        if proposed is not None and proposed.slot is not None:
            del self.proposals[proposed.slot]
            return self._order(Order(act="refuse", slot=proposed.slot))
        return self._answer(False)

    def _answer(self, value: bool) -> list[Order]:
        asked = self.question
        if asked is None or asked[1].kind != "confirm":
            return []
        slot, question = asked
        return self._order(Order(act="answer", slot=slot.name, prompt=question.prompt, value=value))

    # --- what became of it ------------------------------------------------------------------------------

    def replied(self, reply: Reply, now: float) -> None:
        """The reply to one of the orders."""
        self.waiting = max(self.waiting - 1, 0)
        answer = reply.answer
        if reply.error is not None:
            self.message = Message("refused", said(reply.error.what), reply.error)
        elif answer is not None:
            self._answered(answer)
        elif reply.text:
            self.message = Message(
                "info", reply.text, slot=reply.order.slot if reply.order.act == "cancel" else None
            )
        if reply.order.act == "pin" and reply.error is None:
            self._return()
        self._arm(now)

    def _answered(self, answer: ScanAnswer) -> None:
        kind: Literal["started", "info"] = "started" if answer.kind in ("started", "resumed") else "info"
        self.message = Message(kind, answer_words(answer), slot=answer.slot if kind == "started" else None)
        if answer.slot is not None:
            self.chosen, self.aimed = answer.slot, answer.kind == "slot-chosen"
        if answer.kind == "proposed" and answer.slot is not None:
            self.proposals[answer.slot] = answer
            self.message = None
        elif answer.kind in ("started", "resumed") and answer.slot is not None:
            self.proposals.pop(answer.slot, None)

    # --- small moves ------------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        """A person points at a slot."""
        if name != self.chosen or not self.aimed:
            self.chosen, self.aimed = name, True
            self.message = None

    def _move(self, key: str) -> None:
        from workbench.tui.grid import moved

        if self.state.slots:
            self.choose(self.state.slots[moved(self.index, key, len(self.state.slots), self.columns)].name)

    def _choose_fitting(self, act: Act) -> None:
        """Where a key can only be meant for one slot, that one."""
        phases = _FITTING.get(act)
        if phases is None or (self.slot is not None and self.slot.phase in phases):
            return
        fitting = [slot for slot in self.state.slots if slot.phase in phases]
        if act == "retry":
            fitting = [slot for slot in fitting if slot.verdict != "PASS"]
        if len(fitting) == 1:
            self.chosen, self.aimed = fitting[0].name, False

    def _open(self, page: Page) -> None:
        self.back, self.page, self.scroll = self.page, page, 0
        self.buffer.text = ""
        self.message = None

    def _return(self) -> None:
        self.page = self.back if self.back in ("sign-in", "unfinished") else "line"
        self.buffer.text = ""

    def _order(self, order: Order) -> list[Order]:
        self.waiting += 1
        self.message = None
        return [order]


def _may_begin(slot: SlotView) -> bool:
    return slot.phase in ("ready", "starting", "done")
