"""`workbench label`: labels of units, as files, on paper, and what a scan of one says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.station.labels.layout import LabelLayout
    from workbench.station.labels.payload import Label

app = new_app(help="Show, print and read the labels of units.", no_args_is_help=True)

Serial = Annotated[str, typer.Argument(metavar="SERIAL", help="Serial number of the unit.")]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        "--fingerprint",
        metavar="HEX",
        help="SHA-256 of the unit's public key, or its first 12 digits. Default: a label without one.",
        show_default=False,
    ),
]
Layout = Annotated[
    Path | None,
    typer.Option(
        "--layout",
        metavar="FILE",
        help="Recipe, lot or other TOML file with a table [label]. Default: 40 x 15 mm.",
        show_default=False,
    ),
]
Model = Annotated[str, typer.Option("--model", metavar="TEXT", help="Model that stands on the label.")]
Lot = Annotated[str, typer.Option("--lot", metavar="TEXT", help="Lot that stands on the label.")]


@app.command()
def show(
    serial: Serial,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="File to write: .png, .svg or .zpl."),
    ] = None,
    fingerprint: Fingerprint = None,
    layout: Layout = None,
    model: Model = "",
    lot: Lot = "",
    dpi: Annotated[
        int | None,
        typer.Option("--dpi", min=150, max=1200, help="Of the printer. Default: as the layout says."),
    ] = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Say what stands on a unit's label and whether it fits; write it to a file.

    \b
    Examples:
      workbench label show SN-000123
      workbench label show SN-000123 --layout gateway.toml --out label.png
    """
    from workbench.cli.read import write_file
    from workbench.station.labels.payload import label_of, payload
    from workbench.station.labels.printing import placed, rendered

    with reporting("label show", opt.Output(json=json, plain=plain)) as report:
        form = _form(out) if out is not None else None
        label = label_of(serial, fingerprint)
        placement = placed(_layout(layout), label, model=model, lot=lot, dpi=dpi)
        value = _value(label) | {
            "payload": payload(label),
            "width_mm": round(placement.width * 25.4 / placement.dpi, 1),
            "height_mm": round(placement.height * 25.4 / placement.dpi, 1),
            "dpi": placement.dpi,
            "module_mm": round(placement.module * 25.4 / placement.dpi, 3),
            "lines": [text.text for text in placement.texts],
        }
        if out is not None and form is not None:
            write_file(out, rendered(placement, form))
            value["file"] = str(out)
        report.observe("label", value)
        if not json:
            _say(value, plain)


@app.command("print")
def print_(
    serial: Serial,
    fingerprint: Fingerprint = None,
    layout: Layout = None,
    model: Model = "",
    lot: Lot = "",
    bench: opt.Bench = None,
    json: opt.Json = False,
) -> None:
    """Print a unit's label once more, with the printer of station.toml.

    In production a recipe's step prints it, once the unit's certificate is issued.

    \b
    Example:
      workbench label print SN-000123 --fingerprint 0a1b2c3d4e5f --layout gateway.toml
    """
    from workbench.cli.target import bench_folder
    from workbench.station.labels.errors import LabelPrinterMissing
    from workbench.station.labels.payload import label_of
    from workbench.station.labels.printing import print_label
    from workbench.station.station_file import load_station

    with reporting("label print", opt.Output(json=json)) as report:
        folder = bench_folder(bench)
        printer = load_station(folder).printer
        if printer is None:
            raise LabelPrinterMissing("this station has no label printer")
        label = label_of(serial, fingerprint)
        printed = print_label(printer, _layout(layout), label, model=model, lot=lot, bench_folder=folder)
        value = _value(label) | {"where": printed.where, "bytes": printed.size_bytes}
        report.observe("label-printed", value)
        if not json:
            stdout.say(f"label of {label.serial}: {printed.size_bytes} bytes to {printed.where}")


@app.command()
def read(
    scan: Annotated[str, typer.Argument(metavar="SCAN", help="What the scanner typed.")],
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Say what a scanned label says; refuse one that is not ours or was damaged.

    \b
    Example:
      workbench label read 'SN-000123*0A1B2C3D4E5F*83'
    """
    from workbench.station.labels.payload import parse_label

    with reporting("label read", opt.Output(json=json, plain=plain)) as report:
        value = _value(parse_label(scan))
        report.observe("label", value)
        if not json:
            _say(value, plain)


def _layout(path: Path | None) -> LabelLayout:
    from workbench.station.labels.layout import LabelLayout, load_layout

    return LabelLayout() if path is None else load_layout(path)


def _form(out: Path) -> Literal["png", "svg", "zpl"]:
    from workbench.errors import InputError

    match out.suffix.lower():
        case ".png":
            return "png"
        case ".svg":
            return "svg"
        case ".zpl":
            return "zpl"
    raise InputError(
        f"{out} is no name of a label file",
        cause="the form follows from the end of the name",
        action="use a name that ends with .png, .svg or .zpl",
    )


def _value(label: Label) -> dict[str, Any]:
    return {"serial": label.serial, "fingerprint": label.fingerprint, "check": label.check}


def _say(value: dict[str, Any], plain: bool) -> None:
    rows = [[name, _cell(item)] for name, item in value.items()]
    stdout.table(["what", "value"], rows, plain=plain)


def _cell(item: Any) -> str:
    return " / ".join(item) if isinstance(item, list) else str(item)
