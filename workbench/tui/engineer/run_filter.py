"""What an engineer types to find runs: `slot:v1 verdict:FAIL since:2026-01-31 lock`.  Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast, get_args

from workbench.errors import InputError
from workbench.events import Verdict
from workbench.station.records_search import RunFilter
from workbench.toml_file import shown_text, suggestion

NAMES: Final = ("slot", "verdict", "verb", "serial", "lot", "code", "since")
MAX_CHARS: Final = 500


class FilterInvalid(InputError):
    """A filter of runs cannot be understood."""

    code = "filter-invalid"
    default_cause = "a mistyped name before the colon, or a value that it cannot have"
    default_action = (
        "write words, or slot:v1 verdict:FAIL verb:flash serial:A1 lot:L7 code:chip-swapped since:2026-01-31"
    )


def parse_filter(text: str) -> RunFilter:
    """The filter that was typed; raises FilterInvalid."""
    values: dict[str, str] = {}
    words = []
    for word in text[:MAX_CHARS].replace("\0", " ").split():
        name, colon, value = word.partition(":")
        if not colon:
            words.append(_storable(word))
        elif name.casefold() not in NAMES:
            what = f"runs have no '{shown_text(name, 30)}'{suggestion(name, NAMES)}"
            raise FilterInvalid(what, cause=f"there are: {', '.join(NAMES)}")
        elif value:
            values[name.casefold()] = _storable(value)
    return RunFilter(
        slot=values.get("slot"),
        verdict=_verdict(values.get("verdict")),
        verb=_lower(values.get("verb")),
        serial=values.get("serial"),
        lot=values.get("lot"),
        code=_lower(values.get("code")),
        since=_since(values.get("since")),
        texts=tuple(words),
    )


def _storable(word: str) -> str:
    """No database takes half a character."""
    return word.encode("utf-8", "replace").decode()


def _lower(text: str | None) -> str | None:
    """Verbs and codes are lower-case words."""
    return None if text is None else text.lower()


def _verdict(text: str | None) -> Verdict | None:
    if text is None:
        return None
    if text.upper() not in get_args(Verdict):
        raise FilterInvalid(
            f"'{shown_text(text, 30)}' is no verdict", cause="there are PASS, FAIL, ERROR and STOPPED"
        )
    return cast(Verdict, text.upper())


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise FilterInvalid(
            f"'{shown_text(text, 30)}' is no time", cause="times are written 2026-01-31 or 2026-01-31T12:00"
        ) from None
