"""Updates that do not go straight: broken off, disturbed, not confirmed, put off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from workbench.errors import Stopped
from workbench.events import Emit, Event, Progress, ignore
from workbench.updates.trials.model import Row, Verdict, not_run
from workbench.updates.trials.unit import Unit
from workbench.updates.trials.workshop import harmless_change
from workbench.updates.upload import Upload
from workbench.wires.smp_errors import SmpRefused

GROUP: Final = "update"

Trial = Callable[[Unit], str | None]
"""What went wrong, None where all was as it must be."""


class _Enough(Stopped):
    """An upload that is broken off on purpose."""


def _stop_at(share: float) -> Emit:
    """Breaks an upload off once that share of it is done."""

    def hear(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= event.total * share:
            raise _Enough("broken off")

    return hear


def begin_upload(unit: Unit, image: bytes, share: float = 0.5) -> None:
    """Uploads a part of an image."""
    try:
        Upload(
            unit.site.smp, image, unit.device.params(), emit=_stop_at(share), check=unit.site.check, window=1
        ).run()
    except _Enough:
        return


def interrupted(unit: Unit) -> str | None:
    """An upload stops in the middle and goes on where it was."""
    good = unit.shop.good
    begin_upload(unit, good)
    done = Upload(unit.site.smp, good, unit.device.params(), emit=ignore, check=unit.site.check).run()
    if not done.resumed_at:
        return "the upload began anew"
    refused = unit.mark(good)
    seen = unit.look(unit.restart()) if refused is None else refused
    if seen.stage != "started":
        return str(seen)
    return unit.confirm(unit.shop.next, unit.shop.signed_s)


def interrupted_by_restart(unit: Unit) -> str | None:
    """An upload stops, the board restarts, and runs what it ran; the upload then is finished."""
    good = unit.shop.good
    begin_upload(unit, good)
    if not unit.is_allowed(unit.restart()):
        return "after half an upload and a restart it does not run the allowed image"
    return unit.update(good)


def half_marked(unit: Unit) -> str | None:
    """Half an image is marked for the next start."""
    good = unit.shop.good
    begin_upload(unit, good)
    refused = unit.mark(good)
    if refused is not None:
        return None
    seen = unit.look(unit.restart())
    return None if seen.stage == "bootloader" else f"half an image: {seen}"


def changed_midway(unit: Unit) -> str | None:
    """The first half of one release, the second half of another."""
    good, other = unit.shop.good, unit.shop.release(payload=harmless_change(unit.shop.plain).payload[::-1])
    size = min(len(good), len(other)) // 2
    mixed = good[:size] + other[size:]
    seen = unit.offer(mixed)
    return f"a mixture of two releases: {seen}" if seen.stage in ("started", "silent") else None


def during_trial(unit: Unit) -> str | None:
    """While an image is on trial, the slot that holds the way back must not be written."""
    shop = unit.shop
    seen = unit.offer(shop.good)
    if seen.stage != "started":
        return f"the good release: {seen}"
    later = shop.release(version=replace(shop.next, revision=shop.next.revision + 1))
    refused = unit.upload(later)
    if refused is None:
        return "it took an upload over the image to fall back to"
    if _erase(unit):
        return "it erased the image to fall back to"
    back = unit.restart()
    return None if unit.is_allowed(back) else "it did not fall back afterwards"


def during_request(unit: Unit) -> str | None:
    """What is marked for the next start cannot be exchanged before it."""
    shop = unit.shop
    refused = unit.upload(shop.good) or unit.mark(shop.good)
    if refused is not None:
        return f"the good release: {refused}"
    later = shop.release(version=replace(shop.next, revision=shop.next.revision + 1))
    if unit.upload(later) is None:
        return "it took another image into the slot that is to be installed"
    if _erase(unit):
        return "it erased the slot that is to be installed"
    seen = unit.look(unit.restart())
    if seen.stage != "started" or seen.words != str(shop.next):
        return f"after it: {seen}"
    return unit.confirm(shop.next, shop.signed_s)


def unconfirmed(unit: Unit) -> str | None:
    """An image that nobody confirms goes at the next restart."""
    seen = unit.offer(unit.shop.good)
    if seen.stage != "started":
        return f"the good release: {seen}"
    boot = unit.restart()
    if not unit.is_allowed(boot):
        return "it did not go back to the confirmed image"
    return None if "boot: reverting" in boot.printed else "it went back without saying so"


def unconfirmed_power(unit: Unit) -> str | None:
    """The same by power."""
    seen = unit.offer(unit.shop.good)
    if seen.stage != "started":
        return f"the good release: {seen}"
    unit.power_cycle()
    return None if unit.is_allowed(unit.wait()) else "it did not go back to the confirmed image"


def replayed(unit: Unit) -> str | None:
    """A release that was good, recorded and sent again after a newer one was installed."""
    recorded = unit.shop.good
    problem = unit.update(recorded) or unit.update()
    if problem is not None:
        return f"the good releases: {problem}"
    seen = unit.offer(recorded)
    return None if seen.stage == "bootloader" else f"an older release: {seen}"


def confirm_waiting(unit: Unit) -> str | None:
    """Confirming an image that never ran must not install it without all checks."""
    bad = unit.shop.recomputed(harmless_change(unit.shop.plain))
    if unit.profile.authenticity.method == "none":
        bad = unit.shop.without(0x50)
    refused = unit.upload(bad) or unit.mark(bad, permanent=True)
    seen = refused or unit.look(unit.restart())
    return None if seen.stage in ("application", "bootloader") else f"a forgery for good: {seen}"


def unasked(unit: Unit) -> str | None:
    """An optional release waits for consent, and none is given."""
    image = unit.shop.release(severity="optional")
    refused = unit.upload(image)
    if refused is not None:
        return f"the optional release: {refused}"
    marked = unit.mark(image)
    seen = marked or unit.look(unit.restart())
    return None if seen.stage in ("application", "bootloader") else f"without consent: {seen}"


def _erase(unit: Unit) -> bool:
    """Whether the unit erased its secondary slot."""
    from workbench.wires.smp_message import Op, Request

    try:
        unit.site.smp.call(Request("to erase the slot", Op.WRITE, 1, 5, {"slot": 1}), timeout_s=20.0)
    except SmpRefused:
        return False
    return True


TRIALS: Final[dict[str, tuple[str, str, Trial]]] = {
    "upload-interrupted": (
        "an upload broken off in the middle",
        "goes on where it was, installs",
        interrupted,
    ),
    "upload-restarted": (
        "an upload broken off by a restart",
        "runs on, then installs",
        interrupted_by_restart,
    ),
    "upload-half-marked": ("half an image marked for the next start", "refused", half_marked),
    "upload-mixed": ("halves of two releases", "refused", changed_midway),
    "upload-on-trial": ("an upload while an image is on trial", "refused, falls back", during_trial),
    "upload-requested": (
        "an upload over an image that waits",
        "refused, installs what waited",
        during_request,
    ),
    "unconfirmed": ("a good image that nobody confirms", "falls back at the next restart", unconfirmed),
    "unconfirmed-power": ("the same, with a power cycle", "falls back", unconfirmed_power),
    "replay-older": ("an older good release, recorded and sent again", "refused", replayed),
    "confirm-unseen": ("a forgery that is marked for good at once", "refused", confirm_waiting),
    "no-consent": ("an optional release without consent", "not installed", unasked),
}


def try_update(unit: Unit, name: str) -> Row:
    """One of them; the unit runs an allowed image afterwards, or the row says that it does not."""
    title, expected, trial = TRIALS[name]
    if name == "unconfirmed-power" and unit.site.power is None:
        return not_run(name, GROUP, title, expected, "the slot has no power switch")
    if name == "replay-older" and unit.profile.rollback.allow_version_downgrade:
        return not_run(name, GROUP, title, expected, "the profile allows older versions")
    began_s = time.monotonic()
    problem = trial(unit)
    after = unit.settle()
    if problem is None and not unit.is_allowed(after):
        problem = "afterwards it does not run the allowed image"
    return Row(
        name=name,
        group=GROUP,
        title=title,
        expected=expected,
        observed=problem or expected,
        verdict=Verdict.BROKEN if problem else Verdict.HELD,
        seconds=round(time.monotonic() - began_s, 2),
    )
