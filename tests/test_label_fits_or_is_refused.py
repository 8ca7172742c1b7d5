"""Nothing of a label lies beyond its edge: what does not fit is refused, with what would be needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.label_lab import png_image
from workbench.station.labels.errors import LabelDoesNotFit, LabelLayoutInvalid, LabelTextUnprintable
from workbench.station.labels.layout import LabelLayout, Line, layout_of, load_layout
from workbench.station.labels.payload import label_of
from workbench.station.labels.placing import MIN_MODULE_MM, MIN_TEXT_MM, Placement, place
from workbench.station.labels.printing import placed, rendered
from workbench.station.labels.symbols import QUIET, Modules, modules_of

layouts = st.builds(
    LabelLayout,
    width_mm=st.floats(5, 120),
    height_mm=st.floats(5, 60),
    symbol=st.sampled_from(["qr", "datamatrix"]),
    symbol_mm=st.floats(3, 60),
    dpi=st.sampled_from([150, 203, 300, 600]),
    margin_mm=st.floats(0, 4),
)
lines = st.lists(
    st.tuples(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1), st.floats(1, 12)),
    max_size=6,
)
sizes = st.builds(
    lambda size, quiet: Modules(tuple((True,) * size for _ in range(size)), quiet),
    st.integers(10, 60),
    st.sampled_from(sorted(QUIET.values())),
)


def verify_inside(placement: Placement, layout: LabelLayout) -> None:
    """Everything lies on the label, apart from everything else, and large enough to be read."""
    mm = 25.4 / placement.dpi
    quiet, side = placement.modules.quiet * placement.module, placement.modules.size * placement.module
    margin = layout.margin_mm / mm
    assert placement.width * mm <= layout.width_mm + 1e-6
    assert placement.height * mm <= layout.height_mm + 1e-6
    assert placement.symbol_x - quiet >= margin - 1e-6
    assert placement.symbol_y - quiet >= margin - 1e-6
    assert placement.symbol_x + side + quiet <= placement.width - margin + 1e-6
    assert placement.symbol_y + side + quiet <= placement.height - margin + 1e-6
    assert placement.module * mm >= MIN_MODULE_MM - 1e-6
    below = 0.0
    for text in placement.texts:
        assert text.x >= placement.symbol_x + side + quiet
        assert text.x + text.width <= placement.width - margin + 1e-6
        assert max(below, margin - 1e-6) <= text.y
        below = text.y + text.height
        assert below <= placement.height - margin + 1e-6
        assert text.height * mm >= MIN_TEXT_MM - 1e-6
        assert text.height == text.font.height * text.times
        assert text.width == len(text.text) * (text.font.width + text.font.gap) * text.times


@settings(max_examples=300, deadline=None)
@given(layouts, sizes, lines)
def test_a_label_lies_within_its_edges_or_is_refused(
    layout: LabelLayout, modules: Modules, texts: list[tuple[str, float]]
) -> None:
    try:
        placement = place(layout, modules, texts)
    except LabelDoesNotFit as error:
        needs, has = (float(n) for n in re.findall(r"(-?\d+\.\d) mm", error.what)[-2:])
        assert has <= needs
    else:
        verify_inside(placement, layout)


@pytest.mark.parametrize("dpi", [203, 300, 600])
def test_no_dot_is_black_where_nothing_was_placed(dpi: int) -> None:
    """Letters of the picture stay within the boxes that the printer's own letters fill."""
    layout = LabelLayout(
        lines=(Line(text="{serial}"), Line(text="WWWWWWWW"), Line(text="@gjy{{|}}"), Line(text="{model}"))
    )
    placement = placed(layout, label_of("WW-88888"), model="(Q) %&$#", dpi=dpi)
    image = png_image(rendered(placement, "png")).convert("L")
    side = placement.modules.size * placement.module
    boxes = [(placement.symbol_x, placement.symbol_y, side, side)]
    boxes += [(text.x, text.y, text.width, text.height) for text in placement.texts]
    for x, y, width, height in boxes:
        assert 0 in image.crop((x, y, x + width, y + height)).tobytes()
        image.paste(255, (x, y, x + width, y + height))

    assert set(image.tobytes()) == {255}


