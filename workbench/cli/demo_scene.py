"""What the demo's screen shows at a moment, put together from events.  Pure: knows no terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from workbench.cli import words
from workbench.events import Event, Json, Notice, Observed, Progress
from workbench.station.flashmap import BLANK, NEW, TORN

LEGEND: Final = {NEW: "new firmware", TORN: "half written", BLANK: "erased"}

WORTH_A_BAR: Final = 256
"""Bytes; what is less is done before anybody looks."""


@dataclass(frozen=True, slots=True)
class Bar:
    """How far one board is."""

    slot: str
    phase: str
    done: int
    total: int
    unit: str


@dataclass(slots=True)
class Scene:
    """One step: a bar and a line for each board, remarks below, and the map of a flash."""

    step: str
    title: str
    bars: dict[str, Bar] = field(default_factory=dict)
    power: dict[str, str] = field(default_factory=dict)
    chips: dict[str, str] = field(default_factory=dict)
    boards: dict[str, list[str]] = field(default_factory=dict)
    """What was seen at a slot."""
    remarks: dict[str, int] = field(default_factory=dict)
    """What was seen at boards, and at how many."""
    kinds: str = ""

    def hear(self, event: Event) -> None:
        """Takes an event of the step in."""
        match event:
            case Progress(step=step, done=done, total=total, unit=unit) if (
                unit != "bytes" or total >= WORTH_A_BAR
            ):
                slot, _, phase = step.rpartition("/")
                self.bars[slot] = Bar(slot, words.STEPS.get(phase, phase), done, total, unit)
            case Observed(what=what, value=value):
                slot, slash, thing = what.partition("/")
                self._observe(*((slot, thing) if slash else ("", what)), value)
            case Notice(text=text):
                self._remark(text)

    def lines(self) -> list[str]:
        """All but the bars and the map, in lines."""
        slots = sorted(self.chips.keys() | self.boards.keys())
        said = [
            f"{slot}  {text}"
            for slot in slots
            for text in self.boards.get(slot) or [f"chip {self.chips[slot]}"]
        ]
        remarks = [text if n == 1 else f"{text} ({n} of {len(slots)})" for text, n in self.remarks.items()]
        power = "   ".join(f"{slot} {state}" for slot, state in sorted(self.power.items()))
        return [*([power] if power else []), *said, *remarks]

    def map_lines(self) -> list[str]:
        """The map's legend with its numbers."""
        return [f"{LEGEND[kind]} {self.kinds.count(kind)}" for kind in LEGEND] if self.kinds else []

    def _observe(self, slot: str, thing: str, value: Json) -> None:
        told: Mapping[str, Any] = value if isinstance(value, dict) else {}
        match thing:
            case "power":
                self.power[slot] = str(value)
            case "chip-id":
                self.chips[slot] = str(value)
            case "flashed":
                self._see(slot, f"chip {self.chips[slot]}  {flashed_words(told)}")
            case "banner":
                self._see(slot, str(value))
            case "probe-agrees":
                self._remark("the probe reads the same build and chip ID on the chip")
            case "echo":
                self._remark(f"a line that was sent came back: “{value}”")
            case "power-cut":
                self._remark(cut_words(told))
            case "secured":
                self._remark(f"it runs {told['version']} under a bootloader that checks what it starts")
            case "updated":
                self._remark(f"it runs {told['version']}; verified: {', '.join(told['checks'])}")
            case "ca":
                self._remark(f"its root certificate is {told['root']}")
            case "identified":
                self._see(slot, identified_words(told))
            case "evidence" if "files" in told:
                self._remark(f"{told['files']} files are signed, complete, and lead to the root")
            case "trial":
                self._remark(trial_words(told))
            case "flash-map":
                self.kinds = str(told["kinds"])
                self._remark(map_words(told))

    def _see(self, slot: str, text: str) -> None:
        self.boards.setdefault(slot, []).append(text)

    def _remark(self, text: str) -> None:
        self.remarks[text] = self.remarks.get(text, 0) + 1


def identified_words(told: Mapping[str, Any]) -> str:
    """A unit's identity, and what came of the attempts on its locks."""
    ends = {
        "held": "attempts refused",
        "broken": "SUCCEEDED",
        "shown": "known weakness",
        "not-tried": "not tried",
    }
    tried = ", ".join(f"{count} {ends.get(end, end)}" for end, count in told["tried"].items())
    return f"{told['serial']}  {told['hardware_id'][:16]}  locked; {tried}"


def flashed_words(told: Mapping[str, Any]) -> str:
    """What a flash wrote and found there already."""
    programmed, skipped = words.size(told["programmed"]), told["skipped"]
    before = f", {words.size(skipped)} there already" if skipped else ""
    return f"{programmed} written{before}, verified"


def cut_words(told: Mapping[str, Any]) -> str:
    """Where a cut came."""
    where = f"{told['kind']} at {words.address(told['address'])}"
    return f"the power went in the middle of the {where}"


def trial_words(told: Mapping[str, Any]) -> str:
    """An attack and what came of it."""
    points = told["details"].get("points")
    number = f" ({points} cuts)" if points else ""
    return f"{told['verdict']}  {told['title']}{number}: {told['observed']}"


def map_words(told: Mapping[str, Any]) -> str:
    """What the map means."""
    known = "as" if told["as_known"] else "NOT as"
    return f"{known} the workbench knew it when the power went; a square is {words.size(told['size'])}"
