"""HTML reports load nothing from elsewhere, show what boards sent as text only, and can be read in mono."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tests.report_lab import NASTY, unit_run
from workbench.station.reports.attempts import LotFacts, UnitFacts
from workbench.station.reports.brief import brief_of
from workbench.station.reports.page import MAX_UNITS, Maker, count_lot, lot_page, run_page, unit_page
from workbench.station.reports.unit_run import Measurement, StepRun, UnitRun

AT = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
MAKER = Maker(station="line-1", head="3:" + "ab" * 32, made_at=AT)
LOADS = re.compile(
    r"\b(?:src|href|srcset|action|data|poster)\s*=|@import|url\((?!#)|https?://", re.IGNORECASE
)


class _Reader(HTMLParser):
    """Collects elements, their attributes' names, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _nasty_run(text: str = NASTY, verdict: str = "FAIL") -> UnitRun:
    error = {"code": text, "what": text, "cause": text, "action": text}
    return unit_run(
        text,
        verdict,
        error=error,
        operator=text,
        slot=text,
        station=text,
        recipe=text,
        recipe_sha256=text,
        chip_id=text,
        fingerprint=text,
        steps=(StepRun(step=text, title=text, outcome="FAIL", elapsed_s=1.0, error=error),),
        measurements=(Measurement(step=text, name=text, value=text, unit=text, low=1.0),),
    )


def _lot(name: str = "LOT-7") -> LotFacts:
    return LotFacts(
        lot=name,
        recipe=name,
        quantity=10,
        state="open",
        rule=name,
        opened_at=AT,
        opened_by=name,
        closed_at=None,
        states={"passed": 1, name: 2},
    )


def _pages(run: UnitRun, name: str) -> list[str]:
    unit = UnitFacts(
        serial=name,
        lot=name,
        state=name,
        station=name,
        chip_id=name,
        fingerprint=name,
        note=name,
        changed_at=AT,
        runs=(run,),
        others=(run,),
    )
    statistics, last = count_lot([brief_of(run)])
    return [lot_page(_lot(name), statistics, last, MAKER), unit_page(unit, MAKER), run_page(run, MAKER)]


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def test_nothing_that_a_board_sent_becomes_part_of_the_page() -> None:
    clean = [_read(page) for page in _pages(_nasty_run("plain"), "plain")]
    for page, plain in zip(_pages(_nasty_run(), NASTY), clean, strict=True):
        reader = _read(page)
        assert reader.tags == plain.tags
        assert reader.attributes == plain.attributes
        assert "script" not in reader.tags
        assert "<script>alert(1)</script>" in "".join(reader.text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)


@given(st.text(max_size=30))
def test_a_run_page_stands_whatever_a_board_sent(text: str) -> None:
    reader = _read(run_page(_nasty_run(text), MAKER))
    assert "script" not in reader.tags


def test_pages_load_nothing_and_say_so_to_the_browser() -> None:
    for page in _pages(unit_run("A1", "FAIL"), "A1"):
        assert LOADS.findall(page) == []
        assert "default-src 'none'" in page
        assert f"head <code>{MAKER.head}</code>" in page


def test_verdicts_are_words_and_patterns_and_not_only_colours() -> None:
    runs = [unit_run(f"A{n}", verdict) for n, verdict in enumerate(("PASS", "FAIL", "ERROR", "STOPPED"))]
    statistics, last = count_lot(map(brief_of, runs))
    page = lot_page(_lot(), statistics, last, MAKER)
    for verdict in ("PASS", "FAIL", "ERROR", "STOPPED"):
        assert f'id="p-{verdict}"' in page
        assert f"url(#p-{verdict})" in page
        assert f"1 {verdict}" in page
    for words in ("50.0 %", "yield", "first-pass yield", "1 FAIL, sum 67 %", "Units that have not passed"):
        assert words in page


def test_a_lot_without_a_run_has_a_page_too() -> None:
    statistics, last = count_lot([])
    page = lot_page(_lot(), statistics, last, MAKER)
    assert "No run has ended." in page
    assert "–" in page


def test_a_large_lot_lists_no_more_units_than_can_be_read() -> None:
    statistics, last = count_lot(brief_of(unit_run(f"A{n}", "FAIL")) for n in range(MAX_UNITS + 3))
    page = lot_page(_lot(), statistics, last, MAKER)
    assert page.count("<tr><td>A") == MAX_UNITS
    assert "and 3 more" in page
