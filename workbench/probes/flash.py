"""The flash engine: bring a chip's memory to what an image holds, skip what it holds already, read back what
was written.

Order: look for a lock, reset and halt, compare, erase, program, read back.  All sectors that change are
erased before the first is programmed, and the one with the vector table is programmed last: a chip whose
write was cut short does not start half an image.  The core is left halted; `start_image` or `Debug.reset`
runs it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from workbench.errors import Stopped, WorkbenchError
from workbench.events import Emit
from workbench.probes import guard
from workbench.probes.errors import FlashInterrupted
from workbench.probes.images import Image
from workbench.probes.ledger import Ledger
from workbench.probes.limits import Limits
from workbench.probes.phases import Erase, Job, make_ledger, perform
from workbench.probes.plan import make_plan
from workbench.probes.session import STALL_S, TOTAL_S, Debug
from workbench.probes.verify import Verification

CHIP_ERASE_STALL_S: Final = 250.0
"""Longest time for erasing a whole chip, which gives no sign of life; pyOCD itself gives it 240 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FlashResult:
    """What flashing did.  Sizes in bytes; `phases_s` has seconds by "compare", "erase", "program", "verify".

    `bytes_programmed` and `bytes_skipped` add up to `image_bytes`; `bytes_kept` lie in the same sectors as
    bytes that were programmed, are not of the image, and were written again as they were.
    """

    image_bytes: int
    image_sha256: str
    bytes_programmed: int
    bytes_skipped: int
    bytes_kept: int
    sectors_erased: int
    sectors_skipped: int
    erase: Erase
    seconds: float
    phases_s: dict[str, float]
    verification: Verification

    @property
    def kib_per_s(self) -> float:
        """Image bytes over the whole time, verification included."""
        return self.image_bytes / 1024 / self.seconds if self.seconds > 0 else 0.0


def flash(
    debug: Debug,
    image: Image,
    *,
    verify: bool = True,
    erase: Erase = "sector",
    skip_unchanged: bool = True,
    permit_identity: bool = False,
    emit: Emit | None = None,
    check: Callable[[], object] | None = None,
    limit_s: float = TOTAL_S,
) -> FlashResult:
    """Bring the chip to what `image` holds, with Progress events "compare", "erase", "program", "verify".

    Bytes that share a sector with the image but are not in it are kept, unless `erase` is "chip".  A sector
    is skipped only after its content was read and found equal, never on a checksum alone.  `check` is called
    about 20 times a second; when it raises Stopped, or on Ctrl-C, the page under way is finished and
    FlashInterrupted tells the chip's state.  `permit_identity` lets a chip erase destroy an identity area
    that is not blank.

    Raises ChipLocked, ImageOverIdentity and ImageNeedsErase before anything is written; FlashVerifyFailed;
    FlashFailed, ProbeLost and DebugTimeout with what is known of the chip's content.
    """
    started = time.monotonic()
    plan = make_plan(image, debug.target)
    ledger = make_ledger(plan, debug.target, erase)
    job = Job(debug.target, image, plan, ledger, erase, verify, skip_unchanged)
    guard.refuse_locked(debug)
    if erase == "chip" and not permit_identity:
        guard.refuse_identity_loss(debug)
    with changing(debug, ledger):
        verification = debug.run(
            "flashing",
            lambda soc, reporter: perform(job, soc, reporter),
            limits=Limits(limit_s, CHIP_ERASE_STALL_S if erase == "chip" else STALL_S),
            ledger=ledger,
            emit=emit,
            check=check,
        )
    return _result(job, verification, time.monotonic() - started)


@contextmanager
def changing(debug: Debug, ledger: Ledger) -> Iterator[None]:
    """Reset and halt the chip for a change of its flash, whose progress `ledger` keeps.

    Afterwards the core stays halted, for pyOCD's code has used its registers and RAM; but a chip on which
    nothing was changed is reset and runs on.  Ctrl-C and Stopped become FlashInterrupted with the state.
    """
    debug.reset(halt=True)
    try:
        yield
    except BaseException as error:
        state = ledger.state()
        if state.is_untouched:
            with contextlib.suppress(WorkbenchError):
                debug.reset()
        if isinstance(error, (KeyboardInterrupt, Stopped)):
            cause = error.what if isinstance(error, Stopped) else "Ctrl-C"
            what = f"slot {debug.slot.name}: stopped while changing flash. State of the chip: {state.words()}"
            raise FlashInterrupted(what, state=state, cause=cause) from error
        raise


def _result(job: Job, verification: Verification, seconds: float) -> FlashResult:
    plan, written = job.plan, set(job.contents)
    changed = [sector for sector in plan.sectors if sector.start in written]
    programmed = sum(sector.covered for sector in changed)
    programmed += sum(len(segment.data) for segment in (*plan.config, *plan.ram))
    return FlashResult(
        image_bytes=job.image.size_bytes,
        image_sha256=job.image.sha256,
        bytes_programmed=programmed,
        bytes_skipped=job.image.size_bytes - programmed,
        bytes_kept=0 if job.erase == "chip" else sum(sector.size - sector.covered for sector in changed),
        sectors_erased=job.sectors_erased,
        sectors_skipped=len(plan.sectors) - len(changed),
        erase=job.erase,
        seconds=seconds,
        phases_s=dict(job.phases_s),
        verification=verification,
    )
