"""Forged images, offered over the wire and, where the application refuses them already, planted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbench.updates.trials.forgery import Forgery
from workbench.updates.trials.model import Row, Verdict, not_run
from workbench.updates.trials.unit import Seen, Unit

GROUP = "image"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what it was drawn from, in words."""

    verdict: Verdict
    observed: str


def try_forgery(unit: Unit, forgery: Forgery) -> Row:
    """One forgery on the unit, which runs the allowed image afterwards, or the row says that it does not."""
    why = forgery.when(unit.profile)
    if why is not None:
        return not_run(forgery.name, GROUP, forgery.title, forgery.expected, why)
    began_s = time.monotonic()
    image = forgery.make(unit.shop)
    seen = unit.offer(image)
    after = unit.settle()
    planted = None
    if _reaches_no_further(forgery, seen) and unit.site.debug is not None and unit.is_allowed(after):
        planted = unit.plant(image)
        after = unit.settle()
    found = judge(forgery, seen, planted)
    if not unit.is_allowed(after):
        found = Judged(Verdict.BROKEN, f"{found.observed}; afterwards it does not run the allowed image")
    printed = [*seen.printed.splitlines(), *(planted.printed.splitlines() if planted else ())]
    return Row(
        name=forgery.name,
        group=GROUP,
        title=forgery.title,
        expected=forgery.expected,
        observed=found.observed,
        verdict=found.verdict,
        seconds=round(time.monotonic() - began_s, 2),
        details={"image_bytes": len(image), "console": printed},
    )


def _reaches_no_further(forgery: Forgery, seen: Seen) -> bool:
    """Whether the application kept from the bootloader what that must refuse too."""
    return forgery.structural and not forgery.application and seen.stage in ("upload", "application")


def judge(forgery: Forgery, seen: Seen, planted: Seen | None) -> Judged:
    """Whether what was seen is what must be.  Pure."""
    observed = str(seen)
    if forgery.shows:
        return Judged(Verdict.SHOWN if seen.stage == "started" else Verdict.BROKEN, observed)
    if forgery.application:
        held = seen.stage in ("upload", "application")
        return Judged(Verdict.HELD if held else Verdict.BROKEN, observed)
    held = _held(forgery, seen) or (forgery.structural and seen.stage in ("upload", "application"))
    if planted is not None:
        observed = f"{observed}; planted, {planted}"
        held = held and _held(forgery, planted)
    elif held and seen.stage != "bootloader":
        observed = f"{observed}; not tried on the bootloader, there is no debug port"
    elif not held and seen.stage not in ("started", "silent"):
        observed = f"{observed}: not the check that should have refused it"
    return Judged(Verdict.HELD if held else Verdict.BROKEN, observed)


def _held(forgery: Forgery, seen: Seen) -> bool:
    return seen.stage == "bootloader" and seen.reason in forgery.reasons
