"""The tables of a bench file, `bench.toml`, as pydantic models, and what its slots must agree on.

Each field's description completes the sentence "must be …" of an error.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from workbench.boards.power import DEFAULT_TIMEOUT_S
from workbench.boards.tcti import TctiInvalid, parse_tcti
from workbench.toml_file import Problem, Table, suggestion

SLOT_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$"
SERIAL_SCHEMES: Final = ("rfc2217", "socket", "loop")
"""Kinds of pyserial URLs that name one fixed port."""


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be text without control characters, and without spaces at its ends")
    return text


def _serial(text: str) -> str:
    """An absolute path, or a URL of a known kind."""
    scheme, colon, rest = text.partition("://")
    if colon:
        if scheme not in SERIAL_SCHEMES or not rest:
            kinds = ", ".join(f"{s}://" for s in SERIAL_SCHEMES)
            raise ValueError(f"must be a path or one of {kinds}{suggestion(scheme, SERIAL_SCHEMES)}")
    elif not os.path.isabs(text):
        raise ValueError(
            "must be an absolute path such as /dev/serial/by-path/…, or a URL such as rfc2217://HOST:PORT"
        )
    return text


def _tcti(text: str) -> str:
    try:
        parse_tcti(text)
    except TctiInvalid as error:
        raise ValueError(error.what.removeprefix(f"the TCTI string '{text}' ")) from None
    return text


def _command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"must be a command as in a shell: {error}") from None
    if not words:
        raise ValueError("must name a program")
    return text


Text = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_printable)]
Command = Annotated[
    str, Field(min_length=1, max_length=2000, description="a command as in a shell"), AfterValidator(_command)
]


class Probe(Table):
    """`probe = { … }`."""

    unique_id: Text = Field(description="the unique ID that `pyocd list` shows, in quotes")
    usb_path: str | None = Field(
        default=None,
        pattern=r"^\d+-\d+(\.\d+)*$",
        description="a USB path such as '1-1.2', as under /sys/bus/usb/devices",
    )


class CommandPower(Table):
    """`power = { driver = "command", … }`."""

    driver: Literal["command"]
    on: Command
    off: Command
    status: Command | None = None
    timeout_s: float = Field(
        default=DEFAULT_TIMEOUT_S, gt=0, le=600, description="seconds, more than 0, at most 600"
    )


class ManualPower(Table):
    """`power = { driver = "manual" }`."""

    driver: Literal["manual"]


class SlotTable(Table):
    """`[slots.NAME]`: a real board has `target`, a twin has `virtual`."""

    target: Text | None = Field(default=None, description="the name of a target, in quotes")
    virtual: Text | None = Field(default=None, description="the name of a target that has a twin, in quotes")
    board: str | None = Field(
        default=None, pattern=SLOT_NAME, description="1 to 32 letters, digits, '_' or '-'"
    )
    probe: Probe | None = Field(
        default=None, description='a table such as { unique_id = "…", usb_path = "1-1.2" }'
    )
    serial: Annotated[Text, AfterValidator(_serial)] | None = Field(
        default=None, description="a path or URL, in quotes"
    )
    power: Annotated[CommandPower | ManualPower, Field(discriminator="driver")] | None = None
    tpm: Annotated[Text, AfterValidator(_tcti)] | None = Field(
        default=None, description="a TCTI string, such as 'device:/dev/tpmrm0'"
    )


class BenchTable(Table):
    """`[bench]`."""

    name: Text = Field(default="bench", description="a text of 1 to 400 characters")


class BenchFile(Table):
    """A whole bench file."""

    bench: BenchTable = BenchTable()
    slots: dict[str, SlotTable] = Field(
        default={}, max_length=256, description="[slots.NAME] tables, at most 256"
    )


def inconsistencies(file: BenchFile) -> list[Problem]:
    """Every contradiction within one slot or between two."""
    problems = [p for name, table in file.slots.items() for p in _in_slot(name, table)]
    return problems + list(_shared(file))


def _in_slot(name: str, table: SlotTable) -> Iterator[Problem]:
    key = f"slots.{name}"
    if not re.match(SLOT_NAME, name):
        yield Problem(
            key,
            repr(name),
            "must be called by 1 to 32 letters, digits, '_' or '-', not starting with these two",
        )
    if (table.target is None) == (table.virtual is None):
        found = "neither target nor virtual" if table.target is None else "both target and virtual"
        yield Problem(key, found, 'must have either target = "…" (a real board) or virtual = "…" (a twin)')
    elif table.virtual is not None:
        for field in ("probe", "serial", "power"):
            if getattr(table, field) is not None:
                yield Problem(f"{key}.{field}", "present", "must be left out: a twin brings its own")
    elif table.board is not None:
        yield Problem(
            f"{key}.board", repr(table.board), "must be left out: only a slot with virtual = … has it"
        )
    elif table.probe is None and table.serial is None and table.tpm is None:
        right = 'must have probe = { unique_id = "…" }, serial = "…" or tpm = "…", or several of them'
        yield Problem(key, "neither probe nor serial nor tpm", right)


def _shared(file: BenchFile) -> Iterator[Problem]:
    """Things that only one slot can have."""
    seen: dict[tuple[str, str], str] = {}
    for name, table in file.slots.items():
        for key, kind, value in _belongings(name, table):
            first = seen.setdefault((kind, value), key)
            if first != key:
                yield Problem(
                    key, repr(_value(table, kind)), f"must be another one: {first} has the same {kind}"
                )


def _belongings(name: str, table: SlotTable) -> Iterator[tuple[str, str, str]]:
    key = f"slots.{name}"
    if table.probe is not None:
        yield f"{key}.probe.unique_id", "probe", table.probe.unique_id.casefold()
        if table.probe.usb_path is not None:
            yield f"{key}.probe.usb_path", "USB path", table.probe.usb_path
    if table.serial is not None:
        yield f"{key}.serial", "serial port", same_port(table.serial)
    if table.tpm is not None:
        yield f"{key}.tpm", "TPM", table.tpm
    if table.virtual is not None:
        yield f"{key}.board" if table.board else key, "twin board", table.board or name


def _value(table: SlotTable, kind: str) -> str | None:
    values = {"serial port": table.serial, "TPM": table.tpm, "twin board": table.board}
    if table.probe is not None:
        values |= {"probe": table.probe.unique_id, "USB path": table.probe.usb_path}
    return values[kind]


def same_port(serial: str) -> str:
    """Equal for two names of one port: links are followed, URLs compared without case."""
    return serial.partition("?")[0].rstrip("/").casefold() if "://" in serial else str(Path(serial).resolve())
