"""A scan of a label says exactly what was printed, or it is refused."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from workbench.identity.labels import compared, fits_certificate
from workbench.station.labels.errors import LabelSerialUnfit, LabelUnreadable
from workbench.station.labels.payload import (
    MAX_PAYLOAD,
    Label,
    check_digits,
    is_label,
    label_of,
    parse_label,
    payload,
    short_fingerprint,
)
from workbench.station.steps.scan_label import _again

PRINTABLE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"
serials = st.text(PRINTABLE, min_size=1, max_size=64).filter(fits_certificate)
hashes = st.one_of(st.just(""), st.text("0123456789abcdefABCDEF", min_size=12, max_size=64))


@given(serials, hashes)
def test_what_is_printed_is_what_is_read(serial: str, fingerprint: str) -> None:
    label = label_of(serial, fingerprint)

    assert parse_label(payload(label)) == label
    assert label == Label(serial, fingerprint[:12].upper(), label.check)
    assert is_label(payload(label))
    assert not is_label(serial)
    assert len(payload(label)) <= MAX_PAYLOAD


@given(serials, hashes)
def test_caps_lock_makes_no_other_unit(serial: str, fingerprint: str) -> None:
    label = label_of(serial, fingerprint)
    read = parse_label(payload(label).swapcase())

    assert compared(read.serial) == compared(serial)
    assert (read.fingerprint, read.check) == (label.fingerprint, label.check)


@given(serials, hashes, st.data())
def test_one_wrong_character_is_refused(serial: str, fingerprint: str, data: st.DataObject) -> None:
    text = payload(label_of(serial, fingerprint))
    at = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.characters(min_codepoint=1, max_codepoint=0x2FF))
    assume(wrong.casefold() != text[at].casefold())

    with pytest.raises(LabelUnreadable):
        parse_label(text[:at] + wrong + text[at + 1 :])


@given(serials, hashes, st.data())
def test_two_neighbours_exchanged_are_refused(serial: str, fingerprint: str, data: st.DataObject) -> None:
    text = payload(label_of(serial, fingerprint))
    at = data.draw(st.integers(0, len(text) - 2))
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assume(" ".join(swapped.split()).casefold() != " ".join(text.split()).casefold())

    with pytest.raises(LabelUnreadable):
        parse_label(swapped)


@given(st.text(max_size=300))
@example("")
@example("**")
@example("A**")
@example("*0A1B2C3D4E5F*00")
@example("A*0A1B2C3D4E5F*00*")
@example(payload(label_of("A1"))[:-1] + "٣")
def test_any_text_is_a_label_or_is_refused(text: str) -> None:
    refused, label = None, None
    try:
        label = parse_label(text)
    except LabelUnreadable as error:
        refused = error.what

    if label is not None:
        assert label == label_of(label.serial, label.fingerprint)
    else:
        assert refused is not None
        assert refused.isprintable()
        assert len(refused) < 200


@given(serials, hashes)
def test_two_labels_in_one_scan_are_refused(serial: str, fingerprint: str) -> None:
    text = payload(label_of(serial, fingerprint))

    with pytest.raises(LabelUnreadable):
        parse_label(text + text)
    with pytest.raises(LabelUnreadable):
        parse_label(f"{text}\n{text}")


@pytest.mark.parametrize("serial", ["", " A", "A ", "A*B", "Ä1", "A\x1b[2J", "A\n", "x" * 65])
def test_a_serial_number_that_no_certificate_has_gets_no_label(serial: str) -> None:
    with pytest.raises(LabelSerialUnfit):
        label_of(serial)


@pytest.mark.parametrize("fingerprint", ["0a1b", "x" * 12, "0a1b2c3d4e5f\n", "0A:1B:2C:3D:4E:5F"])
def test_what_is_no_fingerprint_gets_no_label(fingerprint: str) -> None:
    with pytest.raises(LabelSerialUnfit):
        short_fingerprint(fingerprint)


def test_check_digits_by_hand() -> None:
    """ "A1*" is 33, 17, 10 in two digits each: 98 minus 33171000 modulo 97."""
    assert check_digits("A1", "") == f"{98 - 33171000 % 97:02d}"
    assert check_digits("a1", "") == check_digits("A1", "")


def test_the_bar_code_of_the_serial_number_is_told_from_a_foreign_label() -> None:
    assert "serial number alone" in _again(" ab-0001", "AB-0001")
    assert "no label of this workbench" in _again("AB-0002", "AB-0001")
