"""Firmware files and addresses as they are typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.probes.images import Image, ImageFile

Kind = Literal["elf", "hex", "bin"]

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="[SLOT] FILE",
        help="ELF, Intel HEX or BIN files. FILE@ADDRESS says where a BIN goes. A slot's name may come first.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="ADDRESS",
        help="Where BIN files without @ADDRESS go. Default: the start of flash.",
        show_default=False,
    ),
]
Format = Annotated[
    Kind | None,
    typer.Option("--format", help="Format of all files, where names do not tell it.", show_default=False),
]

_SLOT: Final = re.compile(r"[A-Za-z0-9_-]+")
_AT: Final = re.compile(r"(.+)@(0[xX][0-9a-fA-F_]+|[0-9]+)")


def slot_first(files: list[str], slots: list[str] | None, *, all_slots: bool) -> tuple[list[str], list[str]]:
    """Files and slots, where `flash v1 hello.hex` means slot v1: a first word that can be no file's name."""
    named = list(slots or ())
    first = files[0]
    if named or all_slots or len(files) < 2 or not _SLOT.fullmatch(first) or Path(first).exists():
        return files, named
    return files[1:], [first]


class NumberInvalid(InputError):
    """This is no number."""

    code = "number-invalid"
    default_cause = "addresses and sizes are decimal or hexadecimal, sizes may end in K or M"
    default_action = "write it as 4096, 0x1000 or 4K"


def number(text: str | None) -> int | None:
    """The number that was typed: 4096, 0x1000, 4K.  Raises NumberInvalid."""
    if text is None:
        return None
    factor = (
        {"k": 1 << 10, "m": 1 << 20}.get(text[-1:].lower(), 1) if not text.lower().startswith("0x") else 1
    )
    try:
        value = int(text[:-1] if factor > 1 else text, 0) * factor
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise NumberInvalid(f"'{text[:40]}' is no address or size")
    return value


def image_files(texts: list[str], base: int | None, kind: Kind | None) -> list[ImageFile]:
    """The files that were named, each with its address if it has one."""
    from workbench.probes.images import ImageFile

    files = []
    for text in texts:
        at = None if Path(text).exists() else _AT.fullmatch(text)
        path, address = (Path(at[1]), number(at[2])) if at else (Path(text), None)
        takes_base = kind == "bin" or (kind is None and path.suffix.lower() not in _OWN_ADDRESSES)
        files.append(ImageFile(path, format=kind, base=address if at else base if takes_base else None))
    if base is not None and not any(file.base == base for file in files):
        raise InputError(
            "--base was given, but all files carry their own addresses",
            cause="only BIN files need a base address",
        )
    return files


_OWN_ADDRESSES: Final = frozenset({".elf", ".axf", ".out", ".hex", ".ihex", ".ihx"})


def images_for(job: Job, files: list[ImageFile], *, permit_identity: bool = False) -> Image:
    """The files as one image that fits the job's board, as a step of its run."""
    from workbench.probes.images import load_images

    with job.run.step("load", f"loading {', '.join(file.path.name for file in files)}"):
        return load_images(files, job.slot.target, permit_identity=permit_identity)
