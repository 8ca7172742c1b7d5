"""Trials in a slot: the board is set up where that is wanted, held, and attacked over its own wires.

Prints nothing.  Whoever calls decides which trials, and holds the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from workbench.boards.bench import Slot
from workbench.events import Emit, Observed
from workbench.images import keys as key_folders
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile
from workbench.images.profile_keys import kinds_for
from workbench.images.tlvs import Version
from workbench.probes.session import Debug
from workbench.station.provision import Step, provision
from workbench.station.slots import Held, debugging, hold
from workbench.station.update import Printed, settings_of
from workbench.updates.challenge_keys import UNITS
from workbench.updates.provision import Firmware
from workbench.updates.trials.cuts import SAMPLE
from workbench.updates.trials.matrix import Entry, chosen, entries, run_matrix
from workbench.updates.trials.model import Row, TrialsImpossible
from workbench.updates.trials.unit import Site, Unit
from workbench.updates.trials.workshop import Workshop
from workbench.wires.rawlog import RawLog
from workbench.wires.smp import open_smp
from workbench.wires.smp_link import SerialLink

FIRST: Final = Version(1, 0, 0)
FIRST_COUNTER: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do.

    setup            erase the board and provision it first: always, never, or unless it was provisioned with
                     these keys and answers
    permit_identity  it may lose an identity that it has
    full             cut the power at every flash word
    sample           else at so many of each phase of a boot, beside its ends
    """

    profile: Profile
    keys: KeyFolder
    firmware: Firmware
    only: tuple[str, ...] = ()
    seed: int = 0
    full: bool = False
    sample: int = SAMPLE
    setup: Literal["always", "if-needed", "never"] = "never"
    permit_identity: bool = False


def trial_keys(slot: Slot, profile: Profile) -> KeyFolder:
    """Test keys of the slot's own for a profile, made when they are first asked for."""
    path = slot.state_dir / "trial-keys" / profile.name
    if not path.is_dir():
        return key_folders.create(path, kinds_for(profile), test=True)
    return key_folders.load(path)


def listed(target: str, profile: Profile, keys: KeyFolder) -> list[Entry]:
    """The trials of a profile, for a list; no board and no firmware is needed."""
    now_s = int(time.time())
    shop = Workshop(
        profile=profile,
        keys=keys,
        device=target,
        chip_id=bytes(8),
        application=bytes(1024),
        running=FIRST,
        next=Version(1, 0, 1),
        counter=FIRST_COUNTER,
        running_signed_s=now_s,
        signed_s=now_s,
    )
    return entries(shop, seed=0)


def needs_setup(
    slot: Slot,
    plan: Plan,
    emit: Emit,
    *,
    check: Callable[[], object],
    kick: bool = False,
    wait_s: float = 0.0,
) -> bool:
    """Whether the board must be provisioned first."""
    if plan.setup != "if-needed":
        return plan.setup == "always"
    with (
        hold(slot, purpose="trial", emit=emit, kick=kick, wait_s=wait_s) as held,
        unit_in(held, plan, emit, check) as unit,
    ):
        try:
            unit.begin()
        except TrialsImpossible:
            return True
        chip = unit.identity.chip[::-1].hex()
        return not (plan.keys.path / UNITS / f"{chip}.json").is_file()


def set_up(
    slot: Slot,
    plan: Plan,
    emit: Emit,
    step: Step,
    commit: Callable[[], None],
    *,
    accept_chip: bool = False,
    kick: bool = False,
    wait_s: float = 0.0,
) -> None:
    """Provisions the board in a slot that nobody holds.  Raises as `provision` does."""
    provision(
        slot,
        plan.profile,
        plan.keys,
        plan.firmware,
        emit,
        permit_identity=plan.permit_identity,
        accept_chip=accept_chip,
        kick=kick,
        wait_s=wait_s,
        step=step,
        commit=commit,
    )


@contextmanager
def unit_in(held: Held, plan: Plan, emit: Emit, check: Callable[[], object]) -> Iterator[Unit]:
    """The unit in a slot that is held."""
    slot = held.slot
    log = RawLog(slot.state_dir / "console.log")
    log.open()
    printed = Printed(log, emit)
    try:
        with open_smp(slot.need_serial(), settings_of(slot), check=check, text=printed) as smp:
            link = smp.link
            if not isinstance(link, SerialLink):
                raise TrialsImpossible("trials need a serial line")
            site = Site(
                target=slot.target,
                smp=smp,
                printed=printed,
                power=slot.power,
                debug=_debug(held, emit) if slot.probe is not None else None,
                raw=link.send_raw,
                check=check,
                emit=emit,
            )
            yield Unit(site, plan.profile, plan.keys, plan.firmware.app, now_s=lambda: int(time.time()))
    finally:
        log.close()


def _debug(held: Held, emit: Emit) -> Callable[[], AbstractContextManager[Debug]]:
    return lambda: debugging(held, emit=emit, identify=False)


def run_trials(held: Held, plan: Plan, *, step: Step, emit: Emit, check: Callable[[], object]) -> list[Row]:
    """The matrix of the board in a slot that is held, row by row as it is made.

    Raises TrialsImpossible, TrialUnknown, and what the wires raise.
    """
    with unit_in(held, plan, emit, check) as unit:
        with step("begin", "asking the board what it runs"):
            unit.begin()
            picked: Sequence[Entry] = chosen(
                entries(unit.shop, seed=plan.seed, sample=None if plan.full else plan.sample), plan.only
            )
        rows = []
        with step("trials", f"{len(picked)} trials of profile {plan.profile.name}"):
            for row in run_matrix(unit, picked, None):
                emit(Observed(what="trial", value=row.as_json()))
                rows.append(row)
    return rows
