"""Benches: the place where boards are plugged in.  Finding, loading and describing them; writing is in
`bench_write`.

Whoever gets a Slot cannot tell a real board from a virtual one: both have a probe's unique ID, a serial
port, a switch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from workbench import settings
from workbench.boards import bench_file as bf
from workbench.boards.power import CommandSwitch, CuttingSwitch, ManualSwitch, PowerSwitch
from workbench.boards.target import Target, TargetUnknown, load_target
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.toml_file import FileInvalid, Problem, read, shown_text, suggestion

BENCH_FILE: Final = "bench.toml"


class BenchFileInvalid(FileInvalid):
    """A bench file is wrong."""

    code = "bench-invalid"
    default_cause = "a bench file that does not describe slots the workbench can use"
    default_action = "correct bench.toml where the message says; docs/bench-file.md describes it"


class BenchMissing(InputError):
    """There is no bench file."""

    code = "bench-missing"
    default_cause = "no bench has been set up yet, or the command was run in another folder"
    default_action = (
        "make one with `workbench bench detect` (real boards) or `workbench bench init --virtual 4` "
        "(virtual ones), or name one in WORKBENCH_BENCH"
    )


class SlotUnknown(InputError):
    """The bench has no slot of that name."""

    code = "slot-unknown"
    default_cause = "a mistyped name"
    default_action = "see `workbench slot list`"


class SlotLacks(WorkbenchError):
    """A slot has not got the wire that an action needs."""

    code = "slot-lacks"
    blame = Blame.INPUT
    default_cause = "the bench file binds no such thing to this slot"
    default_action = "add it to the slot in the bench file; `workbench bench detect` shows what is plugged in"


class StateFolderUnusable(WorkbenchError):
    """The bench's state folder cannot be used."""

    code = "state-folder"
    blame = Blame.STATION
    default_cause = "the disk is full or read-only, or the folder belongs to somebody else"
    default_action = "make the bench's folder writable, or move the bench to another one"


