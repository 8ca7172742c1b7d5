"""The states of a unit's identity, which may follow which, and what the next run does from each.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final


class State(StrEnum):
    """How far a unit's identity has come; each state is entered only when its facts were observed."""

    BLANK = "blank"
    """Serial number and hardware belong together; nothing irreversible was done."""
    KEYED = "keyed"
    """The keys exist and their public halves are known."""
    CERTIFIED = "certified"
    """The CA has issued the certificates."""
    LOCKED = "locked"
    """Certificates are stored, and the locks were seen to hold."""
    VERIFIED = "verified"
    """Everything was read again after a cold restart, and the evidence is signed."""
    QUARANTINED = "quarantined"
    """Not to be trusted and not to be worked on; leaves this state by an RMA only."""
    RETIRED = "retired"
    """Ended by an RMA; what it owned goes to the unit of that RMA."""


class Do(StrEnum):
    """The work that comes next for a unit."""

    MAKE_KEYS = "make-keys"
    REQUEST_CERTIFICATES = "request-certificates"
    STORE_AND_LOCK = "store-and-lock"
    VERIFY = "verify"
    VERIFY_AGAIN = "verify-again"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Next:
    """What a run does with a unit that it finds: first look, then `do`."""

    look: bool
    """Whether acts were begun and not observed: say what is there before anything else is done."""
    do: Do
    words: str
    """The same for a technician."""


ORDER: Final = (State.BLANK, State.KEYED, State.CERTIFIED, State.LOCKED, State.VERIFIED)
"""The way of a unit to which nothing happens."""

_NEXT: Final[dict[State, tuple[Do, str]]] = {
    State.BLANK: (Do.MAKE_KEYS, "make its keys, or find those that a run before made"),
    State.KEYED: (Do.REQUEST_CERTIFICATES, "ask the CA for its certificates; its keys stay as they are"),
    State.CERTIFIED: (Do.STORE_AND_LOCK, "store its certificates, read them back, and lock it"),
    State.LOCKED: (Do.VERIFY, "restart it, read everything again, and try what must fail"),
    State.VERIFIED: (Do.VERIFY_AGAIN, "verify it again if you like; it is complete"),
    State.QUARANTINED: (Do.REFUSE, "put it aside; only an RMA that names its record gives it an identity"),
    State.RETIRED: (Do.REFUSE, "its record has ended; only the unit of its RMA goes on"),
}


def may_follow(old: State, new: State) -> bool:
    """Whether a unit may go from `old` to `new`: one step on, into quarantine, or out by an RMA."""
    if new is State.RETIRED:
        return old is not State.RETIRED
    if new is State.QUARANTINED:
        return old in ORDER
    return (old, new) in pairwise(ORDER)


def has_reached(state: State, wanted: State) -> bool:
    """Whether a unit in `state` is at `wanted` or beyond it on its way; False in quarantine and after it."""
    return state in ORDER and wanted in ORDER and ORDER.index(state) >= ORDER.index(wanted)


def next_for(state: State, *, open_acts: int = 0) -> Next:
    """What the next run does with a unit in `state` with that many acts whose outcome nobody observed."""
    do, words = _NEXT[state]
    if do is Do.REFUSE or not open_acts:
        return Next(look=False, do=do, words=words)
    return Next(
        look=True, do=do, words=f"look at what {open_acts} unfinished act(s) left behind, then {words}"
    )
