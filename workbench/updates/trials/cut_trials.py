"""Power cuts on the board: during an upload, an installation, a revert, a raise of the counter.

What a switch can do decides how: one that goes back in time tries many points of one boot; one that cuts at a
chosen operation tries a few; any other none.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from workbench.boards.power import CutMode, CutOutcome, CuttingSwitch, PowerSwitch, SweepingSwitch
from workbench.events import Progress, ignore
from workbench.images.tlvs import Version
from workbench.updates.trials.cuts import UNTIL, Areas, Rule, Tally, Wrong, areas_of, choose, judge_outcomes
from workbench.updates.trials.model import Row, Verdict, not_run
from workbench.updates.trials.unit import Boot, Unit
from workbench.updates.upload import Upload
from workbench.wires.errors import SerialLost, SerialTimeout
from workbench.wires.smp_errors import SmpGarbled, SmpRefused, SmpSilent

GROUP: Final = "power"
RECORD_S: Final = 120.0
POINT_S: Final = 60.0
LIVE_CUTS: Final = 4
"""Cuts of each kind while the application runs, which are tried one after the other."""
EXPECTED: Final = "starts the old or the new image after each cut, and updates again"
MODES: Final[tuple[CutMode, ...]] = ("clean", "torn")
_GONE: Final = (SerialLost, SerialTimeout, SmpSilent, SmpGarbled, SmpRefused)


@dataclass(frozen=True, slots=True)
class Scene:
    """A boot to cut: `prepare` brings the unit to it and says what may start, or what went wrong."""

    title: str
    prepare: Callable[[Unit], Rule | str]


def _to_install(unit: Unit, *, permanent: bool) -> Rule | str:
    shop = unit.shop
    refused = unit.upload(shop.good) or unit.mark(shop.good, permanent=permanent)
    if refused is not None:
        return f"the good release: {refused}"
    # cut after the trial has begun, the next boot takes the image back
    return Rule(shop.next, shop.next if permanent else shop.running)


def _to_revert(unit: Unit) -> Rule | str:
    seen = unit.offer(unit.shop.good)
    return Rule(unit.running, unit.running) if seen.stage == "started" else f"the good release: {seen}"


def _to_count(unit: Unit) -> Rule | str:
    """A confirmed image with a higher counter: the next boot raises it."""
    shop = unit.shop
    image = shop.release(counter=shop.counter + 1)
    problem = unit.update(image)
    return problem or Rule(unit.running, unit.running)


SCENES: Final[dict[str, Scene]] = {
    "cut-install": Scene(
        "power cuts while an image is installed on trial", lambda u: _to_install(u, permanent=False)
    ),
    "cut-install-permanent": Scene(
        "power cuts while an image is installed for good", lambda u: _to_install(u, permanent=True)
    ),
    "cut-revert": Scene("power cuts while an image is taken back", _to_revert),
    "cut-counter": Scene("power cuts while the security counter is raised", _to_count),
}


def cut_boot(unit: Unit, name: str, seed: int, *, sample: int | None) -> Row:
    """Cuts at the flash operations of one boot, clean and torn."""
    scene, power = SCENES[name], _cutting(unit)
    if name == "cut-counter" and unit.profile.rollback.counter == "none":
        return not_run(name, GROUP, scene.title, EXPECTED, "the profile has no security counter")
    if power is None:
        return not_run(name, GROUP, scene.title, EXPECTED, _no_cuts(unit.site.power))
    began_s = time.monotonic()
    rule = scene.prepare(unit)
    if isinstance(rule, str):
        return _row(name, scene.title, Tally(), rule, began_s, seed)
    if isinstance(power, SweepingSwitch):
        tally = _sweep(unit, power, rule, seed, sample=sample)
        boot = _after(unit)
    else:
        tally, boot = _cut_once(unit, power, rule, seed)
    return _row(name, scene.title, tally, _aftermath(unit, boot, rule), began_s, seed)


def _sweep(unit: Unit, power: SweepingSwitch, rule: Rule, seed: int, *, sample: int | None) -> Tally:
    """Every chosen point of one boot, in both modes; the board itself is off and takes no part."""
    power.off()
    recording = power.record_boot(UNTIL, RECORD_S)
    areas = areas_of(unit.site.target)
    points = choose(recording.operations, areas, seed, sample=sample)

    def outcomes() -> Iterator[CutOutcome]:
        done = 0
        for mode in MODES:
            for outcome in power.sweep_cuts(recording, points, mode, seed, POINT_S):
                done += 1
                unit.site.emit(Progress(step="cuts", done=done, total=2 * len(points), unit="points"))
                unit.site.check()
                yield outcome

    return judge_outcomes(outcomes(), areas, rule)


def _after(unit: Unit) -> Boot:
    unit.power_on()
    return unit.wait()


def _cut_once(unit: Unit, power: CuttingSwitch, rule: Rule, seed: int) -> tuple[Tally, Boot]:
    """One cut on the board itself, by lot."""
    dice = random.Random(seed)
    tally, mode = Tally(), dice.choice(MODES)
    power.arm_cut(dice.randrange(1, 2000), mode, seed)
    unit.site.printed.mark()
    with suppress(*_GONE):
        unit.device.reset()
    boot = unit.wait()
    if boot.identity is None:
        boot = _after(unit)
    _count(tally, areas_of(unit.site.target), power, boot, rule)
    return tally, boot


def _count(tally: Tally, areas: Areas, power: CuttingSwitch, boot: Boot, rule: Rule) -> None:
    """Adds a cut on the board itself."""
    report = power.cut_report()
    phase = areas.of(report) if report is not None else "none came"
    version = boot.identity.version if boot.identity is not None else None
    tally.points[phase] += 1
    tally.started.setdefault(phase, Counter())[version or "nothing"] += 1
    if version is None or not rule.allows(version):
        at = (report.operations, report.mode, report.address) if report is not None else (0, "no", 0)
        what = f"started {version or 'nothing'}"
        tally.wrong.append(Wrong(at[0], at[1], phase, at[2], what))


def cut_upload(unit: Unit, name: str, seed: int) -> Row:
    """Cuts while an image is uploaded: the unit runs what it ran, and takes the image afterwards."""
    title, power = "power cuts while an image is uploaded", _cutting(unit)
    if power is None:
        return not_run(name, GROUP, title, EXPECTED, _no_cuts(unit.site.power))
    began_s = time.monotonic()
    shop, tally, areas = unit.shop, Tally(), areas_of(unit.site.target)
    dice = random.Random(seed)
    words = len(shop.good) // 4
    for _ in range(LIVE_CUTS):
        power.arm_cut(dice.randrange(1, words), dice.choice(MODES), dice.randrange(1 << 30))
        _until_gone(unit, shop.good)
        boot = _after(unit)
        _count(tally, areas, power, boot, Rule(shop.running, shop.running))
    return _row(name, title, tally, unit.update(), began_s, seed)


def _until_gone(unit: Unit, image: bytes) -> None:
    """Uploads until the power goes, or to the end."""
    power = unit.site.power
    assert isinstance(power, CuttingSwitch)

    def check() -> None:
        unit.site.check()
        if power.state() == "off":
            raise SerialLost("the power has gone")

    try:
        Upload(unit.site.smp, image, unit.device.params(), emit=ignore, check=check, window=1).run()
    except _GONE:
        return


def cut_confirm(unit: Unit, name: str, seed: int) -> Row:
    """Cuts while the confirmation is written: the new image stays, or the old one comes back."""
    title, power = "power cuts while an image is confirmed", _cutting(unit)
    if power is None:
        return not_run(name, GROUP, title, EXPECTED, _no_cuts(unit.site.power))
    began_s = time.monotonic()
    tally, areas, dice = Tally(), areas_of(unit.site.target), random.Random(seed)
    problem: str | None = None
    for _ in range(LIVE_CUTS):
        shop = unit.shop
        seen = unit.offer(shop.good)
        if seen.stage != "started":
            problem = f"the good release: {seen}"
            break
        power.arm_cut(dice.randrange(1, 34), dice.choice(MODES), dice.randrange(1 << 30))
        with suppress(*_GONE):
            unit.device.set_image(None, confirm=True)
        power.off()
        boot = _after(unit)
        _count(tally, areas, power, boot, Rule(shop.running, shop.next))
        problem = _aftermath(unit, boot, Rule(shop.running, shop.next), again=False)
        if problem is not None:
            break
    return _row(name, title, tally, problem or unit.update(), began_s, seed)


def _aftermath(unit: Unit, boot: Boot, rule: Rule, *, again: bool = True) -> str | None:
    """Brings the unit to an allowed, confirmed image, and updates it; what is wrong, if something is."""
    identity = boot.identity
    if identity is None:
        return "the board does not answer afterwards"
    if not rule.allows(identity.version):
        return f"the board runs {identity.version} afterwards"
    if identity.hash != unit.running_hash:
        version = Version.parse(identity.version)
        problem = unit.confirm(version, unit.shop.signed_s)
        if problem is not None:
            return problem
    else:
        unit.note(identity)
    return unit.update() if again else None


def _cutting(unit: Unit) -> CuttingSwitch | None:
    """The switch, where it can cut at an operation, and the board has flash to cut at."""
    power = unit.site.power
    able = "power-cut" in unit.site.target.capabilities
    return power if able and isinstance(power, CuttingSwitch) else None


def _no_cuts(power: PowerSwitch | None) -> str:
    return "the slot has no power switch" if power is None else "nothing can be cut at a chosen operation"


def _row(name: str, title: str, tally: Tally, problem: str | None, began_s: float, seed: int) -> Row:
    seconds = time.monotonic() - began_s
    by_phase = ", ".join(f"{phase} {count}" for phase, count in tally.points.items())
    observed = f"{tally.total} points" + (f" ({by_phase})" if by_phase else "")
    if tally.wrong:
        observed += f"; {len(tally.wrong)} wrong, the first: {tally.wrong[0]}"
    if problem is not None:
        observed += f"; {problem}"
    broken = bool(tally.wrong) or problem is not None
    return Row(
        name=name,
        group=GROUP,
        title=title,
        expected=EXPECTED,
        observed=observed,
        verdict=Verdict.BROKEN if broken else Verdict.HELD,
        seconds=round(seconds, 2),
        details={"seed": seed, **tally.as_json()},
    )