def test_a_symbol_that_is_too_large_says_how_much_room_it_needs() -> None:
    label = label_of("X" * 64, "0a1b2c3d4e5f")
    layout = LabelLayout(width_mm=40, height_mm=15, symbol="qr", symbol_mm=9.0, lines=())

    with pytest.raises(LabelDoesNotFit, match=r"the symbol needs (\d+\.\d) mm and has 8\.\d mm") as told:
        placed(layout, label)
    needs = float(re.findall(r"needs (\d+\.\d)", told.value.what)[0])
    placed(LabelLayout(width_mm=60, height_mm=40, symbol="qr", symbol_mm=needs + 0.1, lines=()), label)


def test_a_line_that_is_too_long_is_named() -> None:
    with pytest.raises(LabelDoesNotFit, match=r"the line 'A{60}' needs \d+\.\d mm at its smallest and has"):
        placed(LabelLayout(), label_of("A" * 60))


def test_too_many_lines_are_refused() -> None:
    layout = LabelLayout(height_mm=12, lines=(Line(text="{serial}", height_mm=4),) * 4)

    with pytest.raises(LabelDoesNotFit, match=r"4 lines of text need \d+\.\d mm of height and have 9\.\d mm"):
        placed(layout, label_of("A1"))


@pytest.mark.parametrize("model", ["Gerät", "a\x1b[2J", "a\nb", "a\x00", "\u202eabc", "^XA\x07"])
def test_what_printers_do_not_print_is_refused(model: str) -> None:
    with pytest.raises(LabelTextUnprintable) as told:
        placed(LabelLayout(), label_of("A1"), model=model)
    assert told.value.what.isprintable()


def test_lines_that_are_empty_take_no_room() -> None:
    layout = LabelLayout(lines=(Line(text="{serial}"), Line(text="{fingerprint}"), Line(text="{lot}")))

    assert [text.text for text in placed(layout, label_of("A1")).texts] == ["A1"]


def test_without_text_the_symbol_may_have_the_whole_label() -> None:
    layout = LabelLayout(width_mm=10, height_mm=10, symbol_mm=10, margin_mm=0.5, lines=())
    placement = placed(layout, label_of("A1"), dpi=300)

    assert placement.module == 106 // modules_of("datamatrix", "A1**61").whole


WRONG = {
    "width_mm = 3.0": ["label.width_mm", "a width in mm, 5 to 200"],
    'symbol = "qrcode"': ["label.symbol", "qr", "datamatrix"],
    'lines = ["{serail}"]': ["label.lines[0]", "{serail}", "did you mean 'serial'?"],
    'lines = ["{serial!r}"]': ["label.lines[0]", "alone"],
    'lines = ["{serial.x}"]': ["label.lines[0]", "unknown field"],
    'lines = ["{serial:>9}"]': ["label.lines[0]", "alone"],
    'lines = ["{serial"]': ["label.lines[0]", "fields"],
    'lines = ["Gerät"]': ["label.lines[0]", "ASCII"],
    'lines = [{ text = "A", hight_mm = 2.0 }]': ["height_mm"],
    "dpi = 72": ["label.dpi", "150 to 1200"],
    "simbol_mm = 3.0": ["did you mean 'symbol_mm'?"],
}


@pytest.mark.parametrize("line", WRONG)
def test_mistakes_in_a_layout_are_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "lot.toml"
    path.write_text(f'[lot]\nid = "L7"\n[label]\n{line}\n', encoding="utf-8")

    with pytest.raises(LabelLayoutInvalid) as told:
        load_layout(path)
    assert str(path) in told.value.what
    for word in WRONG[line]:
        assert word in told.value.what


def test_a_layout_is_read_from_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('[recipe]\nname = "x"\n[label]\nsymbol = "qr"\nlines = ["{lot}"]\n', encoding="utf-8")

    assert load_layout(path) == LabelLayout(symbol="qr", lines=(Line(text="{lot}"),))
    assert layout_of({"symbol": "qr", "lines": ["{lot}"]}, path) == load_layout(path)
    assert layout_of(None, path) == LabelLayout()
    with pytest.raises(LabelLayoutInvalid, match=r"recipe\.toml: label\.symbol"):
        layout_of({"symbol": 3}, path)
