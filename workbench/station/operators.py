"""Who may work at the station: `operators.toml` beside the bench file, mode 0600.

[pin]                    # of the engineer mode; set by `workbench operator pin`
hash = "$argon2id$…"
[[operators]]
badge = "10023"
name = "Anna Berg"

A badge says who works, it proves nothing: it is a number on a card.  What needs proof needs the PIN, see
`operators_pin`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from workbench.boards.bench_write import quoted
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.images import files
from workbench.toml_file import FileInvalid, Table, read, shown_text

OPERATORS_FILE: Final = "operators.toml"
MAX_OPERATORS: Final = 5000
MAX_HASH_CHARS: Final = 400


class OperatorsFileInvalid(FileInvalid):
    """The operators' file cannot be used as it is."""

    code = "operators-file-invalid"
    default_cause = "operators.toml was written by hand, and not as the workbench expects it"


class OperatorsUnwritable(WorkbenchError):
    """The operators' file cannot be written."""

    code = "operators-unwritable"
    blame = Blame.STATION
    default_cause = "the disk is full, or the file belongs to somebody else"
    default_action = "free the disk, or run the command as the user who owns the file; nothing was changed"


class BadgeUnknown(InputError):
    """A badge belongs to nobody who may work here."""

    code = "badge-unknown"
    default_cause = "the badge was never added at this station, or was removed"
    default_action = "scan the badge again; an engineer adds it with `workbench operator add`"


class BadgeTaken(InputError):
    """A badge belongs to somebody already."""

    code = "badge-taken"
    default_cause = "the badge was added before"
    default_action = "remove it first with `workbench operator remove`, or use another badge"


def _badge(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        raise ValueError("must be 1 to 40 printable ASCII characters, without spaces at its ends")
    return text


def _name(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be a name of 1 to 60 characters on one line")
    return text


class Operator(Table):
    """A person who may work at the line, and what their badge says when it is scanned."""

    badge: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_badge)]
    name: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_name)]


class Pin(Table):
    """The engineers' PIN, as its argon2id hash in the PHC string format."""

    hash: Annotated[str, Field(pattern=r"^\$argon2id\$[A-Za-z0-9$=,+/]+$", max_length=MAX_HASH_CHARS)]


class Operators(Table):
    """All of operators.toml.  A badge is one person's; case does not count."""

    pin: Pin | None = None
    operators: Annotated[tuple[Operator, ...], Field(strict=False, max_length=MAX_OPERATORS)] = ()

    @model_validator(mode="after")
    def _one_person_each(self) -> Self:
        seen: set[str] = set()
        for operator in self.operators:
            if operator.badge.casefold() in seen:
                raise ValueError(f"badge {operator.badge} is there twice")
            seen.add(operator.badge.casefold())
        return self

    def find(self, badge: str) -> Operator:
        """Who has that badge, as it was scanned; raises BadgeUnknown."""
        wanted = badge.strip().casefold()
        for operator in self.operators:
            if operator.badge.casefold() == wanted:
                return operator
        raise BadgeUnknown(f"badge {shown_text(badge.strip(), 40)!r} is not known here")

    def having(self, badge: str, name: str) -> Operators:
        """These and one more; raises BadgeTaken, OperatorsFileInvalid."""
        more = _checked({"badge": badge, "name": name})
        for operator in self.operators:
            if operator.badge.casefold() == more.badge.casefold():
                raise BadgeTaken(f"badge {badge} belongs to {operator.name}")
        return Operators(pin=self.pin, operators=(*self.operators, more))

    def without(self, badge: str) -> Operators:
        """These but one; raises BadgeUnknown."""
        gone = self.find(badge)
        return Operators(pin=self.pin, operators=tuple(o for o in self.operators if o != gone))

    def with_pin(self, pin_hash: str) -> Operators:
        """These with another PIN, given as its hash."""
        return Operators(pin=Pin(hash=pin_hash), operators=self.operators)


def load_operators(bench_folder: Path) -> Operators:
    """Everybody in `bench_folder`/operators.toml, nobody where there is no such file.

    Raises OperatorsFileInvalid with every mistake.
    """
    path = bench_folder / OPERATORS_FILE
    return read(path, Operators, OperatorsFileInvalid) if path.exists() else Operators()


def save_operators(bench_folder: Path, operators: Operators) -> Path:
    """Writes the file in the place of the old one, readable by its owner only; raises OperatorsUnwritable.

    A process that dies meanwhile leaves the old file or the new one, never a part.
    """
    path = bench_folder / OPERATORS_FILE
    try:
        files.write(path, _text(operators).encode(), mode=0o600)
    except files.ImageFileUnwritable as error:
        raise OperatorsUnwritable(error.what) from error
    return path


def _text(operators: Operators) -> str:
    lines = ["# Written by `workbench operator`."]
    if operators.pin is not None:
        lines += ["", "[pin]", f"hash = {quoted(operators.pin.hash)}"]
    for operator in operators.operators:
        lines += [
            "",
            "[[operators]]",
            f"badge = {quoted(operator.badge)}",
            f"name = {quoted(operator.name)}",
        ]
    return "\n".join(lines) + "\n"


def _checked(value: dict[str, str]) -> Operator:
    from pydantic import ValidationError

    try:
        return Operator.model_validate(value)
    except ValidationError as failure:
        error = failure.errors(include_url=False)[0]
        right = str(error.get("ctx", {}).get("error", error["msg"]))
        raise InputError(f"{error['loc'][0]} {shown_text(repr(error['input']))}: {right}") from None
