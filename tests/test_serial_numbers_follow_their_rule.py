"""Serial numbers follow the rule of their lot; what does not is refused with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.identity.labels import fits_certificate
from workbench.station.lots.check_digits import CHECKS, CheckKind, expanded, holds
from workbench.station.lots.errors import SerialWrongFormat
from workbench.station.lots.serials import SerialRule

CHECKED: list[CheckKind] = ["luhn", "mod97", "damm"]
PREFIXES = st.text("ABCXYZabc019-./", max_size=8)
RULES = st.builds(
    lambda prefix, first, count, check: SerialRule(
        "range", prefix=prefix, first=first, last=first + count, digits=len(str(first + count)), check=check
    ),
    PREFIXES,
    st.integers(0, 10**9),
    st.integers(0, 10**5),
    st.sampled_from(["none", *CHECKED]),
)


@pytest.mark.parametrize(
    ("check", "body", "digits"),
    [
        ("luhn", "7992739871", "3"),
        ("luhn", "US037833100", "5"),  # ISO 6166: letters count as two digits
        ("damm", "572", "4"),
        ("mod97", "794", "44"),  # ISO/IEC 7064
        ("none", "572", ""),
    ],
)
def test_check_digits_are_those_of_the_standards(check: CheckKind, body: str, digits: str) -> None:
    assert CHECKS[check].digits(body) == digits
    assert holds(check, body + digits)


@pytest.mark.parametrize("check", CHECKED)
@given(body=st.text("0123456789", min_size=1, max_size=20), place=st.integers(0, 99), other=st.integers(1, 9))
def test_one_wrong_digit_is_always_found(check: CheckKind, body: str, place: int, other: int) -> None:
    serial = body + CHECKS[check].digits(body)
    place %= len(serial)
    wrong = serial[:place] + str((int(serial[place]) + other) % 10) + serial[place + 1 :]
    assert holds(check, serial)
    assert not holds(check, wrong)


@pytest.mark.parametrize("check", ["mod97", "damm"])
@given(body=st.text("0123456789", min_size=2, max_size=20), place=st.integers(0, 99))
def test_two_exchanged_neighbours_are_always_found(check: CheckKind, body: str, place: int) -> None:
    place %= len(body) - 1
    swapped = body[:place] + body[place + 1] + body[place] + body[place + 2 :]
    assert holds(check, swapped + CHECKS[check].digits(body)) == (swapped == body)


@given(rule=RULES, position=st.integers(0, 10**5))
def test_every_number_of_a_range_is_itself_again(rule: SerialRule, position: int) -> None:
    count = rule.count
    assert count is not None
    serial = rule.serial(position % count)
    if fits_certificate(serial):
        assert rule.verify(serial) == serial
        assert rule.verify(f" {serial.swapcase()} ") == serial
        assert rule.position(serial) == position % count


@given(rule=RULES, text=st.text(max_size=80))
def test_whatever_is_taken_is_a_number_of_the_range(rule: SerialRule, text: str) -> None:
    found = None
    with suppress(SerialWrongFormat):
        found = rule.verify(text)
    if found is not None:
        position = rule.position(found)
        assert position is not None
        assert rule.serial(position) == found


RANGE = SerialRule("range", prefix="SN-", first=1, last=500, digits=4, check="damm")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SN-00019", "check digit"),
        ("SN-0501" + CHECKS["damm"].digits("SN-0501"), "SN-00018 to SN-05009"),
        ("SX-00018", "SN-00018 to SN-05009"),
        ("SN-18", "SN-00018 to"),
        ("SN-00018 SN-00026", "SN-00018 to"),
        ("SN-٠٠٠١٨", "letters, digits"),
        ("SN-000\x1b18", "letters, digits"),
        ("", "1 to 64"),
        ("S" * 65, "1 to 64"),
    ],
)
def test_a_wrong_number_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(SerialWrongFormat) as caught:
        RANGE.verify(text)
    assert why in caught.value.what
    assert caught.value.action


def test_a_list_takes_its_own_only() -> None:
    rule = SerialRule("list", serials=("A-1", "B-2"))
    assert rule.verify("b-2") == "B-2"
    assert (rule.position("a-1"), rule.count) == (0, 2)
    with pytest.raises(SerialWrongFormat, match="not in the list"):
        rule.verify("C-3")


def test_scanned_ones_must_look_as_the_rule_says() -> None:
    rule = SerialRule("scanned", prefix="K7", pattern=r"K7-\d{4}", check="luhn")
    good = "K7-001" + CHECKS["luhn"].digits("K7-001")
    assert rule.verify(good) == good
    assert rule.position(good) is None
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    for text, why in ((f"X{good}", "begin with K7"), (f"{good}9", "look like"), (wrong, "check digit")):
        with pytest.raises(SerialWrongFormat, match=why):
            rule.verify(text)


def test_a_rule_gives_nothing_outside_itself() -> None:
    for rule, position in ((RANGE, 500), (RANGE, -1), (SerialRule("scanned"), 0)):
        with pytest.raises(IndexError):
            rule.serial(position)


def test_only_letters_and_digits_count_for_a_check_digit() -> None:
    assert expanded("a-1/Z é") == "10135"
    assert not holds("damm", "-0")  # nothing before it
