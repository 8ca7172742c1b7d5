"""What an engineer types to find runs: `slot:v1 verdict:FAIL since:2026-01-31 lock`.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast, get_args

from workbench.errors import InputError
from workbench.events import Verdict
from workbench.station.records import RunSummary
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


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a run must be; None where it does not matter.  `words` may stand anywhere in it."""

    slot: str | None = None
    verdict: Verdict | None = None
    verb: str | None = None
    serial: str | None = None
    lot: str | None = None
    code: str | None = None
    since: datetime | None = None
    words: tuple[str, ...] = ()

    @property
    def in_database(self) -> bool:
        """Whether the database can answer all of it by itself."""
        return not (self.verb or self.serial or self.lot or self.code or self.words)

    def fits(self, run: RunSummary) -> bool:
        """Whether the run is wanted."""
        code = run.error["code"] if run.error else ""
        pairs = (
            (self.slot, run.slot),
            (self.verdict, run.verdict),
            (self.verb, run.verb),
            (self.serial, run.result.get("serial")),
            (self.lot, run.result.get("lot")),
            (self.code, code),
        )
        if any(want is not None and want.casefold() != str(have or "").casefold() for want, have in pairs):
            return False
        if self.since is not None and run.started_at < self.since:
            return False
        text = " ".join(str(value) for value in _texts(run)).casefold()
        return all(word in text for word in self.words)


def parse_filter(text: str) -> RunFilter:
    """The filter that was typed; raises FilterInvalid."""
    values: dict[str, str] = {}
    words = []
    for word in text[:MAX_CHARS].split():
        name, colon, value = word.partition(":")
        if not colon:
            words.append(word.casefold())
        elif name.casefold() not in NAMES:
            what = f"runs have no '{shown_text(name, 30)}'{suggestion(name, NAMES)}"
            raise FilterInvalid(what, cause=f"there are: {', '.join(NAMES)}")
        elif value:
            values[name.casefold()] = value
    return RunFilter(
        slot=values.get("slot"),
        verdict=_verdict(values.get("verdict")),
        verb=values.get("verb"),
        serial=values.get("serial"),
        lot=values.get("lot"),
        code=values.get("code"),
        since=_since(values.get("since")),
        words=tuple(words),
    )


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


def _texts(run: RunSummary) -> Iterable[object]:
    error = run.error or {}
    yield from (run.run_id, run.verb, run.slot, run.target, run.verdict, run.host, run.version)
    yield from (error.get("code"), error.get("what"))
    yield from (run.result.get(name) for name in ("serial", "lot", "chip_id", "fingerprint", "operator"))
