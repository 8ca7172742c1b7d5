"""What the demo does at one board, each step in the process of its slot.  Prints nothing.

Every function takes the bench's file and the slot's name, reaches the board only through probe, serial port
and power switch, and returns what was observed there, in a form that JSON can carry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Slot, SlotLacks, load_bench
from workbench.boards.power import CuttingSwitch
from workbench.errors import Blame, WorkbenchError
from workbench.events import Emit, Observed
from workbench.station.flashmap import FlashMap, Ranges, flash_map
from workbench.station.slots import Held, debugging, hold

if TYPE_CHECKING:
    from workbench.probes.flash import FlashResult
    from workbench.probes.phases import Erase
    from workbench.probes.session import Debug
    from workbench.wires.console import Console

PRELOAD: Final = (
    "workbench.probes.preload",
    "workbench.probes.flash",
    "workbench.probes.read",
    "workbench.wires.console",
)
"""Worth importing once, before processes are forked."""
PURPOSE: Final = "demo"
BANNER: Final = re.compile(
    rb"(?P<name>[\w-]+) (?P<version>[\w.+-]+) build (?P<build>[0-9a-f]{12}) chip (?P<chip>[0-9a-f]{16})\r\n"
)
"""docs/firmware-samples.md, "What they say"."""
BUILD_ID_AT: Final = 0xD0
BUILD_ID_BYTES: Final = 6
"""Bytes of the build ID that the banner shows."""
BANNER_S: Final = 10.0
ECHO_S: Final = 5.0
WORDS: Final = "hello from the workbench"


class BoardDisagrees(WorkbenchError):
    """What a firmware says of itself is not what the probe reads on the chip."""

    code = "board-disagrees"
    blame = Blame.UNIT
    default_cause = "the serial port belongs to another board, or other firmware runs than was flashed"
    default_action = "check the wires of the slot, then run the command again"


class CutMissing(WorkbenchError):
    """A power cut was armed and did not come."""

    code = "cut-missing"
    blame = Blame.STATION
    default_cause = "the write needed fewer flash operations than the cut was to come after"
    default_action = "run the demo again with another --seed"


@dataclass(frozen=True, slots=True)
class Power:
    """A slot's power as its switch tells it: "on", "off" or "unknown"."""

    state: str


@dataclass(frozen=True, slots=True)
class Banner:
    """What a firmware said when it started."""

    name: str
    version: str
    build: str
    chip: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} build {self.build} chip {self.chip}"


