"""A placed label as a PNG of one bit per dot; its resolution stands in the file, so it prints in its size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from workbench.station.labels.placing import PlacedText, Placement

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_ALL: Final = "".join(map(chr, range(33, 127)))
"""The highest and the lowest letters are among these."""


def png(placement: Placement) -> bytes:
    """The label as PNG."""
    file = io.BytesIO()
    image(placement).save(file, "PNG", dpi=(placement.dpi, placement.dpi))
    return file.getvalue()


def image(placement: Placement) -> Image:
    """The label as a picture, black on white."""
    from PIL import Image, ImageDraw

    made = Image.new("1", (placement.width, placement.height), 1)
    draw = ImageDraw.Draw(made)
    draw.fontmode = "1"
    side = placement.module
    for row, cells in enumerate(placement.modules.rows):
        for column, dark in enumerate(cells):
            if dark:
                x, y = placement.symbol_x + column * side, placement.symbol_y + row * side
                draw.rectangle((x, y, x + side - 1, y + side - 1), fill=0)
    for text in placement.texts:
        _write(draw, text)
    return made


def _write(draw: ImageDraw, text: PlacedText) -> None:
    """The line in the largest letters that stay within its box, on the line that its capitals stand on."""
    from PIL import ImageFont

    for size in range(text.height * 2, 3, -1):
        font = ImageFont.load_default(size)
        _, top, _, bottom = font.getbbox(_ALL)
        left, _, right, _ = font.getbbox(text.text)
        if bottom - top <= text.height and right - left <= text.width:
            draw.text((text.x - left, text.y - top), text.text, fill=0, font=font)
            return
