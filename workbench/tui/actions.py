"""What a technician does about an error, where the error itself speaks to whoever types commands.  Pure.

An error's action is written for everybody: command line, CI, engineer.  At the line there are a scanner and
F-keys, so that errors that are met there have words of their own here; what only an engineer can do says so.
"""

from __future__ import annotations

import re
from typing import Final

from workbench.languages import N_, _, said
from workbench.station.line.state import ErrorView, SlotView

_GO_ON: Final = N_("press F5 to go on, or take the unit out")
_PROBE: Final = N_("plug the board in again, then press F5: the unit goes on from its last safe step")
_CABLE: Final = N_("unplug the board and plug it in again, then press F5")
_TAKEN: Final = N_("ask who needs the slot; when it is free, press F5 to go on")
_ROOM: Final = N_("have room made on the disk, then press F5")
_BROKEN: Final = N_(
    "look at the slot and the unit, press F7, then scan or type its number: "
    "it is looked at before anything is done"
)
_LOOK: Final = N_("look at the board and its cable, press F7, then scan or type the unit's number")
_FETCH: Final = N_("fetch an engineer; after the look at the slot press F7")

_BY_CODE: Final[dict[str, str]] = {
    "stopped": _GO_ON,
    "lease-lost": _TAKEN,
    "slot-leased": _TAKEN,
    "probe-missing": _PROBE,
    "probe-lost": _PROBE,
    "probe-busy": _TAKEN,
    "debug-failed": _CABLE,
    "debug-timeout": _CABLE,
    "flash-interrupted": _GO_ON,
    "serial-failed": _CABLE,
    "journal-unwritable": _ROOM,
    "image-over-identity": N_(
        "the unit has an identity already: scan or type its own number, or put it aside"
    ),
    "board-state-unknown": _BROKEN,
    "step-hangs": _LOOK,
    "unit-takes-too-long": _LOOK,
    "slot-keeps-dying": _FETCH,
    "ca-clock-disagrees": N_(
        "have this computer's clock set right, end the line with F10, open it again, then scan the unit"
    ),
}
_COMMAND: Final = re.compile(
    r"`|(?<!\w)--\w|\bcommand\b|\.toml\b|\bCA's\b|\bworker\b|\backnowledge|\bpermit\b"
)
"""Words of the command line, or of a state that has a key at the line."""


def action_words(error: ErrorView, slot: SlotView | None = None) -> str:
    """The next thing to do about an error, in the technician's language; empty where nothing is known.

    `slot`: the slot in which the error stands; without it the error refused a scan or a key.
    """
    if slot is None or not _COMMAND.search(error.action):
        return said(error.action)
    told = _BY_CODE.get(error.code)
    if told is not None and ("F7" in told) == (slot.phase == "broken"):
        return _(told)
    if slot.verdict == "FAIL" and slot.phase == "done":
        return _("Take the unit out, and put it where faulty units go.")
    return _("fetch an engineer: {action}").format(action=said(error.action))