@dataclass(frozen=True, slots=True)
class Flashed:
    """A flash that went well, and the chip it went to.  Sizes in bytes."""

    chip: str
    programmed: int
    skipped: int
    seconds: float
    verification: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut in the middle of a flash: when, where, and what the station knew of the flash then."""

    operation: int
    kind: str
    address: int
    error: str
    written: Ranges
    erased: Ranges


def switch_on(bench: Path, name: str, emit: Emit) -> Power:
    """Holding a slot switches it on."""
    with hold(load_bench(bench).slot(name), purpose=PURPOSE, emit=emit) as held:
        return Power(held.slot.need_power().state())


def switch_off(bench: Path, name: str, emit: Emit) -> Power:
    """Power off."""
    slot = load_bench(bench).slot(name)
    with hold(slot, purpose=PURPOSE, emit=emit, power=False):
        slot.need_power().off()
        power = Power(slot.need_power().state())
    emit(Observed(what="power", value=power.state))
    return power


def flash_board(bench: Path, name: str, image: Path, erase: Erase, emit: Emit) -> Flashed:
    """Flashes `image`, verified by reading it back, and leaves the chip halted.  A chip that an earlier demo
    locked is given back first.
    """
    from workbench.probes.erase import recover

    slot = load_bench(bench).slot(name)
    with hold(slot, purpose=PURPOSE, emit=emit) as held, debugging(held, emit=emit) as debug:
        if debug.lock_state().is_locked:
            recover(debug, emit=emit, check=held.check)
        result = _flash(held, debug, image, erase, emit)
        flashed = Flashed(
            chip=debug.chip_id() or "",
            programmed=result.bytes_programmed,
            skipped=result.bytes_skipped,
            seconds=round(result.seconds, 3),
            verification=result.verification.method,
            sha256=result.verification.sha256,
        )
    emit(Observed(what="flashed", value={"programmed": flashed.programmed, "skipped": flashed.skipped}))
    return flashed


def talk_to_board(bench: Path, name: str, words: str | None, emit: Emit) -> Banner:
    """Resets the board through the probe, hears its banner, compares it with what the probe reads, and has it
    echo `words`, if there are any.

    Raises BoardDisagrees, ConsoleTimeout.
    """
    from workbench.wires.console import Console

    slot = load_bench(bench).slot(name)
    with (
        hold(slot, purpose=PURPOSE, emit=emit) as held,
        Console(slot.need_serial(), slot.target.console.baud, emit=emit) as console,
        debugging(held, emit=emit) as debug,
    ):
        console.clear()
        debug.reset()
        banner = _hear_banner(console)
        emit(Observed(what="banner", value=str(banner)))
        chip_id, build_id = debug.chip_id() or "", _build_id(debug)
        refuse_disagreement(banner, chip_id, build_id)
        emit(Observed(what="probe-agrees", value={"chip": chip_id, "build": build_id}))
        if words is not None:
            console.send_line(words)
            emit(Observed(what="echo", value=console.expect(f"echo: {words}\r\n", ECHO_S).text.strip()))
        return banner


def cut_board(bench: Path, name: str, image: Path, operations: int, seed: int, emit: Emit) -> Cut:
    """Begins to flash `image`, and has the power cut in that flash operation, which stays half done.

    Raises CutMissing where the flash went through, and whatever else went wrong than the cut.
    """
    from workbench.probes.errors import ProbeLost

    slot = load_bench(bench).slot(name)
    with hold(slot, purpose=PURPOSE, emit=emit) as held:
        power = _cutting(slot)
        try:
            with debugging(held, emit=emit) as debug:
                power.arm_cut(operations, "torn", seed)
                _flash(held, debug, image, "sector", emit)
        except ProbeLost as lost:
            report, state = power.cut_report(), lost.state
            if report is None or state is None:
                raise
            written = [[known.start, known.end] for known in state.written]
            erased = [[known.start, known.end] for known in state.erased]
            cut = Cut(report.operations, report.kind, report.address, lost.what, written, erased)
            where = {"operation": cut.operation, "kind": cut.kind, "address": cut.address, "seed": seed}
            emit(Observed(what="power-cut", value=where))
            return cut
    raise CutMissing(f"slot {name}: no power cut came within the whole flash of {image.name}")


def look_at_board(bench: Path, name: str, image: Path, emit: Emit) -> FlashMap:
    """Switches the board on again and compares what is on its chip with `image`, without letting it run."""
    from workbench.probes.images import load_images
    from workbench.probes.read import read_range

    slot = load_bench(bench).slot(name)
    segment = load_images([image], slot.target).segments[0]
    memory = slot.target.memory_at(segment.address)
    assert memory is not None
    with hold(slot, purpose=PURPOSE, emit=emit) as held, debugging(held, emit=emit) as debug:
        data = read_range(debug, segment.address, len(segment.data), check=held.check)
    return flash_map(segment.address, memory.sector or memory.size, segment.data, data, memory.erased)


def refuse_disagreement(banner: Banner, chip_id: str, build_id: str) -> None:
    """Raises BoardDisagrees unless the banner names the chip and the build that the probe reads."""
    for what, said, read in (("chip", banner.chip, chip_id), ("build", banner.build, build_id)):
        if said != read:
            raise BoardDisagrees(f"the firmware says {what} {said}, the probe reads {read}")


def banner_of(text: bytes) -> Banner | None:
    """The first banner in what a board sent, None where there is none."""
    found = BANNER.search(text)
    return None if found is None else Banner(*(group.decode("ascii") for group in found.groups()))


def _hear_banner(console: Console) -> Banner:
    banner = banner_of(console.expect(BANNER, BANNER_S).raw)
    assert banner is not None
    return banner


def _build_id(debug: Debug) -> str:
    return debug.read_memory(BUILD_ID_AT, BUILD_ID_BYTES).hex()


def _flash(held: Held, debug: Debug, image: Path, erase: Erase, emit: Emit) -> FlashResult:
    from workbench.probes.flash import flash
    from workbench.probes.images import load_images

    loaded: Any = load_images([image], held.slot.target)
    return flash(debug, loaded, erase=erase, emit=emit, check=held.check)


def _cutting(slot: Slot) -> CuttingSwitch:
    if not isinstance(slot.power, CuttingSwitch):
        raise SlotLacks(f"slot {slot.name} has no power switch that can cut at a flash operation")
    return slot.power