@dataclass(frozen=True, slots=True)
class ProbeRef:
    """A debug probe by its full unique ID, and the USB path it must be plugged in at, if that is fixed."""

    unique_id: str
    usb_path: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place on the bench for one board.  `state_dir` is its folder for what is remembered; it may not
    exist yet.
    """

    name: str
    target: Target
    probe: ProbeRef | None
    serial: str | None
    power: PowerSwitch | None
    tpm: str | None
    state_dir: Path

    @property
    def capabilities(self) -> frozenset[str]:
        """What can be done here: the target's capabilities for which the slot has the wires, and `tpm` if
        it has one.
        """
        missing: set[str] = set()
        if self.probe is None:
            missing |= {"debug", "flash", "chip-id", "lock"}
        if self.serial is None:
            missing.add("console")
        if self.power is None:
            missing.add("power")
        if not isinstance(self.power, CuttingSwitch):
            missing.add("power-cut")
        wired = {w for w, there in (("tpm", self.tpm), ("power", self.power)) if there is not None}
        return (self.target.capabilities - missing) | wired

    def need_probe(self) -> ProbeRef:
        """The probe; raises SlotLacks."""
        if self.probe is None:
            raise SlotLacks(f"slot {self.name} has no debug probe")
        return self.probe

    def need_serial(self) -> str:
        """The serial port; raises SlotLacks."""
        if self.serial is None:
            raise SlotLacks(f"slot {self.name} has no serial port")
        return self.serial

    def need_power(self) -> PowerSwitch:
        """The power switch; raises SlotLacks."""
        if self.power is None:
            raise SlotLacks(f"slot {self.name} has no power switch")
        return self.power

    def need_tpm(self) -> str:
        """The TPM's TCTI string; raises SlotLacks."""
        if self.tpm is None:
            raise SlotLacks(f"slot {self.name} has no TPM")
        return self.tpm


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench file, loaded.  `slots` is in the order of the file."""

    name: str
    path: Path
    slots: dict[str, Slot]

    @property
    def folder(self) -> Path:
        """Folder of the bench file."""
        return self.path.parent

    @property
    def state_dir(self) -> Path:
        """Folder for what the bench remembers; it may not exist yet."""
        return self.folder / settings.STATE_FOLDER

    def slot(self, name: str) -> Slot:
        """The slot called `name`; raises SlotUnknown."""
        if name not in self.slots:
            known = ", ".join(self.slots) or "none"
            what = f"{self.path} has no slot '{shown_text(name)}'{suggestion(name, self.slots)}"
            raise SlotUnknown(what, cause=f"a mistyped name; there are: {known}")
        return self.slots[name]

    def with_capabilities(self, wanted: Iterable[str]) -> tuple[Slot, ...]:
        """Slots that can do all of that, in the order of the file."""
        needed = frozenset(wanted)
        return tuple(s for s in self.slots.values() if needed <= s.capabilities)


class _Twin(Protocol):
    """What a virtual board offers to its slot."""

    @property
    def probe_uid(self) -> str | None: ...
    @property
    def serial_url(self) -> str | None: ...
    @property
    def tcti(self) -> str | None: ...
    @property
    def power(self) -> PowerSwitch: ...


def find_bench(start: Path | None = None) -> Path:
    """The bench file: WORKBENCH_BENCH, else bench.toml in `start` (default: here) or the nearest folder
    above.

    Raises BenchMissing.
    """
    named = os.environ.get("WORKBENCH_BENCH")
    if named and start is None:
        path = Path(named).absolute()
        if not path.is_file():
            raise BenchMissing(f"WORKBENCH_BENCH names {path}, and there is no such file")
        return path
    folder = (start or Path.cwd()).absolute()
    for candidate in (folder, *folder.parents):
        if (candidate / BENCH_FILE).is_file():
            return candidate / BENCH_FILE
    raise BenchMissing(f"there is no {BENCH_FILE} in {folder} or above")


def load_bench(path: Path | None = None) -> Bench:
    """The bench of the file at `path`, or of the one that `find_bench` finds.

    Raises BenchMissing, BenchFileInvalid with all mistakes, TargetFileInvalid for a slot's target.
    """
    path = find_bench() if path is None else path.absolute()
    if not path.exists():
        raise BenchMissing(f"there is no bench file {path}")
    file = read(path, bf.BenchFile, BenchFileInvalid)
    problems = bf.inconsistencies(file)
    if problems:
        raise BenchFileInvalid(path, problems)
    targets = _targets(file, path)
    slots = {name: _slot(path.parent, name, table, targets[name]) for name, table in file.slots.items()}
    return Bench(name=file.bench.name, path=path, slots=slots)


def slot_state_dir(folder: Path, name: str) -> Path:
    """Where the slot `name` of the bench in `folder` keeps its lease and what it remembers."""
    return folder / settings.STATE_FOLDER / "slots" / name


def _targets(file: bf.BenchFile, path: Path) -> dict[str, Target]:
    """Target of each slot; a name that is not known, or has no twin where one is wanted, is the bench
    file's mistake.
    """
    targets: dict[str, Target] = {}
    problems: list[Problem] = []
    for name, table in file.slots.items():
        field = "target" if table.target is not None else "virtual"
        wanted = table.target or table.virtual or ""
        try:
            targets[name] = load_target(_beside(wanted, path), bench_folder=path.parent)
        except TargetUnknown as error:
            problems.append(Problem(f"slots.{name}.{field}", repr(wanted), error.what))
            continue
        if field == "virtual" and targets[name].twin is None:
            right = f"must be a target with a [twin] table; {targets[name].path} has none"
            problems.append(Problem(f"slots.{name}.virtual", repr(wanted), right))
    if problems:
        raise BenchFileInvalid(path, problems)
    return targets


def _beside(target: str, bench_path: Path) -> str | Path:
    """A path in a bench file is relative to that file."""
    return bench_path.parent / target if "/" in target or target.endswith(".toml") else target


def _slot(folder: Path, name: str, table: bf.SlotTable, target: Target) -> Slot:
    if table.virtual is not None:
        return _virtual_slot(folder, name, table, target)
    probe = table.probe
    return Slot(
        name=name,
        target=target,
        probe=ProbeRef(probe.unique_id, probe.usb_path) if probe is not None else None,
        serial=table.serial,
        power=_switch(name, table.power),
        tpm=table.tpm,
        state_dir=slot_state_dir(folder, name),
    )


def _virtual_slot(folder: Path, name: str, table: bf.SlotTable, target: Target) -> Slot:
    from workbench.virtual import twins

    assert target.twin is not None
    place = folder / settings.STATE_FOLDER / "twins"
    try:
        twin: _Twin = twins.plug(place, table.board or name, target.twin.machine, target.title)
    except OSError as error:
        raise StateFolderUnusable(f"cannot keep virtual boards in {place}: {error.strerror}") from error
    return Slot(
        name=name,
        target=target,
        probe=ProbeRef(twin.probe_uid) if twin.probe_uid is not None else None,
        serial=twin.serial_url,
        power=twin.power,
        tpm=twin.tcti or table.tpm,
        state_dir=slot_state_dir(folder, name),
    )


def _switch(slot: str, table: bf.CommandPower | bf.ManualPower | None) -> PowerSwitch | None:
    if table is None:
        return None
    if isinstance(table, bf.ManualPower):
        return ManualSwitch(slot)
    return CommandSwitch(slot, table.on, table.off, table.status, table.timeout_s)
