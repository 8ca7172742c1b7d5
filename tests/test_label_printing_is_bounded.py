"""A label is printed, or it is said why not: within its time, by a command without a shell or to a folder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_bench import CliBench, cli_bench
from tests.label_lab import png_image, symbols_in, zpl_sheet
from workbench.errors import Blame
from workbench.station.labels.errors import LabelDoesNotFit, LabelPrintFailed
from workbench.station.labels.layout import LabelLayout
from workbench.station.labels.payload import label_of, payload
from workbench.station.labels.printing import Printed, file_name, print_label
from workbench.station.station_file import Printer

LABEL = label_of("SN-1/2", "0a1b2c3d4e5f")


def printed(printer: Printer, folder: Path, layout: LabelLayout | None = None) -> Printed:
    return print_label(printer, layout or LabelLayout(), LABEL, model="GW-4", bench_folder=folder)


def python(folder: Path, program: str, **more: float) -> Printer:
    """A printer's command that is a Python program."""
    path = folder / "printer.py"
    path.write_text(program, encoding="utf-8")
    return Printer.model_validate({"command": f"'{sys.executable}' '{path}' 'a;b $HOME'", **more})


def test_a_command_gets_the_label_on_its_input_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = (
        "import sys\nassert sys.argv[1:] == ['a;b $HOME']\n"
        f"open({str(out)!r}, 'wb').write(sys.stdin.buffer.read())\n"
    )
    done = printed(python(tmp_path, program), tmp_path)

    assert symbols_in(zpl_sheet(out.read_bytes()).image) == [payload(LABEL)]
    assert done.size_bytes == out.stat().st_size


@pytest.mark.parametrize("form", ["png", "svg", "zpl"])
def test_a_folder_gets_a_file_for_each_serial_number(form: str, tmp_path: Path) -> None:
    printer = Printer.model_validate({"folder": "to print", "format": form, "dpi": 300})
    printed(printer, tmp_path)
    done = printed(printer, tmp_path)  # once more, in its place

    assert done.path == tmp_path / "to print" / f"SN-1%2F2.{form}"
    assert [path.name for path in (tmp_path / "to print").iterdir()] == [f"SN-1%2F2.{form}"]
    if form == "png":
        assert round(png_image(done.path.read_bytes()).info["dpi"][0]) == 300


def test_file_names_lead_nowhere_else() -> None:
    names = [file_name(serial, "zpl") for serial in ("../../x", "..", ".", "a/b", "a%2Fb", "A", ".profile")]

    assert len(set(names)) == len(names)
    assert all("/" not in name and not name.startswith(".") for name in names)


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    program = "import sys\nsys.stdin.read()\nsys.exit('x' * 9000 + 'out of \\x1b[31mlabels\\n')\n"

    with pytest.raises(LabelPrintFailed, match=r"failed with 1: x+out of labels$") as told:
        printed(python(tmp_path, program), tmp_path)
    assert told.value.blame is Blame.STATION
    assert len(told.value.what) < 500


@pytest.mark.parametrize("command", ["/nowhere/lp", "."])
def test_a_command_that_does_not_start_says_why(command: str, tmp_path: Path) -> None:
    with pytest.raises(LabelPrintFailed, match="cannot be started"):
        printed(Printer(command=command), tmp_path)


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """It never reads, and its child keeps standard error open."""
    ids = tmp_path / "ids"
    program = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(ids)!r} + '.new', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(ids)!r} + '.new', {str(ids)!r})\n"
        "time.sleep(600)\n"
    )

    with pytest.raises(LabelPrintFailed, match="did not end within 2 s"):
        printed(python(tmp_path, program, timeout_s=2.0), tmp_path)
    for process in ids.read_text(encoding="utf-8").split():
        wait_for_end(int(process))


def wait_for_end(process: int) -> None:
    """Until it is gone, or dead and not yet collected by whoever adopted it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
        except OSError:
            return
        if stat.rpartition(")")[2].split()[0] in "ZX":
            return
        os.sched_yield()
    raise AssertionError(f"process {process} still runs")


def test_a_folder_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a file in the way", encoding="utf-8")

    with pytest.raises(LabelPrintFailed, match="cannot be written"):
        printed(Printer(folder="labels"), tmp_path)


def test_what_does_not_fit_never_reaches_the_printer(tmp_path: Path) -> None:
    with pytest.raises(LabelDoesNotFit):
        printed(Printer(folder="labels"), tmp_path, LabelLayout(width_mm=8, height_mm=8))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench() as made:
        yield made


def test_the_command_shows_prints_and_reads(bench: CliBench) -> None:
    out = bench.folder / "label.png"
    shown = bench.run("label", "show", "SN-7", "--fingerprint", "0a1b2c3d4e5f", "--out", out, "--json")
    (value,) = shown.observed("label")
    assert symbols_in(png_image(out.read_bytes())) == [value["payload"]]

    read = bench.run("label", "read", value["payload"])
    assert read.code == 0
    assert "SN-7" in read.out
    tampered = bench.run("label", "read", value["payload"].replace("SN-7", "SN-8"))
    assert (tampered.code, "label-unreadable" in tampered.err) == (2, True)

    missing = bench.run("label", "print", "SN-7")
    assert (missing.code, "label-printer-missing" in missing.err) == (2, True)
    (bench.folder / "station.toml").write_text('[printer]\nfolder = "labels"\n', encoding="utf-8")
    assert bench.run("label", "print", "SN-7").code == 0
    assert (bench.folder / "labels" / "SN-7.zpl").exists()
    refused = bench.run("label", "show", "SN-7", "--out", "label.pdf")
    assert (refused.code, ".png, .svg or .zpl" in refused.err) == (2, True)
