"""An update in a slot: the wire to its device, the delivery, and a look at the flash through the debug port.

Whoever calls holds the slot.  Prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Literal

from workbench.boards.bench import Slot
from workbench.errors import WorkbenchError
from workbench.events import Emit, Notice, Observed
from workbench.images.format import MAGIC
from workbench.station.slots import Held, debugging
from workbench.updates.deliver import Around, Delivered, Delivery, How
from workbench.updates.device import Device
from workbench.updates.release import Release
from workbench.updates.verify import verify_slot_bytes
from workbench.wires.clean import clean_line
from workbench.wires.rawlog import RawLog
from workbench.wires.serial_port import PortSettings
from workbench.wires.smp import open_smp, transport_for

OFF_S: Final = 1.0
PRINTED_BYTES: Final = 16 << 10
"""How much of what the board prints is kept for judging a restart."""
PARITY: Final[dict[str, Literal["N", "E", "O"]]] = {"none": "N", "even": "E", "odd": "O"}

StepOf = Callable[[str, str], AbstractContextManager[None]]


class Printed:
    """What a board prints between messages: kept, logged, and told line by line."""

    def __init__(self, log: RawLog, emit: Emit) -> None:
        self._log = log
        self._emit = emit
        self._text = ""
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        self._log.append(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-PRINTED_BYTES:]
        for line in lines:
            text = clean_line(line).strip()
            if text:
                self._text = (self._text + text + "\n")[-PRINTED_BYTES:]
                self._emit(Observed(what="console-line", value=text))

    def mark(self) -> None:
        """What was printed so far is from before."""
        self._text = ""

    def text(self) -> str:
        """The lines since `mark`."""
        return self._text


def update_slot(
    held: Held,
    release: Release,
    how: How,
    *,
    step: StepOf,
    emit: Emit,
    transport: str | None = None,
    read_back: bool | None = None,
    check: Callable[[], object] = lambda: None,
    commit: Callable[[], object] = lambda: None,
    ask: Callable[[str], bool] = lambda _: False,
) -> Delivered:
    """Delivers `release` to the device in a slot that is held.

    `read_back`: compare the slot's flash through the debug port; None: where there is one and it is open.
    Raises as `Delivery.run` and `open_smp` do.
    """
    slot = held.slot
    log = RawLog(slot.state_dir / "console.log")
    log.open()
    printed = Printed(log, emit)
    around = Around(
        step=step,
        emit=emit,
        check=check,
        commit=commit,
        mark=printed.mark,
        printed=printed.text,
        hard_resets=_hard_resets(held, emit),
        ask=ask,
    )
    try:
        with open_smp(
            transport_for(transport, slot.need_serial), settings_of(slot), check=check, text=printed
        ) as smp:
            done = Delivery(Device(smp), release, how, around).run()
    finally:
        log.close()
    if done.outcome != "uploaded" and read_back is not False:
        with step("read-back", "comparing the slot's flash with the release"):
            ours = done.identity is not None
            seen = look_at_flash(held, release, emit, check, needed=read_back is True, ours=ours)
            done.checks += [seen] if seen else []
    return done


def settings_of(slot: Slot) -> PortSettings:
    """The slot's line, as its target says."""
    line = slot.target.console
    return PortSettings(
        baud=line.baud, bytesize=line.bytesize, parity=PARITY[line.parity], stopbits=line.stopbits
    )


def look_at_flash(
    held: Held, release: Release, emit: Emit, check: Callable[[], object], *, needed: bool, ours: bool
) -> str | None:
    """Which check of the flash was done: `flash-bytes`, `flash-hash`, or None where there is no way to it.

    `ours`: the target's [update] section surely describes this device's flash.  Another firmware may have
    another layout: there, a slot that does not begin as an image is not looked at further.

    Raises UpdateNotVerified; where the look is `needed`, also what stands in its way.
    """
    from workbench.probes.read import read_range

    slot, area = held.slot, held.slot.target.update
    if not needed and (slot.probe is None or area is None):
        emit(
            Notice(
                level="info", text="the slot's flash is not looked at: no debug port, or no [update] section"
            )
        )
        return None
    slot.need_probe()
    if area is None:
        return None
    primary = slot.target.image_slot(area.primary)
    try:
        with debugging(held, emit=emit, connect="attach") as debug:
            found = read_range(debug, primary.start, min(primary.size, len(release.data)), check=check)
    except WorkbenchError as error:
        if needed or error.blame in ("stopped", "trust"):
            raise
        emit(Notice(level="warning", text=f"the slot's flash was not looked at: {error.what}"))
        return None
    if not (needed or ours) and found[:4] != MAGIC.to_bytes(4, "little"):
        emit(
            Notice(
                level="warning", text="the slot's flash was not looked at: this firmware has another layout"
            )
        )
        return None
    how = verify_slot_bytes(release, found)
    emit(Observed(what="slot-flash", value={"slot": area.primary, "compared": how, "bytes": len(found)}))
    return f"flash-{how}"


def _hard_resets(held: Held, emit: Emit) -> tuple[Callable[[], None], ...]:
    """Through the probe, then by the power switch: as far as the slot has them."""
    slot = held.slot

    def through_probe() -> None:
        with debugging(held, emit=emit, connect="attach", identify=False) as debug:
            debug.reset()

    def by_power() -> None:
        slot.need_power().cycle(OFF_S)

    ways = ((slot.probe, through_probe), (slot.power, by_power))
    return tuple(way for there, way in ways if there is not None)
