"""The verbs on real twins: each does what it says, says what it did, and leaves a record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_bench import CliBench, cli_bench, in_order, write_image

SIZE = 12_000

pytestmark = pytest.mark.xdist_group("cli works on boards")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    with cli_bench(2) as made:
        write_image(made.folder / "app.bin", SIZE)
        write_image(made.folder / "other.bin", SIZE, seed=2)
        (made.folder / "lock.bin").write_bytes((0xFFFF_00FF).to_bytes(4, "little"))
        yield made


@pytest.fixture
def image(bench: CliBench) -> Path:
    return bench.folder / "app.bin"


def test_flashing_switches_on_writes_reads_back_and_says_so(bench: CliBench, image: Path) -> None:
    bench.run("slot", "power", "v1", "off")
    done = bench.run("flash", "-s", "v1", "--no-skip-unchanged", image)
    assert done.code == 0, done
    assert in_order(["KiB/s", "programmed 11.7 KiB", "verified", "read back", "started", "PASS"], done.out)
    assert in_order(["power on", "chip ID", "erasing", "programming", "reading back"], done.err)


def test_an_unchanged_image_is_not_written_again(bench: CliBench, image: Path) -> None:
    bench.run("flash", "-s", "v1", image)
    done = bench.run("flash", "-s", "v1", image, "--json")
    result = done.last["result"]
    assert (result["bytes_programmed"], result["bytes_skipped"]) == (0, SIZE)
    assert result["verification"]["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()


def test_leaving_out_the_verification_is_said_loudly(bench: CliBench, image: Path) -> None:
    done = bench.run("flash", "-s", "v1", "--no-verify", "--no-skip-unchanged", image)
    assert done.code == 0
    assert "NOT VERIFIED" in done.out
    assert "NOT VERIFIED" in done.err


def test_verify_tells_equal_from_different(bench: CliBench, image: Path) -> None:
    bench.run("flash", "-s", "v1", image)
    assert bench.run("verify", "-s", "v1", image).code == 0
    other = bench.run("verify", "-s", "v1", bench.folder / "other.bin", "--json")
    assert other.code == 1
    assert other.last["verdict"] == "FAIL"
    assert other.last["error"]["code"] == "flash-verify-failed"


def test_read_gives_what_flash_wrote(bench: CliBench, image: Path) -> None:
    bench.run("flash", "-s", "v1", image)
    out = bench.folder / "read.bin"
    assert bench.run("read", "v1", "--start", "0", "--size", str(SIZE), "-o", out).code == 0
    assert out.read_bytes() == image.read_bytes()
    shown = bench.run("read", "v1", "--start", "0", "--size", "0x20").out
    assert shown.startswith("00000000  00100020 09000000")


def test_erase_makes_the_range_blank_and_nothing_else(bench: CliBench, image: Path) -> None:
    bench.run("flash", "-s", "v1", image)
    assert bench.run("erase", "v1", "--start", "0x400", "--size", "1K").code == 0
    out = bench.folder / "read.bin"
    bench.run("read", "v1", "--start", "0", "--size", str(SIZE), "-o", out)
    wanted = bytearray(image.read_bytes())
    wanted[0x400:0x800] = b"\xff" * 0x400
    assert out.read_bytes() == wanted


def test_a_locked_chip_is_left_alone_until_it_is_recovered_by_name(bench: CliBench, image: Path) -> None:
    assert bench.run("flash", "-s", "v1", "lock.bin@0x10001004").code == 0
    bench.run("reset", "v1")
    refused = bench.run("flash", "-s", "v1", image)
    assert (refused.code, "chip-locked" in refused.err) == (1, True)
    assert bench.run("read", "v1", "--memory", "flash", "-o", "locked.bin").code == 1
    assert not (bench.folder / "locked.bin").exists()
    assert bench.run("recover", "v1").code == 0
    assert bench.run("flash", "-s", "v1", image).code == 0


def test_a_power_cut_leaves_a_state_that_the_next_flash_continues_from(bench: CliBench, image: Path) -> None:
    assert bench.run("slot", "power", "v2", "cut", "--after", "1000").code == 0
    cut = bench.run("flash", "-s", "v2", image, "--json")
    assert (cut.code, cut.last["error"]["code"]) == (3, "probe-lost")
    assert "State of the chip" in cut.last["error"]["what"]
    told = bench.run("slot", "power", "v2", "--json").observed("power")[0]
    assert (told["state"], told["cut"]["operations"]) == ("off", 1000)
    again = bench.run("flash", "-s", "v2", image, "--json")
    assert again.code == 0
    assert again.last["result"]["bytes_skipped"] > 0


def test_several_slots_at_once_end_in_a_table(bench: CliBench, image: Path) -> None:
    done = bench.run("flash", "--slot", "v1", "--slot", "v2", "--no-skip-unchanged", image)
    assert done.code == 0
    rows = [line.split()[:2] for line in done.out.splitlines()[1:3]]
    assert rows == [["v1", "PASS"], ["v2", "PASS"]]
    assert "flash: 2 of 2 slots passed" in done.out


def test_events_of_several_slots_name_their_slot(bench: CliBench, image: Path) -> None:
    assert bench.run("flash", "--all", image).code == 0
    done = bench.run("verify", "--all", image, "--json")
    assert done.code == 0, done
    for name in ("v1", "v2"):
        seqs = [event["seq"] for event in done.events if event["slot"] == name]
        assert seqs == list(range(len(seqs)))
    assert {e["slot"]: e["verdict"] for e in done.events if e["event"] == "run-finished"} == {
        "v1": "PASS",
        "v2": "PASS",
    }


def test_a_run_is_in_the_records_with_what_it_saw(bench: CliBench, image: Path) -> None:
    done = bench.run("flash", "-s", "v1", image, "--json")
    run_id = done.last["run_id"]
    assert run_id in [run["run_id"] for run in bench.run("records", "list", "--json").observed("run")]
    shown = bench.run("records", "show", run_id[:8])
    assert in_order(["flash", "slot     v1", "observed chip-id", "ends     PASS"], shown.out)
    kept = bench.run("records", "show", run_id, "--json").events
    assert [e for e in kept if e["event"] != "progress"] == [
        e for e in done.events if e["event"] != "progress"
    ]


def test_swapped_boards_are_refused_before_anything_is_written(image: Path) -> None:
    with cli_bench(2) as own:
        for name in ("v1", "v2"):
            own.run("flash", "-s", name, image)
        own.run("bench", "down")
        file = own.folder / "bench.toml"
        text = file.read_text(encoding="utf-8")
        for name, board in (("v1", "v2"), ("v2", "v1")):
            text = text.replace(f"[slots.{name}]", f'[slots.{name}]\nboard = "{board}"')
        file.write_text(text, encoding="utf-8")
        other = write_image(own.folder / "new.bin", 2000, seed=3)
        refused = own.run("flash", "-s", "v1", other)
        assert (refused.code, "chip-swapped" in refused.err) == (3, True)
        assert "--accept-chip" in refused.err
        assert own.run("verify", "-s", "v1", "--accept-chip", image).code == 0
        assert own.run("flash", "-s", "v1", other).code == 0


def test_bench_down_switches_every_slot_off(bench: CliBench) -> None:
    bench.run("slot", "power", "v1", "on")
    done = bench.run("bench", "down")
    assert (done.code, done.out.splitlines()[:2]) == (0, ["v1: off", "v2: off"])
    powers = [slot["power"] for slot in bench.run("slot", "list", "--json").observed("slot")]
    assert powers == ["off", "off"]
