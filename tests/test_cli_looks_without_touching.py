"""Commands that only look: complete in words and as events, and dry runs that touch no board."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.cli_bench import PROGRAM, CliBench, cli_bench, in_order, write_image

pytestmark = pytest.mark.xdist_group("cli looks without touching")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(2) as made:
        write_image(made.folder / "app.bin", 3000)
        yield made


LOOKS = [
    "target list",
    "target show microbit-v1",
    "target check microbit-v1 mps2-an385",
    "bench show",
    "bench detect",
    "slot list",
    "slot power v1",
    "doctor",
    "records list",
    "flash --dry-run --all app.bin",
    "erase --dry-run --chip v1",
    "recover --dry-run v1",
]


@pytest.mark.parametrize("line", LOOKS)
def test_every_line_of_json_is_an_event_in_order(bench: CliBench, line: str) -> None:
    done = bench.run(*line.split(), "--json")
    assert done.code == 0, done
    assert [event["seq"] for event in done.events] == list(range(len(done.events)))
    assert done.events[0]["event"] == "run-started"
    assert done.events[-1]["event"] == "run-finished"
    assert done.events[-1]["verdict"] == "PASS"
    assert done.err == ""


@pytest.mark.parametrize("line", LOOKS)
def test_in_words_there_is_something_to_read(bench: CliBench, line: str) -> None:
    done = bench.run(*line.split())
    assert done.code == 0, done
    assert done.out.strip()
    assert "\x1b" not in done.out


def test_a_dry_run_names_the_steps_and_what_cannot_be_undone(bench: CliBench) -> None:
    done = bench.run("flash", "--dry-run", "-s", "v2", "--erase", "chip", "app.bin")
    assert in_order(["load", "erase the whole chip", "[CANNOT BE UNDONE]", "read back", "start"], done.out)
    steps = bench.run("recover", "v2", "--dry-run", "--json").observed("planned-step")
    assert [step["irreversible"] for step in steps].count(True) == 1
    assert [slot["power"] for slot in bench.run("slot", "list", "--json").observed("slot")] == ["off", "off"]


def test_a_slots_row_says_what_a_person_asks_for(bench: CliBench) -> None:
    header, first, _ = bench.run("slot", "list").out.splitlines()
    assert header.split() == ["slot", "target", "power", "used", "by", "chip", "seen", "last"]
    assert first.split() == ["v1", "microbit-v1", "off", "nobody", "not", "seen", "yet"]


def test_a_reader_that_goes_away_gets_no_traceback(bench: CliBench) -> None:
    command = f"{PROGRAM} target list --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=bench.folder,
        env=bench.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert json.loads(done.stdout)["event"] == "run-started"
    assert done.stderr == ""


def completions(bench: CliBench, line: str) -> list[str]:
    """What bash would propose at the end of the line."""
    words = line.split(" ")
    environment = bench.environment | {
        "_WORKBENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [PROGRAM], cwd=bench.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.split()


def test_names_are_completed(bench: CliBench) -> None:
    assert completions(bench, "workbench fl") == ["flash"]
    assert completions(bench, "workbench slot power v") == ["v1", "v2"]
    assert completions(bench, "workbench flash --slot ") == ["v1", "v2"]
    assert completions(bench, "workbench target show mps") == ["mps2-an385"]
