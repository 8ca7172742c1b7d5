"""A build gives the same bytes anywhere, does no work twice, keeps its budgets, and has a build ID."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.firmware_emulator import BUILD_ID_OFFSET, SOURCES, VERSIONS, built_samples, make

IMAGES = [f"{name}/{name}.{kind}" for name in sorted(VERSIONS) for kind in ("elf", "hex", "bin")]


def copy_of_sources(folder: Path) -> Path:
    return Path(shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("build")))


def images(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in IMAGES}


def times(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in IMAGES}


def test_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    first = copy_of_sources(tmp_path / "first")
    second = copy_of_sources(tmp_path / "some where" / "else, far down" / "second")
    env = {
        "TZ": "Asia/Kolkata",
        "LC_ALL": "C.UTF-8",
        "VERSION": "9.9.9",
        "CFLAGS": "-O0",
        "CPATH": str(tmp_path),
    }
    for folder, variables in ((first, {}), (second, env)):
        done = make(folder, env=variables)
        assert done.returncode == 0, done.stdout
    assert images(first / "build") == images(second / "build") == images(built_samples())


def test_a_second_make_changes_nothing_and_a_change_reaches_every_image(tmp_path: Path) -> None:
    folder = copy_of_sources(tmp_path / "sources")
    assert make(folder).returncode == 0
    before = times(folder / "build")
    again = make(folder)
    assert times(folder / "build") == before
    assert not [line for line in again.stdout.splitlines() if line.startswith("  ")]
    header = folder / "common" / "line.h"
    header.write_text(header.read_text().replace("LINE_MAX_BYTES 256", "LINE_MAX_BYTES 255"))
    contents = images(folder / "build")
    assert make(folder).returncode == 0
    assert not [name for name, content in images(folder / "build").items() if content == contents[name]]


def test_version_is_in_the_image_and_changes_its_build_id(tmp_path: Path) -> None:
    name = "hello-mps2/hello-mps2.bin"
    assert make(SOURCES, f"BUILD={tmp_path}", "VERSION=7.8.9", f"{tmp_path}/{name}").returncode == 0
    other, usual = (tmp_path / name).read_bytes(), (built_samples() / name).read_bytes()
    assert b"7.8.9" in other
    assert other[BUILD_ID_OFFSET : BUILD_ID_OFFSET + 20] != usual[BUILD_ID_OFFSET : BUILD_ID_OFFSET + 20]


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("PROGRAM_LIMIT=1500", "over its size budget"),
        ("RAM_LIMIT=2000", "over its RAM budget"),
        ("VERSION=1.0 beta", "a version is"),
        ("CROSS=no-such-", "no-such-gcc is missing"),
    ],
)
def test_a_build_that_must_not_be_is_refused(tmp_path: Path, setting: str, complaint: str) -> None:
    done = make(SOURCES, f"BUILD={tmp_path}", setting, f"{tmp_path}/hello-mps2/hello-mps2.elf")
    assert done.returncode != 0
    assert complaint in done.stdout
    assert not (tmp_path / "hello-mps2" / "hello-mps2.elf").exists()


def test_a_warning_is_an_error(tmp_path: Path) -> None:
    folder = copy_of_sources(tmp_path / "sources")
    source = folder / "common" / "line.c"
    source.write_text(source.read_text() + "\nstatic int nobody_calls_this(void) { return 0; }\n")
    done = make(folder)
    assert done.returncode != 0
    assert "[-Werror=unused-function]" in done.stdout


@pytest.mark.parametrize("name", sorted(VERSIONS))
def test_build_id_is_the_linkers_and_lies_at_a_fixed_offset(name: str) -> None:
    folder = built_samples() / name
    notes = subprocess.run(
        ["arm-none-eabi-readelf", "-n", folder / f"{name}.elf"], capture_output=True, text=True, check=True
    )
    image = (folder / f"{name}.bin").read_bytes()
    assert f"Build ID: {image[BUILD_ID_OFFSET : BUILD_ID_OFFSET + 20].hex()}" in notes.stdout


def test_large_image_is_full_of_content_that_does_not_repeat() -> None:
    image = (built_samples() / "hello-microbit-200k" / "hello-microbit-200k.bin").read_bytes()
    pages = [image[start : start + 1024] for start in range(0, len(image), 1024)]
    assert len(image) == 200 * 1024
    assert len(set(pages)) == len(pages)
    assert b"\xff" * 4 not in image
    assert len(zlib.compress(image)) > 0.98 * len(image)
