"""What the values of a target file must agree on.  Pure, but for looking whether the files it names exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench.boards.target_file import ADDRESS_END, Area, ImageSlot, Memory, TargetFile
from workbench.toml_file import Problem, shown, suggestion


def inconsistencies(file: TargetFile, path: Path) -> list[Problem]:
    """Every contradiction in the file at `path`, in the order of the file."""
    return [
        *_name(file, path),
        *_parts(file),
        *_capabilities(file),
        *_chip(file),
        *_named_files(file, path),
        *_memories(file.memory),
        *_image_slots(file),
        *_update(file),
        *_identity(file),
        *_lock(file),
    ]


def _name(file: TargetFile, path: Path) -> Iterator[Problem]:
    if path.suffix == ".toml" and path.stem != file.target.name:
        yield Problem("target.name", repr(file.target.name), f"must be {path.stem!r}, as the file is called")


def _parts(file: TargetFile) -> Iterator[Problem]:
    """A chip, its debug wires and its memory belong together; a board with a TPM may do without."""
    parts = {"chip": file.chip, "debug": file.debug, "memory": file.memory or None}
    if file.tpm is None or any(part is not None for part in parts.values()):
        for key, part in parts.items():
            if part is None:
                table = "one or more [[memory]] tables" if key == "memory" else f"a [{key}] table"
                yield Problem(key, "(absent)", f"must be {table}; only a board with a [tpm] needs no chip")
    is_tpm = file.chip is None and file.tpm is not None
    if file.twin is not None and (file.twin.machine == "tpm") != is_tpm:
        right = "must be 'tpm' for a board that is only a TPM, and a chip's machine for any other"
        yield Problem("twin.machine", repr(file.twin.machine), right)


def _capabilities(file: TargetFile) -> Iterator[Problem]:
    needs = {
        "chip-id": (file.chip and file.chip.id, "a [chip.id] table"),
        "debug": (file.debug, "a [debug] table"),
        "lock": (file.lock, "a [lock] table"),
        "identity": (file.identity or file.tpm, "an [identity] table, or a [tpm] table"),
        "flash": (any(m.kind == "flash" for m in file.memory), '[[memory]] of kind = "flash"'),
    }
    for index, word in enumerate(file.target.capabilities):
        present, what = needs.get(word, (True, ""))
        if not present:
            yield Problem(f"target.capabilities[{index}]", repr(word), f"needs {what}, or must be left out")


def _chip(file: TargetFile) -> Iterator[Problem]:
    flash = sum(m.size for m in file.memory if m.kind == "flash")
    kib = file.chip.flash_kib if file.chip is not None else None
    if kib is not None and kib * 1024 != flash:
        yield Problem(
            "chip.flash_kib", str(kib), f"must be {flash / 1024:g}, the sum of the [[memory]] of kind flash"
        )


def _named_files(file: TargetFile, path: Path) -> Iterator[Problem]:
    if file.debug is None:
        return
    for key, named in (("debug.pack", file.debug.pack), ("debug.script", file.debug.script)):
        if named is not None and not (path.parent / named).is_file():
            yield Problem(key, repr(named), f"must be a file; there is none at {path.parent / named}")


def _memories(memories: Sequence[Memory]) -> Iterator[Problem]:
    for index, memory in enumerate(memories):
        key = f"memory[{index}]"
        yield from _inside_address_space(key, memory)
        yield from _sector(key, memory)
        for earlier_index, earlier in enumerate(memories[:index]):
            if memory.name == earlier.name:
                yield Problem(
                    f"{key}.name", repr(memory.name), f"must differ from that of memory[{earlier_index}]"
                )
            if memory.overlaps(earlier):
                yield Problem(f"{key}.start", shown(memory.start), f"overlaps {_words(earlier)}")


def _sector(key: str, memory: Memory) -> Iterator[Problem]:
    if memory.kind != "flash":
        if memory.sector is not None:
            yield Problem(
                f"{key}.sector",
                shown(memory.sector),
                f"must be left out: {memory.kind} is not erased by sector",
            )
    elif memory.sector is None:
        yield Problem(
            f"{key}.sector",
            "(absent)",
            "must be the bytes that one erase clears, such as 1024: flash needs it",
        )
    else:
        for name, value in (("start", memory.start), ("size", memory.size)):
            if value % memory.sector:
                right = f"must be a multiple of the sector size, {shown(memory.sector)}"
                yield Problem(f"{key}.{name}", shown(value), right)


def _image_slots(file: TargetFile) -> Iterator[Problem]:
    for index, slot in enumerate(file.image_slots):
        key = f"image_slots[{index}]"
        memory = next((m for m in file.memory if m.name == slot.memory), None)
        if memory is None:
            known = [m.name for m in file.memory]
            right = f"must be one of {', '.join(known)}{suggestion(slot.memory, known)}"
            yield Problem(f"{key}.memory", repr(slot.memory), right)
        else:
            yield from _slot_in_memory(key, slot, memory)
        for other_index, other in enumerate(file.image_slots[:index]):
            if slot.name == other.name:
                yield Problem(
                    f"{key}.name", repr(slot.name), f"must differ from that of image_slots[{other_index}]"
                )
            if slot.layout == other.layout and slot.overlaps(other):
                yield Problem(f"{key}.start", shown(slot.start), f"overlaps image slot {_words(other)}")


def _slot_in_memory(key: str, slot: ImageSlot, memory: Memory) -> Iterator[Problem]:
    if not memory.holds(slot.start, slot.size):
        inside = f"must lie inside {_words(memory)}"
        yield Problem(key, f"{slot.start:#x}..{slot.end:#x}", inside)
    elif memory.kind == "config" or not memory.writable:
        yield Problem(f"{key}.memory", repr(slot.memory), "must be writable flash or RAM")
    elif memory.sector is not None:
        yield from _on_sectors(key, slot, memory)


def _on_sectors(key: str, area: Area, memory: Memory) -> Iterator[Problem]:
    if memory.sector is not None:
        for name, value, offset in (
            ("start", area.start, area.start - memory.start),
            ("size", area.size, area.size),
        ):
            if offset % memory.sector:
                right = f"must fall on the borders of {memory.name}'s sectors of {shown(memory.sector)} bytes"
                yield Problem(f"{key}.{name}", shown(value), right)


def _update(file: TargetFile) -> Iterator[Problem]:
    update = file.update
    if update is None:
        return
    slots = {slot.name: slot for slot in file.image_slots}
    for key, name in (("boot", update.boot), ("primary", update.primary), ("secondary", update.secondary)):
        if name not in slots:
            right = f"must be the name of an image slot: {', '.join(slots) or 'there is none'}"
            yield Problem(f"update.{key}", repr(name), f"{right}{suggestion(name, slots)}")
        elif key != "boot" and update.max_image > slots[name].size:
            right = f"must be at most {shown(slots[name].size)}, the size of image slot {name!r}"
            yield Problem("update.max_image", shown(update.max_image), right)
    if len({update.boot, update.primary, update.secondary}) != 3:
        yield Problem("update.secondary", repr(update.secondary), "boot, primary and secondary must differ")
    if update.page is None and file.identity is None:
        right = "must be an address, for there is no [identity] area to take it from"
        yield Problem("update.page", "(absent)", right)


def _identity(file: TargetFile) -> Iterator[Problem]:
    if file.identity is not None:
        for key, area in zip(("identity", "identity.certificates"), file.identity.areas, strict=False):
            yield from _identity_area(key, area, file)


def _identity_area(key: str, area: Area, file: TargetFile) -> Iterator[Problem]:
    memory = next((m for m in file.memory if m.kind == "flash" and m.holds(area.start, area.size)), None)
    if memory is None:
        yield Problem(key, f"{area.start:#x}..{area.end:#x}", "must lie inside a [[memory]] of kind flash")
    else:
        yield from _on_sectors(key, area, memory)
    for slot in file.image_slots:
        if slot.overlaps(area):
            yield Problem(f"{key}.start", shown(area.start), f"overlaps image slot {_words(slot)}")


def _lock(file: TargetFile) -> Iterator[Problem]:
    if file.lock is not None:
        register = file.lock.register_
        if not any(m.kind == "config" and m.holds(register, 4) for m in file.memory):
            yield Problem("lock.register", shown(register), "must lie inside a [[memory]] of kind config")


def _inside_address_space(key: str, area: Area) -> Iterator[Problem]:
    if area.end > ADDRESS_END:
        yield Problem(
            f"{key}.size", shown(area.size), f"goes beyond 0xffffffff; at most {ADDRESS_END - area.start:#x}"
        )


def _words(area: Memory | ImageSlot) -> str:
    return f"{area.name!r} ({area.start:#x}..{area.end:#x})"
