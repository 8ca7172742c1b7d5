"""What cannot be done is refused in three lines, with an exit code by blame, in words and as an event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_bench import CliBench, cli_bench, in_order, write_image

pytestmark = pytest.mark.xdist_group("cli says what is wrong")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    """Twins without power: nothing here gets as far as a board."""
    with cli_bench(2) as made:
        write_image(made.folder / "app.bin", 100)
        (made.folder / "wrong.toml").write_text('[target]\nname = "wrong"\ntitel = "x"\n')
        yield made


WRONG: dict[str, tuple[int, str, list[str]]] = {
    "flsh": (2, "usage", ["Did you mean 'flash'"]),
    "slot lst": (2, "usage", ["Did you mean 'list'", "workbench slot --help"]),
    "flash": (2, "usage", ["FILE", "workbench flash --help"]),
    "flash --slto v1 app.bin": (2, "usage", ["--slot"]),
    "flash --erase all app.bin": (2, "usage", ["sector", "chip"]),
    "flash app.bin": (2, "slot-not-chosen", ["v1, v2"]),
    "flash -s v11 app.bin": (2, "slot-unknown", ["did you mean 'v1'?"]),
    "flash -s v1 no.hex": (2, "image-unreadable", ["no.hex"]),
    "flash -s v1 app.bin@0x3ffe0": (2, "image-outside-memory", ["0x00040000"]),
    "flash -s v1 app.bin app.bin@0x10": (2, "image-overlap", ["app.bin"]),
    "flash -s v1 app.bin@0x3f800": (2, "image-over-identity", ["identity"]),
    "flash -s v1 --base 1G app.bin": (2, "number-invalid", ["1G"]),
    "flash -s v1 --bench none.toml app.bin": (2, "bench-missing", ["none.toml"]),
    "erase v1": (2, "input-invalid", ["--chip"]),
    "recover": (2, "input-invalid", ["workbench recover SLOT"]),
    "read v1 --start 0": (2, "input-invalid", ["--size"]),
    "read v1 --memory flsh": (2, "input-invalid", ["did you mean 'flash'?"]),
    "slot power v1 cut": (2, "input-invalid", ["--after N"]),
    "target show microbit": (2, "target-unknown", ["did you mean 'microbit-v1'?"]),
    "target check wrong.toml": (2, "target-invalid", ["titel", "title"]),
    "bench init --virtual 2": (2, "bench-exists", ["bench.toml"]),
    "records show 00000000": (2, "run-not-found", ["00000000"]),
    "console v1 --expect ( --regex": (2, "input-invalid", ["regular expression"]),
}


AS_EVENTS = [
    "flsh",
    "flash -s v11 app.bin",
    "flash -s v1 no.hex",
    "erase v1",
    "slot power v1 cut",
    "target check wrong.toml",
    "bench init --virtual 2",
    "records show 00000000",
]


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_command_is_refused_in_three_lines(bench: CliBench, line: str) -> None:
    code, name, words = WRONG[line]
    done = bench.run(*line.split())
    assert done.code == code, done
    assert in_order([f"{name}: ", "\n  likely cause: ", "\n  what to do:   "], done.err)
    assert all(word in done.err for word in words), done.err
    assert done.out == ""


@pytest.mark.parametrize("line", AS_EVENTS)
def test_the_same_refusal_is_an_event(bench: CliBench, line: str) -> None:
    code, name, _ = WRONG[line]
    done = bench.run(*line.split(), "--json")
    assert done.code == code
    assert done.events[0]["event"] == "run-started"
    error = done.last["error"]
    assert error["code"] == name
    assert all(error[part] for part in ("what", "cause", "action"))
    assert done.err == ""


def test_no_board_was_switched_on_for_a_refusal(bench: CliBench) -> None:
    done = bench.run("slot", "list", "--json")
    assert [slot["power"] for slot in done.observed("slot")] == ["off", "off"]


def test_without_a_bench_the_way_to_one_is_shown(tmp_path: Path) -> None:
    with cli_bench() as nothing:
        done = nothing.run("slot", "list")
    assert done.code == 2
    assert "workbench bench init --virtual" in done.err
