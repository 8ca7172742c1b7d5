"""A full flash of 200 KiB against bare pyOCD on the same probe, and an unchanged image against a full one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import Place
from benchmarks.ratios import Goal, Row, milliseconds, ratios, timed
from workbench.boards.bench import Slot
from workbench.probes.flash import flash
from workbench.probes.images import load_images
from workbench.probes.session import open_debug

UNVERIFIED: Final = Goal("at most", 1.1)
VERIFIED: Final = Goal("at most", 1.3)
UNCHANGED: Final = Goal("at least", 5.0)


def measure(place: Place, rounds: int) -> list[Row]:
    """Rounds of bare pyOCD, workbench without and with verification, and the same image once more.

    Every write goes over the other image, so that every sector changes.  Connecting is not measured, reading
    the file is.  The first round only warms up.
    """
    slot = next(iter(place.bench.slots.values()))
    slot.need_power().on()
    taken: list[tuple[float, float, float, float]] = []
    images = place.others()
    for _ in range(rounds + 1):
        first = _bare(slot, next(images))
        plain = _ours(slot, next(images), verify=False)
        second = _bare(slot, next(images))
        last = next(images)
        verified = _ours(slot, last, verify=True)
        same = _ours(slot, last, verify=True)
        taken.append(((first + second) / 2, plain, verified, same))
    slot.need_power().off()
    bare, plains, fulls, sames = zip(*taken[1:], strict=True)
    against = f"{milliseconds(bare)} bare"
    return [
        Row(
            "200 KiB without verification, against bare pyOCD",
            ratios(plains, bare),
            "times",
            UNVERIFIED,
            f"{milliseconds(plains)} against {against}",
        ),
        Row(
            "200 KiB with verification, against bare pyOCD without",
            ratios(fulls, bare),
            "times",
            VERIFIED,
            f"{milliseconds(fulls)} against {against}",
        ),
        Row(
            "unchanged 200 KiB, how much faster than a full flash",
            ratios(fulls, sames),
            "times",
            UNCHANGED,
            f"{milliseconds(sames)} against {milliseconds(fulls)}",
        ),
    ]


def _ours(slot: Slot, image: Path, *, verify: bool) -> float:
    with open_debug(slot) as debug:

        def act() -> None:
            flash(debug, load_images([image], slot.target), verify=verify)

        return timed(act)


def _bare(slot: Slot, image: Path) -> float:
    """pyOCD's own way, as its documentation shows it, with its default options."""
    from pyocd.flash.file_programmer import FileProgrammer

    with _bare_session(slot) as session:

        def act() -> None:
            FileProgrammer(session, progress=_silent).program(str(image))

        return timed(act)


@contextmanager
def _bare_session(slot: Slot) -> Iterator[Any]:
    from pyocd.core.helpers import ConnectHelper

    options = {
        "target_override": slot.target.debug.pyocd,
        "no_config": True,
        "auto_unlock": False,
        "resume_on_disconnect": False,
    }
    session = ConnectHelper.session_with_chosen_probe(
        unique_id=slot.need_probe().unique_id, blocking=False, options=options
    )
    session.target.load_svd = lambda: None  # it would read register descriptions in the background
    with session:
        session.target.reset_and_halt()
        yield session


def _silent(_done: float) -> None:
    """In place of pyOCD's progress bar."""
