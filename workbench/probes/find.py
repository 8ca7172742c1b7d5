"""Finding debug probes: one by its full unique ID, or all that are plugged in, without opening anybody's
probe.

Calls pyOCD, so it runs in a session's thread.  USB probes are first looked for in sysfs: one that is not
there is missing at once, and only the driver of the right kind is asked.  `TYPE:ID` names pyOCD's probe
plugin as pyOCD does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from workbench.boards.bench import ProbeRef
from workbench.probes import usb
from workbench.probes.errors import ProbeMissing
from workbench.probes.faults import time_told, translated
from workbench.probes.limits import Limits, Worker

_USB_KINDS: Final = frozenset({"cmsisdap", "jlink", "stlink", "picoprobe"})
_LIST_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class SeenProbe:
    """A probe that is plugged in.  `usb_path`: the place on USB, such as "1-1.2"; None elsewhere."""

    unique_id: str
    description: str
    kind: str
    usb_path: str | None = None


def list_probes(timeout_s: float = _LIST_TIMEOUT_S) -> tuple[SeenProbe, ...]:
    """All probes that are plugged in, sorted by unique ID.  USB probes come from sysfs and are not opened.

    Raises DebugTimeout or DebugError when a probe plugin hangs or fails.
    """
    worker = Worker("probe list")
    try:
        with time_told("looking for debug probes"):
            others = worker.run(lambda _reporter: _others(), Limits(timeout_s))
    finally:
        worker.close()
    on_usb = (
        SeenProbe(p.serial, f"{p.vendor} {p.product}".strip(), p.kind, p.usb_path)
        for p in usb.usb_probes() or ()
        if p.serial is not None
    )
    return tuple(sorted((*others, *on_usb), key=lambda probe: probe.unique_id))


def _others() -> list[SeenProbe]:
    """Probes of plugins that are not on USB."""
    with translated("looking for debug probes"):
        return [
            SeenProbe(probe.unique_id, probe.description, kind)
            for kind, driver in _drivers().items()
            if kind not in _USB_KINDS
            for probe in driver.get_all_connected_probes(None, False)
        ]


def find_probe(wanted: ProbeRef) -> Any:
    """pyOCD's probe with this full unique ID, not opened.  Raises ProbeMissing."""
    kind, _, rest = wanted.unique_id.partition(":")
    drivers = _drivers()
    if rest and (kind.lower() in drivers or kind.lower() in _USB_KINDS):
        return _explicit(wanted, kind.lower(), rest, drivers)
    for name, driver in drivers.items():
        if (
            name not in _USB_KINDS
            and (probe := driver.get_probe_with_id(wanted.unique_id, False)) is not None
        ):
            return probe
    for name in _usb_kinds_of(wanted, wanted.unique_id):
        driver = drivers.get(name)
        if driver is not None and (probe := driver.get_probe_with_id(wanted.unique_id, False)) is not None:
            return probe
    raise _missing(wanted)


def _explicit(wanted: ProbeRef, kind: str, rest: str, drivers: dict[str, Any]) -> Any:
    if kind in _USB_KINDS and kind not in _usb_kinds_of(wanted, rest):
        raise _missing(wanted)
    probe = drivers[kind].get_probe_with_id(rest, True) if kind in drivers else None
    if probe is None:
        raise _missing(wanted)
    return probe


def _usb_kinds_of(wanted: ProbeRef, serial: str) -> list[str]:
    """pyOCD drivers worth asking for a USB probe with this serial number; none where it is not plugged in.

    Raises ProbeMissing where it is plugged in at another place than it must be.
    """
    seen = usb.usb_probes()
    if seen is None:
        return sorted(_USB_KINDS)
    named = [probe for probe in seen if probe.is_named(serial)]
    if named and wanted.usb_path is not None and named[0].usb_path != wanted.usb_path:
        raise ProbeMissing(
            f"debug probe {serial} is plugged in at USB {named[0].usb_path}, not at {wanted.usb_path}",
            cause="two boards were swapped, or the board was plugged into another socket",
            action="put it back, or correct `usb_path` in the bench file",
        )
    if named:
        return [named[0].kind]
    return ["cmsisdap"] if any(p.serial is None and p.kind == "cmsisdap" for p in seen) else []


def _missing(wanted: ProbeRef) -> ProbeMissing:
    return ProbeMissing(f"debug probe {wanted.unique_id} is not plugged in")


def _drivers() -> dict[str, Any]:
    """pyOCD's probe classes by lower-case name; those whose libraries are missing are left out."""
    from pyocd.probe.aggregator import PROBE_CLASSES

    return {name.lower(): driver for name, driver in PROBE_CLASSES.items()}
