"""The screen and the plain face work a real line: processes, boards, a database, and what a kill leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import switch_off
from tests.tui_terminal import Terminal, terminal
from workbench.boards.bench import load_bench
from workbench.boards.bench_write import write_virtual_bench

RECIPE = """
[recipe]
name = "hello"
title = "Hello"
target = "microbit-v1"
start = "scan"
[release]
firmware = "{firmware}"
[[plan]]
step = "flash"
limit_s = 60
[[plan]]
step = "confirm"
text = "Is the lamp on?"
limit_s = 300
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Iterator[Path]:
    """A bench of two twins, and a recipe that asks a question in the end."""
    made = tmp_path_factory.mktemp("line")
    bench = load_bench(write_virtual_bench(made, 2))
    firmware = samples / "hello-microbit" / "hello-microbit.hex"
    (made / "hello.toml").write_text(RECIPE.format(firmware=firmware))
    yield made
    switch_off(bench)


def screen(folder: Path, *more: str) -> Terminal:
    """The real program on that bench."""
    command = [
        sys.executable,
        "-m",
        "workbench.tui",
        str(folder / "hello.toml"),
        "--bench",
        str(folder),
        *more,
    ]
    return Terminal(command, columns=100, lines=36, env={})


def cut_power(pid: int) -> None:
    """Kills a face and the processes of its slots at one blow, as far as signals can."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    assert children
    for process in (pid, *children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_a_shift_with_a_kill_in_the_middle(folder: Path) -> None:
    made = screen(folder)
    try:
        made.shows("v1", "v2", "ready", "Scan the serial number")
        made.send("A1\r")
        made.shows("v1 asks: Is the lamp on?", "A1", " F2  Yes")
        made.send("B2\r\n")  # while the question is open: another slot is free
        made.shows("B2 begins in v2")
        made.press("f2")
        made.shows("Take the unit out.", "v2 asks: Is the lamp on?")
        made.press("f6")  # the finished one is taken out while the other one waits
        made.lacks("Take the unit out.")
        made.send("A1\r")
        made.shows("Refused", "serial-duplicate")
        cut_power(made.process.pid)
        made.process.wait(10)
    finally:
        made.close()

    made = screen(folder)
    try:
        shown = made.shows("The station was interrupted", "B2", "What to do")
        assert "Traceback" not in shown
        made.press("f2")
        made.shows("v1", "ready")
        made.send("SLOT:v2\r")
        made.shows("The next unit goes into v2.")
        made.send("B2\r")
        made.shows("asks: Is the lamp on?", " F2  Yes")
        made.press("f2")
        made.shows("Take the unit out.", "2 passed")
        made.press("f10")
        made.shows(" F2  End the line")
        made.press("f2")
        assert made.ends() == 0
    finally:
        made.close()


def test_the_plain_face_says_the_same_words(folder: Path) -> None:
    command = [sys.executable, "-m", "workbench.tui", str(folder / "hello.toml"), "--bench", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as plain:
        assert plain.stdin is not None
        assert plain.stdout is not None
        heard: list[str] = []

        def until(words: str) -> None:
            for line in plain.stdout or ():
                heard.append(line)
                if words in line:
                    return
            raise AssertionError(f"{words!r} was not said: {''.join(heard)}")

        def type_line(line: str) -> None:
            assert plain.stdin is not None
            plain.stdin.write(line + "\n")
            plain.stdin.flush()

        until("v1: ready.")
        type_line("C3")
        until("v1 asks: Is the lamp on?")
        type_line("/yes")
        until("v1: PASS, C3.")
        until("What to do: Take the unit out.")
        type_line("C3")
        until("serial-duplicate")
        type_line("D4\n/yes")  # typed ahead, this answers nothing
        until("asks: Is the lamp on?")
        plain.stdin.close()
        rest = plain.stdout.read()
        assert plain.wait(60) == 0
        assert "STOPPED, D4" in rest or "FAIL, D4" in rest
        assert "The line ends" in rest


def test_what_cannot_be_opened_is_told_in_words(tmp_path: Path) -> None:
    with terminal("workbench.tui", str(tmp_path / "none.toml"), "--bench", str(tmp_path)) as made:
        assert made.ends() == 2
        assert "bench-missing" in made.text
        assert "Traceback" not in made.text
