"""Who may work here is read with every mistake named, written whole or not at all, and found by a scan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli_bench import CliBench, cli_bench
from workbench.errors import InputError
from workbench.station.operators import (
    OPERATORS_FILE,
    BadgeTaken,
    BadgeUnknown,
    Operators,
    OperatorsFileInvalid,
    OperatorsUnwritable,
    load_operators,
    save_operators,
)

badges = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
names = (
    st.text(min_size=1, max_size=60)
    .map(str.strip)
    .filter(lambda name: 0 < len(name) <= 60 and name.isprintable())
)


@given(st.dictionaries(badges, names, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, people: dict[str, str]) -> None:
    folder = tmp_path_factory.mktemp("people", numbered=True)
    known = Operators()
    for badge, name in people.items():
        if badge.casefold() not in {operator.badge.casefold() for operator in known.operators}:
            known = known.having(badge, name)
    save_operators(folder, known)

    assert load_operators(folder) == known
    for operator in known.operators:
        assert known.find(f" {operator.badge.swapcase()} ") == operator


def test_a_badge_is_one_persons(tmp_path: Path) -> None:
    known = Operators().having("a1", "Anna Berg")

    with pytest.raises(BadgeTaken, match="Anna Berg"):
        known.having("A1", "Bo Lund")
    with pytest.raises(BadgeUnknown, match="is not known here") as told:
        known.find("\x1b[2J" + "x" * 500)
    assert told.value.what.isprintable()
    assert len(told.value.what) < 100
    assert known.without("A1").operators == ()
    with pytest.raises(BadgeUnknown):
        known.without("b2")


@pytest.mark.parametrize(
    ("badge", "name"), [("", "x"), ("a b\n", "x"), ("ä", "x"), ("a", ""), ("a", "x\x1b"), ("a" * 41, "x")]
)
def test_what_no_badge_says_is_refused(badge: str, name: str) -> None:
    with pytest.raises(InputError):
        Operators().having(badge, name)


WRONG = {
    '[[operators]]\nbadge = "1"\n': ["operators[0].name", "(absent)"],
    '[[operators]]\nbadge = "1"\nname = "A"\n[[operators]]\nbadge = "1"\nname = "B"\n': ["there twice"],
    '[[operator]]\nbadge = "1"\nname = "A"\n': ["did you mean 'operators'?"],
    "[[operators]]\nbadge = 1\nname = 'A'\n": ["operators[0].badge"],
    '[pin]\nhash = "482915"\n': ["pin.hash"],
    "[pin\n": ["not TOML"],
}


@pytest.mark.parametrize("text", WRONG)
def test_mistakes_in_the_file_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / OPERATORS_FILE).write_text(text, encoding="utf-8")

    with pytest.raises(OperatorsFileInvalid) as told:
        load_operators(tmp_path)
    for word in WRONG[text]:
        assert word in told.value.what


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    save_operators(tmp_path, Operators().having("1", "Anna Berg"))
    before = (tmp_path / OPERATORS_FILE).read_bytes()

    with pytest.raises(OperatorsUnwritable):
        save_operators(tmp_path / "nowhere", Operators())
    assert (tmp_path / OPERATORS_FILE).read_bytes() == before
    assert (tmp_path / OPERATORS_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [OPERATORS_FILE]


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench() as made:
        yield made


def test_the_command_adds_lists_and_removes(bench: CliBench) -> None:
    assert "nobody yet" in bench.run("operator", "list").out
    assert bench.run("operator", "add", "OP:10023", "Anna Berg").code == 0
    taken = bench.run("operator", "add", "10023", "Bo Lund")
    assert (taken.code, "badge-taken" in taken.err) == (2, True)
    assert bench.run("operator", "list", "--json").observed("operator") == [
        {"badge": "10023", "name": "Anna Berg"}
    ]
    asked = bench.run("operator", "pin")
    assert (asked.code, "--credential" in asked.err) == (2, True)
    credential = bench.folder / "pin"
    credential.touch(mode=0o600)
    credential.write_text("482915\n", encoding="utf-8")
    done = bench.run("operator", "pin", "--credential", credential)
    assert (done.code, "482915" in done.out + done.err) == (0, False)
    assert load_operators(bench.folder).pin is not None
    assert bench.run("operator", "remove", "10023").code == 0
    left = load_operators(bench.folder)
    assert left.operators == ()
    assert left.pin is not None
