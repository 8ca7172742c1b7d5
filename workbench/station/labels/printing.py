"""A unit's label as bytes, and onto paper: a command gets them on standard input, or a folder gets a file.

A command gets no shell, ends within its time or is killed with all that it started, and is believed to have
printed only if it ends with 0.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final
from urllib.parse import quote

from workbench.images import files
from workbench.languages import _
from workbench.station.labels.errors import LabelPrintFailed
from workbench.station.labels.layout import LabelLayout, filled
from workbench.station.labels.payload import Label, payload
from workbench.station.labels.placing import Placement, place
from workbench.station.labels.png import png
from workbench.station.labels.svg import svg
from workbench.station.labels.symbols import modules_of
from workbench.station.labels.zpl import zpl
from workbench.station.station_file import LabelFormat, Printer
from workbench.wires.clean import clean

GROUP: Final = 4
"""Digits of a fingerprint that stand together on a label."""
_FORMATS: Final[dict[LabelFormat, Callable[[Placement], bytes]]] = {"png": png, "svg": svg, "zpl": zpl}
_MAX_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Printed:
    """A label that was printed: where to, in words, the file if it is one, and how many bytes."""

    where: str
    path: Path | None
    size_bytes: int


def placed(
    layout: LabelLayout, label: Label, *, model: str = "", lot: str = "", dpi: int | None = None
) -> Placement:
    """Where everything of a unit's label goes; raises LabelDoesNotFit, LabelTextUnprintable."""
    fingerprint = " ".join(label.fingerprint[i : i + GROUP] for i in range(0, len(label.fingerprint), GROUP))
    values = {
        "serial": label.serial,
        "check": label.check,
        "fingerprint": fingerprint,
        "model": model,
        "lot": lot,
    }
    return place(layout, modules_of(layout.symbol, payload(label)), filled(layout, values), dpi)


def rendered(placement: Placement, form: LabelFormat) -> bytes:
    """The label in that form."""
    return _FORMATS[form](placement)


def print_label(
    printer: Printer,
    layout: LabelLayout,
    label: Label,
    *,
    model: str = "",
    lot: str = "",
    bench_folder: Path,
) -> Printed:
    """Prints one label; raises LabelDoesNotFit, LabelTextUnprintable before, and LabelPrintFailed.

    A file has the serial number as its name, and takes the place of an older one.
    """
    data = rendered(placed(layout, label, model=model, lot=lot, dpi=printer.dpi), printer.format)
    if printer.folder is not None:
        return _to_folder(bench_folder / printer.folder, label.serial, printer.format, data)
    return _to_command(printer.arguments, data, printer.timeout_s)


def file_name(serial: str, form: LabelFormat) -> str:
    """A file name that is one serial number's alone, also where that holds slashes."""
    name = quote(serial, safe=" ()+,-=")
    return f"{'%2E' + name[1:] if name.startswith('.') else name}.{form}"


def _to_folder(folder: Path, serial: str, form: LabelFormat, data: bytes) -> Printed:
    path = folder / file_name(serial, form)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files.write(path, data)
    except (OSError, files.ImageFileUnwritable) as error:
        words = _("the label cannot be written to {path}: {reason}").format(path=path, reason=error)
        raise LabelPrintFailed(
            words,
            cause=_("the disk is full, or the folder belongs to somebody else"),
            action=_("free the disk, then retry the unit"),
        ) from error
    return Printed(str(path), path, len(data))


def _to_command(arguments: tuple[str, ...], data: bytes, timeout_s: float) -> Printed:
    program = arguments[0]
    with TemporaryFile() as said:
        try:
            code = _run(arguments, data, timeout_s, said)
        except subprocess.TimeoutExpired:
            words = _("the printer's command {program} did not end within {seconds} s")
            raise LabelPrintFailed(words.format(program=program, seconds=f"{timeout_s:g}")) from None
        except OSError as error:
            words = _("the printer's command {program} cannot be started: {reason}")
            raise LabelPrintFailed(words.format(program=program, reason=error.strerror)) from error
        if code != 0:
            words = _("the printer's command {program} failed with {code}: {said}")
            raise LabelPrintFailed(words.format(program=program, code=code, said=_last(said)))
    return Printed(program, None, len(data))


def _run(arguments: tuple[str, ...], data: bytes, timeout_s: float, said: IO[bytes]) -> int:
    """Exit code of the command; nothing of it outlives its time, whatever it started."""
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
    )
    with process:
        try:
            process.communicate(data, timeout=timeout_s)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode


def _last(said: IO[bytes]) -> str:
    """The end of what a command complained about, on one line."""
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _MAX_WORDS))
    return " ".join(clean(said.read().decode("utf-8", "replace")).split()) or "-"
