"""Doctor: whether this user may open debug probes and serial ports."""

from __future__ import annotations

import grp
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from workbench.boards import usb
from workbench.boards.detect import serial_ports
from workbench.boards.finding import Finding

RULE_FOLDERS: Final = tuple(
    Path(p) for p in ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
)
RULE: Final = 'SUBSYSTEM=="usb", ATTRS{product}=="*CMSIS-DAP*", MODE="0660", GROUP="plugdev", TAG+="uaccess"'
HIDRAW_RULE: Final = (
    'KERNEL=="hidraw*", ATTRS{product}=="*CMSIS-DAP*", MODE="0660", GROUP="plugdev", TAG+="uaccess"'
)
RULE_FILE: Final = "/etc/udev/rules.d/70-cmsis-dap.rules"
_GRANT: Final = re.compile(r'TAG\+?="uaccess"|MODE:?="0?66[0-6]"|GROUP:?="')
_PROBE: Final = re.compile(r"CMSIS-DAP|0d28", re.IGNORECASE)
_MAX_RULES_BYTES: Final = 1 << 20


def access() -> Iterator[Finding]:
    """Rules, groups, and the devices that are there."""
    is_root = os.geteuid() == 0
    yield udev_rules(RULE_FOLDERS, is_root=is_root)
    for group, what in (("dialout", "serial ports"), ("plugdev", "debug probes")):
        yield group_membership(group, what, is_root=is_root)
    yield from plugged_in_probes(usb.usb_devices())
    yield from ports()


def udev_rules(folders: Sequence[Path], *, is_root: bool) -> Finding:
    """Whether some rule gives users access to CMSIS-DAP probes."""
    files = {path.name: path for folder in reversed(folders) for path in sorted(folder.glob("*.rules"))}
    granting = [str(path) for path in files.values() if _grants_probes(path)]
    if granting:
        return Finding("udev rules", "ok", f"probes are allowed by {', '.join(sorted(granting))}")
    if is_root:
        return Finding("udev rules", "ok", "none for debug probes; root needs none")
    action = (
        f"as root, write these two lines to {RULE_FILE}, then run `udevadm control --reload && udevadm "
        f"trigger` and plug the probe in again:\n{RULE}\n{HIDRAW_RULE}"
    )
    return Finding("udev rules", "warn", "no rule gives users access to CMSIS-DAP probes", action)


def group_membership(group: str, what: str, *, is_root: bool) -> Finding:
    """Whether this process is in the group that may open `what`."""
    name = f"group {group}"
    if is_root:
        return Finding(name, "ok", "root needs none")
    try:
        entry = grp.getgrnam(group)
    except KeyError:
        return Finding(name, "ok", "there is no such group on this system")
    if entry.gr_gid in {os.getegid(), *os.getgroups()}:
        return Finding(name, "ok", "you are in it")
    return Finding(
        name,
        "warn",
        f"you are not in it; {what} may be closed to you",
        f"`sudo adduser $USER {group}`, then log in again",
    )


def plugged_in_probes(devices: Sequence[usb.UsbDevice]) -> Iterator[Finding]:
    """CMSIS-DAP probes on USB that this user cannot open."""
    for device in devices:
        if device.is_cmsis_dap and not os.access(device.node, os.R_OK | os.W_OK):
            found = f"{device.product} {device.serial or ''} at {device.path}: {device.node} is closed to you"
            yield Finding(
                "probe access", "fail", found, "see `udev rules` above, then plug the probe in again"
            )


def ports(dev_serial: Path = Path("/dev/serial")) -> Iterator[Finding]:
    """Serial ports that are there, and whether they can be opened and have a stable name."""
    seen = serial_ports(dev_serial)
    closed = [p for p in seen if not os.access(p.device, os.R_OK | os.W_OK)]
    for port in closed:
        action = "`sudo adduser $USER dialout`, then log in again"
        yield Finding("serial ports", "fail", f"{port.device} is closed to you", action)
    if not seen:
        yield Finding("serial ports", "ok", "none on USB")
    elif not closed:
        yield Finding("serial ports", "ok", ", ".join(p.stable or p.device for p in seen))


def _grants_probes(path: Path) -> bool:
    """Whether a line of the file names CMSIS-DAP probes and gives access; continued lines count as one."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MAX_RULES_BYTES).replace("\\\n", " ")
    except OSError:
        return False
    lines = (line.strip() for line in text.splitlines())
    return any(_PROBE.search(x) and _GRANT.search(x) for x in lines if not x.startswith("#"))
