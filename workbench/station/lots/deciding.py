"""Decides whether a unit may be begun, and what a finished attempt makes of it.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.errors import WorkbenchError
from workbench.events import Verdict
from workbench.languages import _
from workbench.station.lots import errors
from workbench.station.lots.values import SerialState

TAKES: Final[frozenset[SerialState]] = frozenset({"reserved", "in-work", "unfinished", "passed", "shipped"})
"""States in which a unit uses up a part of its lot's quantity."""

AFTER: Final[dict[Verdict, SerialState]] = {
    "PASS": "passed",
    "FAIL": "failed",
    "ERROR": "unfinished",
    "STOPPED": "unfinished",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the database says of a serial number."""

    serial: str
    lot: str
    state: SerialState
    station: str | None = None
    holder: str | None = None
    run_id: str | None = None
    leased: bool = False
    """Whether the time of the run that works on it is not over."""
    changed: str = ""
    """Day and minute of the last change, for words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A station wants to begin a unit.

    `holder` is the ID of its own file, where it has seen that none of its own runs is at work on the unit.
    """

    serial: str
    lot: str
    holder: str
    run_id: str


def refusal(ask: Ask, known: Known | None, *, is_open: bool, room: bool) -> WorkbenchError | None:
    """Why the unit may not be begun; None: it may.  `room`: the lot's quantity leaves place for one more."""
    if known is not None and known.state == "in-work" and known.run_id == ask.run_id:
        return None
    found = None if known is None else _refused_unit(ask, known)
    if found is not None:
        return found
    state: SerialState = "free" if known is None else known.state
    if not is_open and state in ("free", "reserved"):
        return errors.LotClosed(_("lot {lot} is closed").format(lot=ask.lot))
    if not room and state not in TAKES:
        return errors.LotFull(_("lot {lot} has all its units").format(lot=ask.lot))
    return None


def _refused_unit(ask: Ask, known: Known) -> WorkbenchError | None:
    where = known.station or "?"
    told = {"serial": known.serial, "lot": known.lot, "station": where, "when": known.changed}
    if known.state == "shipped":
        return errors.UnitShipped(_("unit {serial} of lot {lot} was shipped on {when}").format(**told))
    if known.state == "scrapped":
        return errors.UnitScrapped(_("unit {serial} was scrapped on {when}").format(**told))
    if known.lot != ask.lot:
        return errors.SerialWrongLot(_("unit {serial} belongs to lot {lot}").format(**told))
    if known.state == "passed":
        return errors.SerialDuplicate(_("unit {serial} passed at station {station} on {when}").format(**told))
    if known.state in ("reserved", "withdrawn") and known.holder != ask.holder:
        return errors.SerialReserved(_("{serial} is reserved for station {station}").format(**told))
    if known.state == "in-work" and known.leased and known.holder != ask.holder:
        return errors.SerialInWork(
            _("unit {serial} is in work at station {station} since {when}").format(**told)
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run of a station has ended with a verdict."""

    lot: str
    holder: str
    run_id: str
    verdict: Verdict
    unannounced: bool = False
    """The database had not heard of the run before: it was begun while the database was away."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the unit: its new state, or None where the attempt changes nothing; `conflict`: what a
    person should know.
    """

    state: SerialState | None
    conflict: str | None = None


def outcome(ended: Ended, known: Known | None, *, room: bool) -> Outcome:
    """What a finished attempt makes of its unit.

    A run that was begun without the database is believed where its station held the serial number.
    """
    after = AFTER[ended.verdict]
    if known is not None and known.lot != ended.lot:
        return Outcome(None, f"the unit belongs to lot {known.lot}")
    if known is None or known.state in ("free", "failed", "unfinished"):
        takes = known is not None and known.state in TAKES
        return Outcome(after, None if room or takes or after not in TAKES else "over the quantity")
    if known.state == "in-work":
        mine = known.run_id == ended.run_id or (ended.unannounced and known.holder == ended.holder)
        return Outcome(after) if mine else Outcome(None, f"run {known.run_id} had begun the unit meanwhile")
    if known.state in ("reserved", "withdrawn"):
        if known.holder != ended.holder:
            return Outcome(None, f"the serial number is held by station {known.station}")
        return Outcome(after, "it was withdrawn from the station" if known.state == "withdrawn" else None)
    return Outcome(None, f"the unit was {known.state} already")
