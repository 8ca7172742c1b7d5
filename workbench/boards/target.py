"""Targets: kinds of boards, each described by one file.  Finding, loading and describing them; nothing is
written.

A target is looked for in the bench folder's `targets/`, then in the folders of WORKBENCH_TARGETS, then
among those that come with the workbench; the first file with the name counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import workbench
from workbench import settings
from workbench.boards import target_file as tf
from workbench.boards.target_checks import inconsistencies
from workbench.errors import InputError, WorkbenchError
from workbench.toml_file import FileInvalid, Problem, parse, read_bytes, shown_text, suggestion

KEY_PAGE_BYTES: Final = 0x400
_PACKAGE: Final = Path(workbench.__file__).resolve().parent


class TargetFileInvalid(FileInvalid):
    """A target file is wrong."""

    code = "target-invalid"
    default_cause = "a target file that does not describe a board the workbench can handle"
    default_action = "correct the target file where the message says, then run `workbench target check`"


class TargetUnknown(InputError):
    """There is no target of that name."""

    code = "target-unknown"
    default_cause = "a mistyped name, or a target file that lies elsewhere"
    default_action = "see `workbench target list`; further folders can be named in WORKBENCH_TARGETS"


class TargetLacks(InputError):
    """A kind of board has not got the part that an action needs."""

    code = "target-lacks"
    default_cause = "the action is for another kind of board"
    default_action = "see what the board has with `workbench target show`; name another slot or target"


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of board.  The tables are those of the file, see `target_file`.

    A board that is only a TPM has neither `chip_table` nor `debug_table`; who needs a chip asks for `chip`
    and `debug`, which raise TargetLacks there.
    """

    path: Path
    name: str
    title: str
    description: str
    capabilities: frozenset[str]
    chip_table: tf.Chip | None
    debug_table: tf.DebugWires | None
    tpm: tf.TpmPart | None
    memory: tuple[tf.Memory, ...]
    image_slots: tuple[tf.ImageSlot, ...]
    update: tf.Update | None
    identity: tf.Identity | None
    lock: tf.Lock | None
    console: tf.Console
    twin: tf.TwinRecipe | None

    @property
    def chip(self) -> tf.Chip:
        """The chip; raises TargetLacks."""
        if self.chip_table is None:
            raise TargetLacks(f"target {self.name} has no chip, only a TPM")
        return self.chip_table

    @property
    def debug(self) -> tf.DebugWires:
        """How the chip is reached; raises TargetLacks."""
        if self.debug_table is None:
            raise TargetLacks(f"target {self.name} has no debug wires, only a TPM")
        return self.debug_table

    @property
    def part(self) -> str:
        """What the board is made of: its chip, or its TPM."""
        if self.chip_table is not None:
            return self.chip_table.part
        return self.tpm.part if self.tpm is not None else "nothing"

    @property
    def provisioning_page(self) -> int | None:
        """Where what the factory writes begins, None where the target says nothing of it."""
        if self.update is not None and self.update.page is not None:
            return self.update.page
        return self.identity.start if self.identity is not None else None

    @property
    def key_page(self) -> int | None:
        """Where a unit's enrolment record and own key lie, None where the target has no place for them."""
        if self.update is not None and self.update.key_page is not None:
            return self.update.key_page
        page, identity = self.provisioning_page, self.identity
        if page is None or identity is None or not identity.holds(page, 2 * KEY_PAGE_BYTES):
            return None
        return page + KEY_PAGE_BYTES

    @property
    def identity_areas(self) -> tuple[tf.Area, ...]:
        """Everything that no image may overwrite; none where the target says nothing of it."""
        return self.identity.areas if self.identity is not None else ()

    @property
    def pack_path(self) -> Path | None:
        """The CMSIS pack, if the target needs one."""
        named = self.debug_table.pack if self.debug_table is not None else None
        return self.path.parent / named if named else None

    @property
    def script_path(self) -> Path | None:
        """The pyOCD user script, if the target has one."""
        named = self.debug_table.script if self.debug_table is not None else None
        return self.path.parent / named if named else None

    def memory_at(self, address: int) -> tf.Memory | None:
        """The region that holds `address`, None outside the memory map."""
        return next((m for m in self.memory if m.holds(address, 1)), None)

    def memory_named(self, name: str) -> tf.Memory:
        """The region called `name`; raises InputError."""
        found = next((m for m in self.memory if m.name == name), None)
        if found is None:
            raise _no_such("memory", name, self, [m.name for m in self.memory])
        return found

    def image_slot(self, name: str) -> tf.ImageSlot:
        """The image slot called `name`; raises InputError."""
        found = next((s for s in self.image_slots if s.name == name), None)
        if found is None:
            raise _no_such("image slot", name, self, [s.name for s in self.image_slots])
        return found


