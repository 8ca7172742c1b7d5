"""Lots as a person writes them: how many units, which serial numbers, which label.

    lot = load_lot(Path("lot-7.toml"))
    lot = lot_without_file(recipe)       # where nobody opened one: any label, any number of units

Reads the lot's file and its list of serial numbers; touches no database.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field

from workbench.identity.labels import MAX_SERIAL, compared, fits_certificate
from workbench.station.lots.check_digits import CHECKS, expanded, holds
from workbench.station.lots.errors import LotFileInvalid, LotForOtherRecipe
from workbench.station.lots.serials import MAX_DIGITS, SerialRule
from workbench.toml_file import Problem, Table, parse, read_bytes, shown_text

if TYPE_CHECKING:
    from workbench.station.recipes.recipe import Recipe

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
MAX_UNITS: Final = 10_000_000
MAX_LIST_BYTES: Final = 16 << 20
MAX_PATTERN: Final = 200

Number = Annotated[int, Field(ge=0, lt=10**MAX_DIGITS, description=f"a number of up to {MAX_DIGITS} digits")]


class LotTable(Table):
    """`[lot]`."""

    id: str = Field(pattern=NAME, description="1 to 64 letters, digits, '.', '_' or '-'")
    recipe: str | None = Field(
        default=None, pattern=NAME, description="the name in a recipe's [recipe] table"
    )
    quantity: int | None = Field(
        default=None, ge=1, le=MAX_UNITS, description=f"a number from 1 to {MAX_UNITS}"
    )


class SerialTable(Table):
    """`[serial]`."""

    rule: Literal["range", "list", "scanned"] = "scanned"
    prefix: str = Field(default="", max_length=40, description="at most 40 characters")
    first: Number | None = None
    last: Number | None = None
    digits: int = Field(default=0, ge=0, le=MAX_DIGITS, description=f"a number from 0 to {MAX_DIGITS}")
    check: Literal["none", "luhn", "mod97", "damm"] = "none"
    file: str | None = Field(default=None, min_length=1, max_length=1000, description="a path, in quotes")
    pattern: str | None = Field(
        default=None, min_length=1, max_length=MAX_PATTERN, description="a regular expression, in quotes"
    )


class LotFile(Table):
    """A whole lot file."""

    lot: LotTable
    serial: SerialTable = SerialTable()
    label: dict[str, Any] | None = Field(default=None, description="a [label] table")


SCANNED: Final = SerialRule("scanned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A lot, loaded.  `recipe`: name of the recipe that it is for, None for any.  `label`: its [label] table
    as it stands.  `path`: None for a lot without a file.
    """

    id: str
    recipe: str | None = None
    quantity: int | None = None
    rule: SerialRule = SCANNED
    label: Mapping[str, Any] | None = None
    path: Path | None = None

    @property
    def rule_sha256(self) -> str:
        """Hash of the rule and of the recipe's name: two stations with the same lot must agree on it."""
        content = json.dumps([self.recipe, asdict(self.rule)], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_lot(path: Path) -> Lot:
    """The lot in that file.  Raises LotFileInvalid with all mistakes."""
    path = path.absolute()
    file = parse(read_bytes(path, LotFileInvalid), path, LotFile, LotFileInvalid)
    problems = list(_problems(file))
    if problems:
        raise LotFileInvalid(path, problems)
    return Lot(
        id=file.lot.id,
        recipe=file.lot.recipe,
        quantity=file.lot.quantity,
        rule=_rule(file.serial, path),
        label=file.label,
        path=path,
    )


def lot_without_file(recipe: Recipe) -> Lot:
    """A lot of any number of units with the serial numbers of their labels, for a recipe alone."""
    return Lot(id=f"any-{recipe.name}"[:64], recipe=recipe.name)


def refuse_foreign_lot(lot: Lot, recipe: Recipe) -> None:
    """Raises LotForOtherRecipe."""
    if lot.recipe is not None and lot.recipe != recipe.name:
        raise LotForOtherRecipe(f"lot {lot.id} is for recipe {lot.recipe}, not for {recipe.name}")


_USED: Final = {
    "range": {"prefix", "first", "last", "digits", "check"},
    "list": {"file", "check"},
    "scanned": {"prefix", "pattern", "check"},
}
_NEEDED: Final[dict[str, tuple[str, ...]]] = {"range": ("first", "last"), "list": ("file",), "scanned": ()}


def _problems(file: LotFile) -> Iterator[Problem]:
    table = file.serial
    for key in sorted(table.model_fields_set - {"rule"} - _USED[table.rule]):
        yield Problem(f"serial.{key}", "given", f"must be left out: rule '{table.rule}' does not use it")
    missing = [key for key in _NEEDED[table.rule] if getattr(table, key) is None]
    for key in missing:
        yield Problem(f"serial.{key}", "(absent)", f"must be given for rule '{table.rule}'")
    if not fits_certificate(f"{table.prefix}0"):
        yield Problem(
            "serial.prefix", shown_text(repr(table.prefix)), "must be letters, digits or '()+,-./:=?"
        )
    if table.rule == "range" and not missing:
        yield from _range_problems(table, file.lot.quantity)
    if table.rule == "scanned" and table.pattern is not None:
        try:
            re.compile(table.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            yield Problem(
                "serial.pattern", shown_text(repr(table.pattern)), f"must be a regular expression: {error}"
            )


def _range_problems(table: SerialTable, quantity: int | None) -> Iterator[Problem]:
    assert table.first is not None
    assert table.last is not None
    count = table.last - table.first + 1
    if count < 1:
        yield Problem("serial.last", str(table.last), "must not be less than first")
    elif count > MAX_UNITS:
        yield Problem("serial.last", str(table.last), f"must leave at most {MAX_UNITS} numbers")
    elif quantity is not None and quantity > count:
        yield Problem("lot.quantity", str(quantity), f"must not be more than the {count} serial numbers")
    if table.digits and len(str(table.last)) > table.digits:
        yield Problem("serial.digits", str(table.digits), f"must be enough for {table.last}")
    if not table.digits and len(str(table.first)) != len(str(table.last)):
        right = "must be given where numbers have different lengths"
        yield Problem("serial.digits", "(absent)", right)
    length = len(table.prefix) + max(table.digits, len(str(table.last))) + CHECKS[table.check].length
    if length > MAX_SERIAL:
        yield Problem(
            "serial.prefix", shown_text(repr(table.prefix)), f"must leave at most {MAX_SERIAL} characters"
        )


def _rule(table: SerialTable, path: Path) -> SerialRule:
    serials = () if table.file is None else _list_of(path.parent / table.file, table, path)
    return SerialRule(
        kind=table.rule,
        prefix=table.prefix,
        first=table.first or 0,
        last=table.last or 0,
        digits=table.digits,
        check=table.check,
        serials=serials,
        pattern=table.pattern,
    )


def _list_of(file: Path, table: SerialTable, path: Path) -> tuple[str, ...]:
    """The lines of the list, without empty ones and those that begin with '#'."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_LIST_BYTES + 1)
        if len(content) > MAX_LIST_BYTES:
            raise LotFileInvalid(path, [Problem("serial.file", str(file), "must be at most 16 MiB")])
        text = content.decode("utf-8-sig")
    except OSError as error:
        right = f"must be a file you can read: {error.strerror}"
        raise LotFileInvalid(path, [Problem("serial.file", str(file), right)]) from error
    except UnicodeDecodeError as error:
        raise LotFileInvalid(path, [Problem("serial.file", str(file), "must be UTF-8 text")]) from error
    lines = [" ".join(line.split()) for line in text.splitlines()]
    serials = [line for line in lines if line and not line.startswith("#")]
    problems = list(_list_problems(serials, table))[:20]
    if problems:
        raise LotFileInvalid(path, problems)
    return tuple(serials)


def _list_problems(serials: list[str], table: SerialTable) -> Iterator[Problem]:
    if not serials:
        yield Problem("serial.file", "no serial numbers", "must have one serial number on each line")
    seen: dict[str, int] = {}
    for number, serial in enumerate(serials, 1):
        where, value = f"serial.file[{number}]", shown_text(repr(serial))
        if not fits_certificate(serial):
            yield Problem(where, value, f"must be 1 to {MAX_SERIAL} letters, digits or '()+,-./:=?")
        elif not holds(table.check, serial) or (table.check != "none" and not expanded(serial)):
            yield Problem(where, value, f"must end with its {table.check} check digit")
        elif compared(serial) in seen:
            yield Problem(
                where, value, f"must differ from number {seen[compared(serial)]}, case does not count"
            )
        seen.setdefault(compared(serial), number)
