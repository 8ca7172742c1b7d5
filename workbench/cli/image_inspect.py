"""`workbench image inspect`: what an image says of itself."""

from __future__ import annotations

import typer

from workbench.cli import image_options as typed
from workbench.cli import options as opt
from workbench.cli import stdout, words
from workbench.cli.report import reporting


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(inspect)


def inspect(image: typed.Source, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Show an image's header and TLVs. Nothing of it is verified; `image verify` does that.

    \b
    Example:
      workbench image inspect app.img
    """
    from workbench.images import files
    from workbench.images.describe import describe
    from workbench.images.format import parse

    with reporting("image inspect", opt.Output(json=json, plain=plain)) as report:
        shown = describe(parse(files.read(image)))
        report.observe("image", shown)
        if json:
            return
        stdout.say(f"version   {shown['version']}")
        stdout.say(f"size      {words.size(shown['size_bytes'])}, payload {shown['image_bytes']} bytes")
        stdout.say(f"header    {shown['header_bytes']} bytes, flags {', '.join(shown['flags']) or 'none'}")
        if shown["load_address"]:
            stdout.say(f"loaded at {words.address(shown['load_address'])}")
        if shown["padding_bytes"]:
            stdout.say(f"padded    with {shown['padding_bytes']} bytes")
        rows = [
            [tlv["name"], "protected" if tlv["protected"] else "", str(tlv["bytes"]), _short(tlv["value"])]
            for tlv in shown["tlvs"]
        ]
        stdout.table(["TLV", "area", "bytes", "value"], rows, plain=plain)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:64]}…"