def load_target(name_or_path: str | Path, *, bench_folder: Path | None = None) -> Target:
    """The target of that name, or from that file if it is a Path, ends in `.toml` or has a slash.

    Raises TargetUnknown, or TargetFileInvalid with all mistakes of the file.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _from_file(Path(name_or_path))
    known = target_paths(bench_folder)
    if text not in known:
        raise TargetUnknown(f"no target is called '{shown_text(text)}'{suggestion(text, known)}")
    return _from_file(known[text])


def parse_target(content: bytes, path: Path) -> Target:
    """The target that `content` describes; `path` is where it is from, for its name, errors and relative
    paths.
    """
    file = parse(content, path, tf.TargetFile, TargetFileInvalid)
    problems = inconsistencies(file, path)
    if problems:
        raise TargetFileInvalid(path, problems)
    return _target(file, path)


def target_paths(bench_folder: Path | None = None) -> dict[str, Path]:
    """Files of all targets by name, sorted; where two folders have the same name, the nearer one."""
    found: dict[str, Path] = {}
    for folder in target_folders(bench_folder):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def list_targets(*, bench_folder: Path | None = None) -> tuple[Target | TargetFileInvalid, ...]:
    """All targets, sorted by name; a wrong file is listed as the error that loading it gives."""
    targets: list[Target | TargetFileInvalid] = []
    for path in target_paths(bench_folder).values():
        try:
            targets.append(_from_file(path))
        except TargetFileInvalid as error:
            targets.append(error)
    return tuple(targets)


def target_folders(bench_folder: Path | None = None) -> list[Path]:
    """Where target files are looked for, nearest first; folders that are not there are left out."""
    own = [bench_folder / "targets"] if bench_folder is not None else []
    ours = [_PACKAGE / "_targets", _PACKAGE.parent / "targets"]
    return [f for f in [*own, *settings.target_folders(), *ours] if f.is_dir()]


def _from_file(path: Path) -> Target:
    if path.is_dir():
        raise TargetFileInvalid(path, [Problem("(file)", "a folder", "must be a target file, NAME.toml")])
    return parse_target(read_bytes(path, TargetFileInvalid), path)


def _target(file: tf.TargetFile, path: Path) -> Target:
    return Target(
        path=path.absolute(),
        name=file.target.name,
        title=file.target.title,
        description=file.target.description.strip(),
        capabilities=frozenset(file.target.capabilities),
        chip_table=file.chip,
        debug_table=file.debug,
        tpm=file.tpm,
        memory=file.memory,
        image_slots=file.image_slots,
        update=file.update,
        identity=file.identity,
        lock=file.lock,
        console=file.console,
        twin=file.twin,
    )


def _no_such(kind: str, name: str, target: Target, known: list[str]) -> WorkbenchError:
    names = ", ".join(known) or "none"
    return InputError(
        f"target {target.name} has no {kind} called '{shown_text(name)}'{suggestion(name, known)}",
        cause=f"a mistyped name; there are: {names}",
    )


def describe_target(target: Target) -> str:
    """The target in words, a few lines of plain text for a person."""
    lines = [
        f"{target.name}: {target.title}",
        *(f"  {line}" for line in target.description.splitlines()),
        *_part_words(target),
        f"  can           {', '.join(sorted(target.capabilities)) or 'nothing'}",
        *([f"  console       {target.console.baud} baud"] if target.chip_table is not None else []),
        *(f"  {m.kind:<13} {m.name}: {_range(m)}{_sectors(m)}" for m in target.memory),
        *(f"  image slot    {s.name}: {_range(s)} in {s.memory}" for s in target.image_slots),
        *_update_words(target),
    ]
    lines += [f"  identity      {_range(a)}, which no image may overwrite" for a in target.identity_areas]
    if target.lock is not None:
        lines.append(f"  lock          {target.lock.kind}, recovered by {target.lock.recover}")
    lines.append(f"  virtual twin  {target.twin.machine if target.twin else 'none'}")
    lines.append(f"  file          {target.path}")
    return "\n".join(lines)


def _part_words(target: Target) -> list[str]:
    lines = []
    if target.chip_table is not None:
        core = target.chip_table.core.replace("cortex-m", "Cortex-M")
        lines.append(f"  chip          {target.chip_table.part}, {core}")
    if target.debug_table is not None:
        wire = target.debug_table.wire.upper()
        lines.append(f"  debug         pyOCD target {target.debug_table.pyocd}, {wire}")
    if target.tpm is not None:
        lines.append(f"  TPM           {target.tpm.part}")
    return lines


def _update_words(target: Target) -> list[str]:
    update = target.update
    if update is None:
        return []
    return [
        f"  update        over {', '.join(update.transports)}; security counter: {update.counter}; "
        f"images up to {update.max_image} bytes",
        f"  bootloader    {', '.join(update.algorithms)}",
    ]


def _range(area: tf.Area) -> str:
    size = f"{area.size // 1024} KiB" if area.size % 1024 == 0 else f"{area.size} bytes"
    return f"{area.start:#010x} to {area.end - 1:#010x}, {size}"


def _sectors(memory: tf.Memory) -> str:
    return f", sectors of {memory.sector} bytes" if memory.sector is not None else ""
