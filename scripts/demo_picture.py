"""Runs the demo on a recording terminal and saves what it showed as SVG: `python -m scripts.demo_picture`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Final

from rich.console import Console

from workbench.cli.demo_face import LiveDemo
from workbench.station.demo import FIRMWARE, TARGET, carry_out, find_images, make_bench
from workbench.station.places import journal_dir
from workbench.station.run import Run

SEED: Final = 7
COLUMNS: Final = 84
TITLE: Final = "workbench demo"


def record(folder: Path, columns: int) -> Console:
    """A console that has recorded a demo in `folder`; its moving parts leave no trace."""
    console = Console(
        file=io.StringIO(),
        record=True,
        width=columns,
        force_terminal=True,
        color_system="truecolor",
        markup=False,
    )
    bench = make_bench(folder / "demo-bench")
    face = LiveDemo(console, moving=False)
    run = Run.begin(
        "demo", target=TARGET, journal_dir=journal_dir(bench.folder), records=None, listeners=[face]
    )
    with run:
        carry_out(run, bench, find_images(FIRMWARE), SEED)
    return console


def picture(console: Console) -> str:
    """The SVG; its names do not change from run to run, and it loads no font from anywhere."""
    svg = console.export_svg(title=TITLE, unique_id="demo")
    return re.sub(r"\s*(@font-face \{[^}]*\}|<!--.*?-->)", "", svg)


def main() -> None:
    """Arguments: the file to write, and a folder for the bench."""
    output, folder = Path(sys.argv[1]), Path(sys.argv[2])
    output.write_text(picture(record(folder, COLUMNS)), encoding="utf-8")


if __name__ == "__main__":
    main()
