"""Another implementation reads our symbols from every form of a label, also after rough handling."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from tests.label_lab import SVG, png_image, svg_image, symbols_in, zpl_sheet
from workbench.identity.labels import fits_certificate
from workbench.station.labels.layout import LabelLayout, Symbol
from workbench.station.labels.payload import Label, label_of, payload
from workbench.station.labels.placing import Placement
from workbench.station.labels.printing import placed, rendered

LABEL = label_of("SN-2026-000123", "0a1b2c3d4e5f60718293")
EITHER = pytest.mark.parametrize("symbol", ["qr", "datamatrix"])
DPI = pytest.mark.parametrize("dpi", [203, 300])
PRINTABLE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"


def made(symbol: Symbol, dpi: int, label: Label = LABEL) -> Placement:
    layout = LabelLayout(symbol=symbol, symbol_mm=13.0)
    return placed(layout, label, model="GW-4 <&>^~_\\", lot="L7", dpi=dpi)


@EITHER
@DPI
def test_every_form_holds_the_same_symbol(symbol: Symbol, dpi: int) -> None:
    placement = made(symbol, dpi)
    wanted = [payload(LABEL)]

    png = png_image(rendered(placement, "png"))
    assert symbols_in(png) == wanted
    assert symbols_in(svg_image(rendered(placement, "svg"))) == wanted
    assert symbols_in(zpl_sheet(rendered(placement, "zpl")).image) == wanted


@EITHER
@DPI
def test_a_picture_prints_in_its_real_size(symbol: Symbol, dpi: int) -> None:
    placement = made(symbol, dpi)
    png = png_image(rendered(placement, "png"))

    assert png.mode == "1"
    assert [round(number) for number in png.info["dpi"]] == [dpi, dpi]
    assert png.width / dpi * 25.4 == pytest.approx(40, abs=25.4 / dpi)
    assert png.height / dpi * 25.4 == pytest.approx(15, abs=25.4 / dpi)
    root = ElementTree.fromstring(rendered(placement, "svg"))
    assert float(root.attrib["width"].removesuffix("mm")) == pytest.approx(40, abs=25.4 / dpi)


def handled(image: Image.Image) -> dict[str, Image.Image]:
    """A label as cameras see it: not straight, not sharp, not white."""
    grey = image.convert("L")
    wide = Image.new("L", (grey.width * 2, grey.height * 3), 255)
    wide.paste(grey, (grey.width // 2, grey.height))
    large = wide.resize((wide.width * 2, wide.height * 2), Image.Resampling.BICUBIC)
    return {
        "turned by 90": wide.rotate(90, expand=True),
        "turned by 180": wide.rotate(180),
        "turned by 7": large.rotate(7, fillcolor=255, resample=Image.Resampling.BICUBIC),
        "blurred": large.filter(ImageFilter.GaussianBlur(1.5)),
        "turned and blurred": large.rotate(-4, fillcolor=255, resample=Image.Resampling.BICUBIC).filter(
            ImageFilter.GaussianBlur(1)
        ),
        "faint": wide.point(lambda dot: 110 if dot == 0 else 200),
    }


@EITHER
@DPI
def test_rough_handling_does_not_hide_it(symbol: Symbol, dpi: int) -> None:
    seen = handled(png_image(rendered(made(symbol, dpi), "png")))

    assert [how for how, image in seen.items() if symbols_in(image) != [payload(LABEL)]] == []


@EITHER
def test_a_destroyed_symbol_is_not_read(symbol: Symbol) -> None:
    """The reader that the other tests rely on can say no."""
    placement = made(symbol, 203)
    image = png_image(rendered(placement, "png")).convert("L")
    side = placement.modules.size * placement.module
    middle = (placement.symbol_x, placement.symbol_y + side // 4)
    image.paste(255, (*middle, middle[0] + side, middle[1] + side // 2))

    assert symbols_in(image) == []


@settings(max_examples=40, deadline=None)
@given(
    st.text(PRINTABLE, min_size=1, max_size=64).filter(fits_certificate),
    st.sampled_from(["", "0a1b2c3d4e5f"]),
    st.sampled_from(["qr", "datamatrix"]),
)
def test_any_serial_number_is_read_back(serial: str, fingerprint: str, symbol: Symbol) -> None:
    label = label_of(serial, fingerprint)
    layout = LabelLayout(width_mm=30, height_mm=30, symbol=symbol, symbol_mm=28, lines=())
    image = png_image(rendered(placed(layout, label), "png"))

    assert symbols_in(image) == [payload(label)]


@DPI
def test_text_is_what_it_says_in_zpl_and_svg(dpi: int) -> None:
    placement = made("datamatrix", dpi)
    wanted = ["SN-2026-000123", "0A1B 2C3D 4E5F", f"GW-4 <&>^~_\\  {LABEL.check}"]

    sheet = zpl_sheet(rendered(placement, "zpl"))
    root = ElementTree.fromstring(rendered(placement, "svg"))

    assert [field.text for field in sheet.fields] == wanted
    assert [text.text for text in root.iter(f"{SVG}text")] == wanted
    assert [(field.x, field.y) for field in sheet.fields] == [(text.x, text.y) for text in placement.texts]
