"""Power switches do what they say, in bounded time, or raise an error that blames the station."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from workbench.boards.bench import load_bench
from workbench.boards.power import (
    CommandSwitch,
    CuttingSwitch,
    ManualSwitch,
    PowerByHand,
    PowerFailed,
    PowerSwitch,
    with_operator,
)
from workbench.errors import Blame, WorkbenchError


def switch(folder: Path) -> CommandSwitch:
    """A relay that is a file: there is power while it exists."""
    return CommandSwitch("a1", f"touch {folder}/power", f"rm -f {folder}/power", f"test -e {folder}/power")


def test_a_command_switches_and_tells(tmp_path: Path) -> None:
    power = switch(tmp_path)
    assert power.state() == "off"
    assert power.on() is None
    assert power.state() == "on"
    power.off()
    assert power.state() == "off"
    power.cycle(0.01)
    assert power.state() == "on"


def test_a_cycle_is_off_for_as_long_as_asked(tmp_path: Path) -> None:
    began = time.monotonic()
    switch(tmp_path).cycle(0.2)
    assert time.monotonic() - began >= 0.2


def test_without_a_status_command_nothing_is_claimed() -> None:
    power = CommandSwitch("a1", "true", "true")
    power.on()
    assert power.state() == "unknown"


@pytest.mark.parametrize(
    "command", ["false", "no-such-program-anywhere", "sh -c 'echo no relay >&2; exit 3'"]
)
def test_a_command_that_fails_is_an_error_of_the_station(command: str) -> None:
    with pytest.raises(PowerFailed, match="slot a1") as failed:
        CommandSwitch("a1", command, "true").on()
    assert failed.value.blame is Blame.STATION
    assert "relay" not in command or "no relay" in failed.value.what


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    command = f"sh -c 'mkfifo {fifo}; sleep 1000 > {fifo} & cat {fifo}; wait'"
    began = time.monotonic()
    with pytest.raises(PowerFailed, match=r"did not end within 0\.3 s"):
        CommandSwitch("a1", command, "true", timeout_s=0.3).on()
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 5
    while _running(str(fifo)):
        assert time.monotonic() < deadline, "a child of the command is still there"


def test_a_child_left_behind_does_not_hold_the_switch_up() -> None:
    began = time.monotonic()
    CommandSwitch("a1", "sh -c 'sleep 3 &'", "true", timeout_s=2).on()
    assert time.monotonic() - began < 2


def _running(word: str) -> bool:
    found = False
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found = found or word.encode() in path.read_bytes()
        except OSError:
            continue
    return found


def test_by_hand_asks_a_person_or_says_that_one_is_needed() -> None:
    asked: list[str] = []
    with pytest.raises(PowerByHand, match="switch slot a1 on"):
        ManualSwitch("a1").on()

    def yes(words: str) -> bool:
        asked.append(words)
        return True

    power = with_operator(ManualSwitch("a1"), yes)
    assert power is not None
    assert power.on() == "switched on by hand"
    power.cycle(2)
    assert asked == ["switch slot a1 on", "switch slot a1 off, wait 2 s, and switch it on"]
    refusing = with_operator(power, lambda words: False)
    assert refusing is not None
    with pytest.raises(PowerFailed):
        refusing.off()


def test_an_operator_changes_nothing_for_other_switches(tmp_path: Path) -> None:
    power = switch(tmp_path)
    assert with_operator(power, lambda words: True) is power
    assert with_operator(None, lambda words: True) is None


def test_the_bench_file_chooses_the_driver(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(
        '[slots.a]\ntarget="microbit-v1"\nserial="socket://h:1"\n'
        'power={driver="command", on="true", off="false", status="true", timeout_s=2.5}\n'
        '[slots.b]\ntarget="microbit-v1"\nserial="socket://h:2"\npower={driver="manual"}\n'
    )
    slots = load_bench(tmp_path / "bench.toml").slots
    assert slots["a"].power == CommandSwitch("a", "true", "false", "true", 2.5)
    assert slots["b"].power == ManualSwitch("b")
    for slot in slots.values():
        assert isinstance(slot.power, PowerSwitch)
        assert not isinstance(slot.power, CuttingSwitch)
    with pytest.raises(WorkbenchError):
        slots["a"].need_power().off()
