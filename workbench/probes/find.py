"""Finding debug probes: one by its full unique ID, or all that are plugged in, without opening anybody's
probe.

USB probes are first looked for where the kernel lists them: one that is not there is missing at once, and
only the driver of the right kind is asked.  `TYPE:ID` names pyOCD's probe plugin as pyOCD does.
"""

from __future__ import annotations

from typing import Any, Final

from workbench.boards.bench import ProbeRef
from workbench.boards.detect import ProbeSeen
from workbench.boards.usb import ProbeMoved
from workbench.probes.errors import ProbeMissing
from workbench.probes.faults import time_told, translated
from workbench.probes.limits import Limits, Worker
from workbench.probes.quiet import keep_quiet
from workbench.probes.usb import is_named, usb_probes

_USB_KINDS: Final = frozenset({"cmsisdap", "jlink", "stlink", "picoprobe"})
_LIST_TIMEOUT_S: Final = 10.0
_BOARD_ID_CHARS: Final = 4
"""A DAPLink probe's serial number begins with the ID of its board."""


def list_probes(timeout_s: float = _LIST_TIMEOUT_S) -> tuple[ProbeSeen, ...]:
    """All probes that are plugged in, sorted by unique ID, with pyOCD's target where the board is known.

    USB probes come from the kernel's list and are not opened.  Raises DebugTimeout or another DebugError when
    a probe plugin hangs or fails.
    """
    keep_quiet()
    worker = Worker("probe list")
    try:
        with time_told("looking for debug probes"):
            found = worker.run(lambda _reporter: _all(), Limits(timeout_s))
    finally:
        worker.close()
    return tuple(sorted(found, key=lambda probe: probe.unique_id))


def _all() -> list[ProbeSeen]:
    with translated("looking for debug probes"):
        others = [
            _seen(probe)
            for kind, driver in _drivers().items()
            if kind not in _USB_KINDS
            for probe in driver.get_all_connected_probes(None, False)
        ]
        on_usb = [
            ProbeSeen(device.serial, device.product, _daplink_target(device.serial))
            for _, device in usb_probes() or ()
            if device.serial is not None
        ]
        return [*others, *on_usb]


def _seen(probe: Any) -> ProbeSeen:
    board = probe.associated_board_info
    return ProbeSeen(probe.unique_id, probe.description, board.target if board is not None else None)


def _daplink_target(serial: str) -> str | None:
    from pyocd.board.board_ids import BOARD_ID_TO_INFO

    board = BOARD_ID_TO_INFO.get(serial[:_BOARD_ID_CHARS])
    return board.target if board is not None else None


def find_probe(wanted: ProbeRef) -> Any:
    """pyOCD's probe with this full unique ID, not opened; runs in a session's thread.

    Raises ProbeMissing, ProbeMoved.
    """
    kind, _, rest = wanted.unique_id.partition(":")
    drivers = _drivers()
    if rest and (kind.lower() in drivers or kind.lower() in _USB_KINDS):
        return _explicit(wanted, kind.lower(), rest, drivers)
    elsewhere = [name for name in drivers if name not in _USB_KINDS]
    for names in (elsewhere, usb_kinds_of(wanted, wanted.unique_id)):
        for name in names:
            probe = drivers[name].get_probe_with_id(wanted.unique_id, False) if name in drivers else None
            if probe is not None:
                return probe
    raise _missing(wanted)


def _explicit(wanted: ProbeRef, kind: str, rest: str, drivers: dict[str, Any]) -> Any:
    if kind in _USB_KINDS and kind not in usb_kinds_of(wanted, rest):
        raise _missing(wanted)
    probe = drivers[kind].get_probe_with_id(rest, True) if kind in drivers else None
    if probe is None:
        raise _missing(wanted)
    return probe


def usb_kinds_of(wanted: ProbeRef, serial: str) -> list[str]:
    """pyOCD drivers worth asking for a USB probe with this serial number; none where it is not plugged in.

    Raises ProbeMoved where it is plugged in at another place than it must be.
    """
    seen = usb_probes()
    if seen is None:
        return sorted(_USB_KINDS)
    for kind, device in seen:
        if is_named(kind, device, serial):
            if wanted.usb_path not in (None, device.path):
                raise ProbeMoved(f"probe {serial} is at USB path {device.path}, not {wanted.usb_path}")
            return [kind]
    return ["cmsisdap"] if any(kind == "cmsisdap" and device.serial is None for kind, device in seen) else []


def _missing(wanted: ProbeRef) -> ProbeMissing:
    return ProbeMissing(f"debug probe {wanted.unique_id} is not plugged in")


def _drivers() -> dict[str, Any]:
    """pyOCD's probe classes by lower-case name; those whose libraries are missing are left out."""
    from pyocd.probe.aggregator import PROBE_CLASSES

    return {name.lower(): driver for name, driver in PROBE_CLASSES.items()}
