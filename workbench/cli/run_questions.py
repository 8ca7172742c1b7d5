"""Questions of a run without a screen, to the person at the terminal where there is one."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from workbench.cli import stderr

if TYPE_CHECKING:
    from workbench.station.line.line import Line

_LOOK_S: Final = 0.2
_SHOWN_S: Final = 5.0
"""A question that the line does not show in this time was answered or taken back."""


def ask(line: Line, slot: str, event: dict[str, Any]) -> None:
    """A run's question to the person at the terminal, until there is an answer to it."""
    prompt, text = event["prompt"], f"{slot}: {event['text']}"
    while _is_asked(line, slot, prompt):
        answer = _answer(event, text)
        if answer is None:
            line.cancel(slot)
            return
        refused = line.answer(slot, prompt, answer).error
        if refused is None:
            return
        stderr.say(f"{refused.code}: {refused.what}")


def _is_asked(line: Line, slot: str, prompt: str) -> bool:
    """Whether the question stands; its event may be heard a moment before the line shows it."""
    state, until_s = line.state(), time.monotonic() + _SHOWN_S
    while (question := state.slot(slot).question) is None or question.prompt != prompt:
        if time.monotonic() > until_s:
            return False
        state = line.wait_change(state.revision, _LOOK_S)
    return True


def _answer(event: dict[str, Any], text: str) -> str | bool | None:
    """What the person typed; None where the terminal is gone."""
    if event["kind"] == "confirm":  # step power: a request to the hand that is the slot's switch
        return stderr.ask(event["text"]) if event["step"] == "power" else stderr.confirm(text)
    stderr.say(f"{text}, then press Enter:")
    typed = sys.stdin.readline()
    return typed.strip() if typed else None
