"""TOML files given by a person: read with limits, checked by a pydantic model, wrong ones refused in plain
words.

Every problem names the dotted key, the value found and what would be right.  This module knows no
particular file.
"""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from workbench.errors import InputError

MAX_BYTES: Final = 1 << 20
"""Largest file that is read; a hand-written file is a few KiB."""

WHOLE: Final = "(file)"
"""Key of a problem that no single key has."""
_MAX_VALUE_CHARS: Final = 60


class Table(BaseModel):
    """Base of all models of TOML tables: unknown keys are errors, values are not converted, instances do
    not change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: `key` is dotted ("memory[0].size"), `value` as found, `right` what would
    be right.
    """

    key: str
    value: str
    right: str

    def __str__(self) -> str:
        return (
            f"{self.value}: {self.right}" if self.key == WHOLE else f"{self.key} = {self.value}: {self.right}"
        )


class FileInvalid(InputError):
    """A file that the workbench was given cannot be used as it is."""

    code = "file-invalid"
    default_cause = "the file does not say what the workbench expects there"
    default_action = "correct the keys that the message names, then run the command again"

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        lines = [str(p) for p in problems]
        text = (
            lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} mistakes", *(f"  {x}" for x in lines)])
        )
        where = ", ".join(dict.fromkeys(p.key for p in problems if p.key != WHOLE))
        super().__init__(
            f"{path}: {text}", action=f"correct {where} in {path}" if where else f"correct {path}"
        )
        self.path = path
        self.problems = tuple(problems)


M = TypeVar("M", bound=BaseModel)


def read(path: Path, model: type[M], error: type[FileInvalid]) -> M:
    """The file at `path` as `model`; raises `error` with every problem, also where it cannot be read at
    all.
    """
    return parse(read_bytes(path, error), path, model, error)


def read_bytes(path: Path, error: type[FileInvalid]) -> bytes:
    """Content of `path`, at most MAX_BYTES."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as failure:
        refused = error(path, [Problem(WHOLE, "cannot be read", failure.strerror or "unreadable")])
        refused.cause = "a mistyped name, or a file of somebody else"
        refused.action = "name a file that is there and that you may read"
        raise refused from failure
    if len(content) > MAX_BYTES:
        raise error(path, [Problem(WHOLE, f"over {MAX_BYTES} bytes", "a TOML file of a few KiB")])
    return content


def parse(content: bytes, path: Path, model: type[M], error: type[FileInvalid]) -> M:
    """`content` as `model`; `path` is only named in errors."""
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as failure:
        right = f"UTF-8 text (byte {failure.start} is not)"
        raise error(path, [Problem(WHOLE, "not text", right)]) from failure
    except (tomllib.TOMLDecodeError, RecursionError) as failure:
        raise error(path, [Problem(WHOLE, "not TOML", shown_text(str(failure), 160))]) from failure
    try:
        return model.model_validate(data)
    except ValidationError as failure:
        raise error(path, problems_of(model, failure)) from None


def problems_of(model: type[BaseModel], failure: ValidationError) -> list[Problem]:
    """What is wrong with values that `model` refused."""
    return [_problem(model, e) for e in failure.errors(include_url=False)]


def shown(value: object) -> str:
    """A value as it may stand in a message: short, without control characters; addresses in hexadecimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if value >= 256 else str(value)
    if isinstance(value, dict):
        return "a table"
    return shown_text(repr(value))


def shown_text(text: str, limit: int = _MAX_VALUE_CHARS) -> str:
    """`text` shortened and without characters that move a terminal's cursor."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ", did you mean 'X'?" or nothing."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""


def dotted(loc: Sequence[int | str]) -> str:
    """("memory", 0, "size") -> "memory[0].size"."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{shown_text(str(part))}"
    return text.lstrip(".") or WHOLE


def _problem(model: type[BaseModel], error: ErrorDetails) -> Problem:
    loc, kind = error["loc"], error["type"]
    key = dotted(_without_tags(model, loc))
    if kind == "extra_forbidden":
        known = _keys(_annotation(model, loc[:-1]))
        hint = suggestion(str(loc[-1]), known) or (f"; known are: {', '.join(known)}" if known else "")
        return Problem(key, shown(error["input"]), f"unknown key{hint}")
    value = "(absent)" if kind == "missing" else shown(error["input"])
    return Problem(key, value, _right(model, error))


def _right(model: type[BaseModel], error: ErrorDetails) -> str:
    """What would be right: the field's own description where it has one, else pydantic's words."""
    loc, kind = error["loc"], error["type"]
    if kind == "value_error":
        return str(error.get("ctx", {}).get("error", error["msg"]))
    choices = _choices(_annotation(model, loc))
    if choices:
        return f"must be one of {', '.join(choices)}{suggestion(str(error['input']), choices)}"
    if kind.startswith("union_tag"):
        tags = str(error.get("ctx", {}).get("expected_tags", "")).replace("'", "")
        return f"needs {error.get('ctx', {}).get('discriminator', 'a tag')} = one of {tags}"
    words = _description(model, loc)
    return f"must be {words}" if words else error["msg"][:1].lower() + error["msg"][1:]


def _description(model: type[BaseModel], loc: Sequence[int | str]) -> str | None:
    """Description of the field that holds `loc`; for an item of a list, that of the list."""
    while loc and isinstance(loc[-1], int):
        loc = loc[:-1]
    owner = _annotation(model, loc[:-1]) if loc else None
    if isinstance(owner, type) and issubclass(owner, BaseModel):
        field = _fields(owner).get(str(loc[-1]))
        return field.description if field else None
    return None


def _annotation(annotation: Any, loc: Sequence[int | str]) -> Any:
    """The type that a model gives to the place `loc`, None where it knows no such place."""
    for part in loc:
        annotation = _step(_plain(annotation), part)
    return _plain(annotation)


def _step(annotation: Any, part: int | str) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = _fields(annotation).get(str(part))
        return field.annotation if field else None
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    if get_origin(annotation) in (tuple, list):
        return arguments[0]
    return next((a for a in arguments if part in _tags(a)), None)


def _plain(annotation: Any) -> Any:
    """Without Annotated and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        if len(members) == 1:
            return _plain(members[0])
    return annotation


def _tags(annotation: Any) -> tuple[Any, ...]:
    """Values of the `driver` field by which a member of a union is chosen."""
    if (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and "driver" in annotation.model_fields
    ):
        return get_args(annotation.model_fields["driver"].annotation)
    return ()


def _without_tags(model: type[BaseModel], loc: Sequence[int | str]) -> list[int | str]:
    """`loc` without the tags that pydantic inserts for unions: nobody wrote them."""
    kept: list[int | str] = []
    annotation: Any = model
    for part in loc:
        annotation = _plain(annotation)
        if get_origin(annotation) not in (Union, types.UnionType):
            kept.append(part)
        annotation = _step(annotation, part)
    return kept


def _keys(annotation: Any) -> list[str]:
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return list(_fields(annotation)) if is_model else []


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the key that stands in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _choices(annotation: Any) -> list[str]:
    return [str(a) for a in get_args(annotation)] if get_origin(annotation) is Literal else []
