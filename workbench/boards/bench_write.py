"""Bench files as text, and writing new ones; a file that is there is never overwritten."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

from workbench.boards.bench import BENCH_FILE
from workbench.boards.detect import PortSeen, Proposal, ProposedSlot
from workbench.boards.target import load_target
from workbench.errors import InputError

MAX_VIRTUAL: Final = 64
TPM_BOARD: Final = "tpm-board"
"""Target of a board that is only a TPM."""


class BenchExists(InputError):
    """There is a bench file already."""

    code = "bench-exists"
    default_cause = "a bench was set up here before"
    default_action = "use it, move it away, or choose another folder"


class BenchUnwritable(InputError):
    """A bench file cannot be written there."""

    code = "bench-unwritable"
    default_cause = "the folder does not exist, or you may not write to it"
    default_action = "make the folder, or choose another one"


def write_virtual_bench(path: Path, count: int, target: str = "microbit-v1", *, tpms: int = 0) -> Path:
    """Writes a bench of `count` twins of `target`, slots v1, v2, …, and `tpms` TPM boards, slots t1, t2, …;
    `path` is a folder or the file to be.

    Returns the file.  Raises BenchExists, BenchUnwritable, InputError (count, target without a twin),
    TargetUnknown.
    """
    if not (min(count, tpms) >= 0 and 1 <= count + tpms <= MAX_VIRTUAL):
        raise InputError(f"a bench of {count + tpms} virtual boards", cause=f"it can have 1 to {MAX_VIRTUAL}")
    file = path / BENCH_FILE if path.is_dir() else path
    if load_target(target, bench_folder=file.parent).twin is None:
        raise InputError(f"target {target} has no virtual twin", cause="its file has no [twin] table")
    return write_new(file, virtual_bench_text(count, target, tpms=tpms))


def write_new(path: Path, text: str) -> Path:
    """Writes `text` to a file that must not exist yet, wholly or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        try:
            os.link(temporary, path)
        finally:
            temporary.unlink()
    except FileExistsError:
        raise BenchExists(f"{path} exists already") from None
    except OSError as error:
        raise BenchUnwritable(f"cannot write {path}: {error.strerror}") from error
    return path.absolute()


def virtual_bench_text(count: int, target: str, name: str = "virtual", *, tpms: int = 0) -> str:
    """A bench file of `count` twins and `tpms` TPM boards."""
    lines = ["[bench]", f"name = {quoted(name)}"]
    for letter, number, kind in (("v", count, target), ("t", tpms, TPM_BOARD)):
        for index in range(1, number + 1):
            lines += ["", f"[slots.{letter}{index}]", f"virtual = {quoted(kind)}"]
    return "\n".join(lines) + "\n"


def proposal_text(proposal: Proposal, name: str = "bench") -> str:
    """A bench file for a proposal: it loads as it is; what a person has to decide stands in comments."""
    lines = ["[bench]", f"name = {quoted(name)}"]
    for slot in proposal.slots:
        lines += ["", *_slot_lines(slot)]
    if proposal.loose_ports:
        lines += ["", "# Serial ports that belong to no probe:"]
        lines += [f"#   serial = {quoted(_name(p))}{_remark(p.description)}" for p in proposal.loose_ports]
    if not proposal.slots:
        lines += ["", "# No debug probe was found.  `workbench doctor` says why that may be."]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A TOML basic string (TOML 1.0, String)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _slot_lines(slot: ProposedSlot) -> list[str]:
    probe = f"unique_id = {quoted(slot.probe.unique_id)}"
    if slot.usb_path is not None:
        probe += f", usb_path = {quoted(slot.usb_path)}"
    lines = [
        f"[slots.{slot.name}]{_remark(slot.probe.description)}",
        f"target = {quoted(slot.target or 'TARGET')}",
        f"probe = {{ {probe} }}",
    ]
    if slot.port is not None:
        lines.append(f"serial = {quoted(_name(slot.port))}")
    if slot.target is not None:
        return lines
    wanted = f"one of {', '.join(slot.candidates)}" if slot.candidates else "see `workbench target list`"
    return [
        f"# Which target is it?  Fill it in ({wanted}), and remove the # signs.",
        *(f"# {x}" for x in lines),
    ]


def _name(port: PortSeen) -> str:
    return port.stable or port.device


def _remark(text: str) -> str:
    clean = "".join(c for c in text if c.isprintable()).strip()
    return f" # {clean[:80]}" if clean else ""
