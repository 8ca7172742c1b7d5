"""The demo's second half, at one board: provision it, update it over its serial line, attack it.

As in `demo_boards`, every function takes the bench's file and the slot's name, works in the process of that
slot, and returns what was observed in a form that JSON can carry.  Prints nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.boards.bench import Slot, load_bench
from workbench.events import Emit, Observed
from workbench.station.slots import hold

if TYPE_CHECKING:
    from workbench.images.keys import KeyFolder
    from workbench.images.profile import Profile
    from workbench.updates.provision import Firmware

PROFILE: Final = "tier-2-ecdsa"
PURPOSE: Final = "demo"
FIRST: Final = "1.0.0"
SECOND: Final = "1.1.0"
ATTACKS: Final = (
    "flip-payload-middle",
    "wrong-key",
    "other-root",
    "expired",
    "lower-counter",
    "other-class",
)
CUTS: Final = ("cut-install",)
CUT_SAMPLE: Final = 4
"""Power cuts by lot in each phase of the update."""
PRELOAD: Final = ("workbench.station.provision", "workbench.station.trials", "workbench.station.update")
"""Worth importing once, before processes are forked."""


@dataclass(frozen=True, slots=True)
class Secured:
    """A board that got bootloader, application, keys and identity."""

    chip: str
    profile: str
    version: str
    programmed: int


@dataclass(frozen=True, slots=True)
class Updated:
    """A board that took an update over its serial line.  `checks`: what was verified after the restart."""

    version: str
    uploaded: int
    boot_s: float
    checks: list[str]


@dataclass(frozen=True, slots=True)
class Attacked:
    """Trials and how they ended: HELD, BROKEN, SHOWN, NOT RUN.  `cuts`: power cuts in them, by phase."""

    held: int
    broken: list[str]
    cuts: dict[str, int]


def provision_board(bench: Path, name: str, firmware: Path, emit: Emit) -> Secured:
    """Erases the chip and makes it a unit of the demo's own profile, with test keys made here."""
    from workbench.station.provision import provision

    slot = load_bench(bench).slot(name)
    profile, keys = demo_profile(), keys_for(slot)
    made = provision(slot, profile, keys, firmware_for(slot, profile, firmware), emit, permit_identity=True)
    secured = Secured(made.chip_id or "", made.profile, made.version, made.image_bytes)
    emit(Observed(what="secured", value={"chip": secured.chip, "profile": PROFILE, "version": made.version}))
    return secured


def update_board(bench: Path, name: str, firmware: Path, emit: Emit) -> Updated:
    """Signs and encrypts a release, delivers it over SMP, and verifies what then runs."""
    from workbench.images.release import build_release
    from workbench.images.tlvs import Version
    from workbench.station.update import update_slot
    from workbench.updates.deliver import How
    from workbench.updates.release import release_of

    slot = load_bench(bench).slot(name)
    profile, keys = demo_profile(), keys_for(slot)
    image = build_release(
        firmware_for(slot, profile, firmware).app,
        profile,
        keys,
        version=Version.parse(SECOND),
        counter=2,
        device=slot.target.name,
        encrypt=True,
    )
    release = release_of(image)
    with hold(slot, purpose=PURPOSE, emit=emit) as held:
        done = update_slot(held, release, How(keys=keys), step=_no_step, emit=emit, check=held.check)
    updated = Updated(done.version, len(image), done.boot_s or 0.0, done.checks)
    emit(Observed(what="updated", value={"version": updated.version, "checks": list(updated.checks)}))
    return updated


def attack_board(
    bench: Path, name: str, firmware: Path, only: tuple[str, ...], seed: int, emit: Emit
) -> Attacked:
    """Trials of the profile, those named; what each came to is observed."""
    from workbench.station.trials import Plan, run_trials

    slot = load_bench(bench).slot(name)
    profile, keys = demo_profile(), keys_for(slot)
    plan = Plan(
        profile=profile,
        keys=keys,
        firmware=firmware_for(slot, profile, firmware),
        only=only,
        seed=seed,
        sample=CUT_SAMPLE,
    )
    with hold(slot, purpose=PURPOSE, emit=emit) as held:
        rows = run_trials(held, plan, step=_no_step, emit=emit, check=held.check)
    verdicts = Counter(str(row.verdict) for row in rows)
    cuts: Counter[str] = Counter()
    for row in rows:
        cuts.update(row.details.get("points_by_phase", {}))
    return Attacked(verdicts["HELD"], [row.name for row in rows if row.verdict == "BROKEN"], dict(cuts))


def demo_profile() -> Profile:
    """The demo's security profile."""
    from workbench.images.profile import load_profile

    return load_profile(PROFILE)


def keys_for(slot: Slot) -> KeyFolder:
    """Test keys of the slot's own."""
    from workbench.station.trials import trial_keys

    return trial_keys(slot, demo_profile())


def firmware_for(slot: Slot, profile: Profile, folder: Path) -> Firmware:
    """Bootloader and first application, from a build's folder."""
    from workbench.images.tlvs import Version
    from workbench.updates.provision import find_firmware

    return find_firmware(folder, slot.target, profile, Version.parse(FIRST), 1)


@contextmanager
def _no_step(_step: str, _title: str) -> Iterator[None]:
    yield


def as_result(secured: Secured, updated: Updated, attacked: Attacked, cut: Attacked) -> dict[str, Any]:
    """For `run-finished`."""
    return {
        "profile": secured.profile,
        "version": updated.version,
        "verified": updated.checks,
        "attacks_held": attacked.held,
        "broken": attacked.broken + cut.broken,
        "cuts": cut.cuts,
    }
