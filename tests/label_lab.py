"""Reads labels back by other means: another implementation of the symbols, and a small printer for ZPL."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from xml.etree import ElementTree

import zxingcpp
from PIL import Image, ImageDraw

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Field:
    """A text field of a ZPL label: corner and size in dots, font, text as the printer would print it."""

    x: int
    y: int
    height: int
    width: int
    font: str
    text: str


@dataclass(frozen=True)
class Sheet:
    """What a printer makes of ZPL: the graphics as a picture, the text fields."""

    image: Image.Image
    fields: tuple[Field, ...]


def symbols_in(image: Image.Image) -> list[str]:
    """The texts of all symbols that are found in a picture."""
    grey = image.convert("L")
    return [found.text for found in zxingcpp.read_barcodes(grey)]


def png_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def svg_image(data: bytes) -> Image.Image:
    """The symbol of one of our SVG labels, drawn at one pixel for each unit of its view box."""
    root = ElementTree.fromstring(data)
    _x, _y, width, height = (int(number) for number in root.attrib["viewBox"].split())
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    path = root.find(f"{SVG}path")
    assert path is not None
    for part in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-\d+z", path.attrib["d"]):
        x, y, run, side = (int(number) for number in part)
        draw.rectangle((x, y, x + run - 1, y + side - 1), fill=0)
    return image


def zpl_sheet(data: bytes) -> Sheet:
    """Obeys the commands that our labels use; fails on any other one, and on a dot outside the label."""
    text = data.decode("ascii")
    assert text.startswith("^XA")
    assert text.rstrip().endswith("^XZ")
    width, height = (int(_only(rf"\^{name}(\d+)", text)) for name in ("PW", "LL"))
    image = Image.new("L", (width, height), 255)
    fields = []
    known = r"\^(XA|XZ|PW\d+|LL\d+|LH0,0|PQ1|FO\d+,\d+|GFA,[\dA-F,]+|A[ADFG]N,\d+,\d+|FH|FD[^^~]*|FS)"
    assert re.sub(known, "", text).strip() == "", re.sub(known, "", text)
    for x, y, rest in re.findall(r"\^FO(\d+),(\d+)(.*?)\^FS", text):
        if graphic := re.fullmatch(r"\^GFA,(\d+),(\d+),(\d+),([0-9A-F]+)", rest):
            _put(image, int(x), int(y), graphic)
        else:
            fields.append(_field(int(x), int(y), rest))
    return Sheet(image, tuple(fields))


def _put(image: Image.Image, left: int, top: int, graphic: re.Match[str]) -> None:
    total, again, row_bytes = (int(graphic[i]) for i in (1, 2, 3))
    data = bytes.fromhex(graphic[4])
    assert total == again == len(data)
    for index, byte in enumerate(data):
        for bit in range(8):
            if byte >> (7 - bit) & 1:
                image.putpixel((left + index % row_bytes * 8 + bit, top + index // row_bytes), 0)


def _field(x: int, y: int, rest: str) -> Field:
    parts = re.fullmatch(r"\^A([ADFG])N,(\d+),(\d+)\^FH\^FD([^^~]*)", rest)
    assert parts is not None, rest
    printed = re.sub(r"_([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), parts[4])
    return Field(x, y, int(parts[2]), int(parts[3]), parts[1], printed)


def _only(pattern: str, text: str) -> str:
    (found,) = re.findall(pattern, text)
    return str(found)
