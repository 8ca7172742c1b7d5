"""`workbench read`: a chip's memory into a file, or onto the screen."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from workbench.cli import options as opt
from workbench.cli import words
from workbench.cli.commands import new_app
from workbench.cli.image_files import number
from workbench.errors import Blame, InputError, WorkbenchError

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.cli.job import Job

app = new_app()

MAX_SHOWN: Final = 4096
"""Bytes that are shown on the screen; more go into a file."""


class OutputUnwritable(WorkbenchError):
    """The file for the result cannot be written."""

    code = "output-unwritable"
    blame = Blame.STATION
    default_cause = "the folder does not exist or may not be written, or the disk is full"
    default_action = "name another file, or make the folder or room on the disk"


@app.command()
def read(
    slot_argument: opt.OneSlot = None,
    bench: opt.Bench = None,
    slot: opt.OneSlotOption = None,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="NAME",
            help="A whole memory of the target, such as flash.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="ADDRESS", help="First address of a range.", show_default=False),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="BYTES", help="Size of the range.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the bytes go, as BIN. Default: the screen.",
            show_default=False,
        ),
    ] = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    accept_chip: opt.AcceptChip = False,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Read a board's memory into a file or onto the screen.

    Say which: --memory, or --start and --size. The core is stopped meanwhile, and goes on afterwards.

    \b
    Examples:
      workbench read v1 --memory flash --output v1.bin
      workbench read v1 --start 0x10001000 --size 0x40
    """
    from workbench.cli.job import Verb, perform

    choice = opt.choose(
        bench,
        [name for name in (slot_argument, slot) if name is not None],
        kick=kick,
        wait=wait,
        accept_chip=accept_chip,
        timeout=timeout,
        json=json,
        plain=plain,
    )
    if len(set(choice.slots)) > 1:
        raise InputError("two slots were named", cause="memory is read from one board at a time")
    asked = _Asked(memory, number(start), number(size), output)
    perform(Verb("read", asked.work, asked.result_words), choice)


class _Asked:
    """What to read, and where to."""

    def __init__(self, memory: str | None, start: int | None, size: int | None, output: Path | None) -> None:
        if (memory is None) == (start is None) or (start is None) != (size is None):
            raise InputError(
                "it is not clear what to read",
                cause="neither --memory nor both --start and --size were given, or both were",
                action="give --memory NAME, or --start ADDRESS --size BYTES; see `workbench read --help`",
            )
        self._memory = memory
        self._range = (start or 0, size or 0)
        self._output = output
        self._data = b""

    def work(self, job: Job) -> None:
        """Reads, and writes the file."""
        from workbench.probes.read import read_range

        start, size = self._range_in(job.slot.target)
        if self._output is None and size > MAX_SHOWN:
            raise InputError(
                f"{words.size(size)} are too much for the screen",
                cause=f"up to {words.size(MAX_SHOWN)} are shown",
                action="name a file with --output",
            )
        title = f"reading {words.size(size)} from {words.address(start)}"
        with job.debug() as debug, job.run.step("read", title):
            self._data = read_range(debug, start, size, check=job.check)
        self._range = (start, size)
        job.run.result |= {
            "start": start,
            "size": size,
            "sha256": hashlib.sha256(self._data).hexdigest(),
            "file": None if self._output is None else str(self._output),
        }
        if self._output is not None:
            write_file(self._output, self._data)
        elif job.choice.output.json:
            job.run.result["data"] = self._data.hex()

    def result_words(self, result: dict[str, Any]) -> list[str]:
        """What was read, or where it went."""
        told = f"{words.size(result['size'])} from {words.address(result['start'])}"
        checksum = f"SHA-256 {words.short_hash(result['sha256'])}"
        if result["file"] is not None:
            return [f"{told} are in {result['file']}, {checksum}"]
        return [*hex_dump(self._data, result["start"]), f"{told}, {checksum}"]

    def _range_in(self, target: Target) -> tuple[int, int]:
        if self._memory is None:
            return self._range
        found = target.memory_named(self._memory)
        return found.start, found.size


def hex_dump(data: bytes, start: int) -> list[str]:
    """16 bytes on each line, with their address and, where they are, characters."""
    lines = []
    for offset in range(0, len(data), 16):
        part = data[offset : offset + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{start + offset:08x}  {part.hex(' ', -4):<35}  {text}")
    return lines


def write_file(path: Path, data: bytes) -> None:
    """Wholly or not at all; replaces what was there.  Raises OutputUnwritable."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"cannot write {path}: {error.strerror}") from error
