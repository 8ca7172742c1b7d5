"""Working in a slot: hold it, see that it has power, and talk to the chip that belongs there.

    with hold(slot, purpose="flash", emit=run.emit) as held, debugging(held, emit=run.emit) as debug:
        flash(debug, image, check=held.check)

Every face goes this way, so that no face can write to a slot that somebody else holds or to a board that was
swapped.  Decides nothing about what is done there, and prints nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from workbench.boards.bench import Slot
from workbench.boards.leases import DEFAULT_TTL_S, Lease, LeaseLost, default_owner, lease_slot
from workbench.boards.power import Ask, with_operator
from workbench.boards.sightings import accept_chip as remember_chip
from workbench.boards.sightings import check_chip
from workbench.boards.usb import check_place
from workbench.events import Emit, Notice, Observed

if TYPE_CHECKING:
    from workbench.probes.session import Debug

Connect = Literal["attach", "halt", "under-reset"]

PROBE_APPEARS_S: Final = 8.0
"""How long a probe that is powered with its board may take to appear after the slot was switched on."""
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Held:
    """A slot that this process holds.  `switched_on`: it was off, and was switched on for this."""

    slot: Slot
    lease: Lease
    switched_on: bool

    def check(self) -> None:
        """Raises LeaseLost once the slot must not be used any more.  Cheap: give it to verbs as `check`."""
        self.lease.check()


@contextmanager
def hold(
    slot: Slot,
    *,
    purpose: str,
    emit: Emit,
    kick: bool = False,
    wait_s: float = 0.0,
    power: bool = True,
    ttl_s: float = DEFAULT_TTL_S,
    owner: str | None = None,
    interrupt: bool = True,
    on_lost: Callable[[LeaseLost], None] | None = None,
    ask: Ask | None = None,
) -> Iterator[Held]:
    """Holds the slot for the body, with its power on where it has a switch that says it is off.

    `power` False leaves the power as it is.  When the lease is taken away, a body in the main thread is
    interrupted as by Ctrl-C and ends in LeaseLost, unless `interrupt` is False: then the body asks
    `Held.check`.  `ask` asks a person, where power is switched by hand.

    Raises SlotLeased after `wait_s`, LeaseFolderUnusable, ProbeMoved, and what the power switch raises.
    """
    leased = lease_slot(
        slot,
        owner or default_owner(),
        purpose,
        ttl_s,
        kick,
        wait_s=wait_s,
        interrupt_main=interrupt,
        on_lost=on_lost,
    )
    if ask is not None:
        slot = replace(slot, power=with_operator(slot.power, ask))
    with leased as lease:
        switched_on = power and _switch_on(slot, emit)
        check_place(slot)
        yield Held(slot, lease, switched_on)


def hold_unless(held: Held | None, slot: Slot, **how: Any) -> AbstractContextManager[Held]:
    """`held` where whoever calls holds the slot already, and goes on holding it; else as `hold`."""
    return hold(slot, **how) if held is None else nullcontext(held)


@contextmanager
def debugging(
    held: Held,
    *,
    emit: Emit,
    accept_chip: bool = False,
    connect: Connect = "halt",
    timeout_s: float | None = None,
    identify: bool = True,
) -> Iterator[Debug]:
    """A debug session with the chip in the slot, after it was made sure that it is the slot's own.

    `accept_chip` remembers another chip than last time instead of refusing it.  `identify` False leaves the
    chip's ID unread, for a locked chip that would not tell it; see `identify_chip`.  Raises what `open_debug`
    raises, ChipSwapped, SightingUnreadable, DebugFault where the chip does not tell its ID.
    """
    with _connected(held, emit, connect, timeout_s) as debug:
        if identify:
            identify_chip(held, debug, emit=emit, accept_chip=accept_chip)
        yield debug


def identify_chip(held: Held, debug: Debug, *, emit: Emit, accept_chip: bool = False) -> str | None:
    """The chip's ID, checked against what the slot saw last; None where the target has none.

    Raises ChipSwapped, SightingUnreadable, DebugFault.
    """
    chip_id = debug.chip_id()
    if chip_id is None:
        return None
    emit(Observed(what="chip-id", value=chip_id))
    if accept_chip:
        remember_chip(held.slot, chip_id)
    else:
        check_chip(held.slot, chip_id)
    return chip_id


def _switch_on(slot: Slot, emit: Emit) -> bool:
    """Whether power was off and was switched on."""
    if slot.power is None or slot.power.state() != "off":
        return False
    remark = slot.power.on()
    emit(Observed(what="power", value=slot.power.state()))
    if remark:
        emit(Notice(level="warning", text=f"slot {slot.name}: {remark}"))
    return True


@contextmanager
def _connected(held: Held, emit: Emit, connect: Connect, timeout_s: float | None) -> Iterator[Debug]:
    """As `open_debug`; a probe that got its power with the board may need a moment to appear."""
    from workbench.probes.errors import ProbeMissing
    from workbench.probes.session import CONNECT_TIMEOUT_S, open_debug

    deadline = time.monotonic() + (PROBE_APPEARS_S if held.switched_on else 0.0)
    limit_s = CONNECT_TIMEOUT_S if timeout_s is None else timeout_s
    with ExitStack() as stack:
        debug: Debug | None = None
        while debug is None:
            held.check()
            session = open_debug(held.slot, emit=emit, timeout_s=limit_s, connect=connect)
            try:
                debug = stack.enter_context(session)
            except ProbeMissing:
                if time.monotonic() >= deadline:
                    raise
                threading.Event().wait(_POLL_S)
        yield debug
