"""The phases of flashing: compare, erase, program, verify.  Runs in a session's thread; `flash` is the way
in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.boards.target import Target
from workbench.boards.target_file import Memory
from workbench.probes.algorithm import Algorithms, Page
from workbench.probes.images import Image
from workbench.probes.ledger import Ledger
from workbench.probes.limits import Reporter
from workbench.probes.memory import BLOCK, read_bytes, write_bytes
from workbench.probes.plan import Plan, blocks, config_words, gaps, word_span
from workbench.probes.verify import NOT_VERIFIED, Verification, read_back, read_spans, refuse_differences

Erase = Literal["sector", "chip"]
"""sector: only the sectors that change.  chip: everything, also what the image does not cover."""


@dataclass(slots=True)
class Job:
    """One run of flashing and what came of it."""

    target: Target
    image: Image
    plan: Plan
    ledger: Ledger
    erase: Erase
    verify: bool
    skip_unchanged: bool
    phases_s: dict[str, float] = field(default_factory=dict)
    held: dict[int, bytes] = field(default_factory=dict)
    """Content of sectors that were read and hold the image already, by start."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """Content to be of sectors that must be written, by start."""
    words: dict[int, int] = field(default_factory=dict)
    """Configuration words to write, by address."""
    sectors_erased: int = 0


def make_ledger(plan: Plan, target: Target, erase: Erase) -> Ledger:
    """A ledger of everything that a run may change."""
    sectors = [(sector.start, sector.size) for sector in plan.sectors]
    others = [(segment.address, len(segment.data)) for segment in (*plan.config, *plan.ram)]
    rest = [gap for memory in _flash(target) for gap in gaps(memory, sectors)] if erase == "chip" else []
    return Ledger([*sectors, *others, *rest])


def perform(job: Job, soc: Any, reporter: Reporter) -> Verification:
    """All phases.  On any failure the algorithm is ended as far as it can be, and `job.ledger` tells the
    state.
    """
    algorithms = Algorithms(soc)
    try:
        with _timed(job, "compare"):
            _compare(job, soc, reporter, algorithms)
        with _timed(job, "erase"):
            _erase(job, reporter, algorithms)
        with _timed(job, "program"):
            _program(job, soc, reporter, algorithms)
        with _timed(job, "verify"):
            verification = _verify(job, soc, reporter) if job.verify else NOT_VERIFIED
    except BaseException:
        algorithms.finish_quietly()
        raise
    algorithms.finish()
    return verification


@contextmanager
def _timed(job: Job, phase: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    job.phases_s[phase] = time.monotonic() - started


def _flash(target: Target) -> list[Memory]:
    return [memory for memory in target.memory if memory.kind == "flash" and memory.writable]


def _erased(target: Target, address: int) -> int:
    memory = target.memory_at(address)
    return memory.erased if memory is not None else 0xFF


def _compare(job: Job, soc: Any, reporter: Reporter, algorithms: Algorithms) -> None:
    """Settle which sectors and words must be written.  Writes nothing; refuses what cannot be done."""
    for sector in job.plan.sectors:
        algorithms.at(sector.start).verify_sector(sector.start, sector.size)
    if job.erase == "chip":
        for sector in job.plan.sectors:
            job.contents[sector.start] = sector.over(bytes([_erased(job.target, sector.start)]) * sector.size)
        return
    job.words = _config(job, soc)
    different = _surely_different(job, reporter, algorithms)
    unsure = [sector for sector in job.plan.sectors if sector.start not in different]
    held = read_spans(soc, reporter, [(sector.start, sector.size) for sector in unsure], step="compare")
    for sector in job.plan.sectors:
        now = held.get(sector.start, bytes(sector.size))
        content = sector.over(now)
        if sector.start in held and content == now and job.skip_unchanged:
            job.held[sector.start] = now
        else:
            job.contents[sector.start] = content


def _surely_different(job: Job, reporter: Reporter, algorithms: Algorithms) -> set[int]:
    """Sectors that need not be read: the image covers them wholly, and they differ or are written in any
    case.
    """
    whole = {sector.start: sector.over(bytes(sector.size)) for sector in job.plan.sectors if sector.is_whole}
    if not job.skip_unchanged:
        return set(whole)
    found: set[int] = set()
    for algorithm, starts in algorithms.grouped(whole):
        reporter.beat()
        found |= algorithm.differing([(start, whole[start]) for start in starts])
    return found


def _config(job: Job, soc: Any) -> dict[int, int]:
    words: dict[int, int] = {}
    for segment in job.plan.config:
        first, size = word_span(segment.address, segment.end)
        words |= config_words(segment, read_bytes(soc, first, size), first)
    return words


def _boot_last(job: Job) -> list[int]:
    """Sectors to write; the image's first one, with its vector table, at the end."""
    first = job.plan.sectors[0].start if job.plan.sectors else None
    return sorted(job.contents, key=lambda start: (start == first, start))


def _erase(job: Job, reporter: Reporter, algorithms: Algorithms) -> None:
    if job.erase == "chip":
        erase_chip(job.target, job.ledger, reporter, algorithms)
        job.sectors_erased = sum(
            memory.size // (memory.sector or memory.size) for memory in _flash(job.target)
        )
    else:
        starts = list(reversed(_boot_last(job)))
        sizes = {start: len(job.contents[start]) for start in starts}
        erase_sectors(sizes, job.ledger, reporter, algorithms)
        job.sectors_erased = len(starts)


def erase_sectors(sizes: dict[int, int], ledger: Ledger, reporter: Reporter, algorithms: Algorithms) -> None:
    """Erase the sectors that begin at the keys of `sizes`, in that order."""
    done, total = 0, sum(sizes.values())

    def before(start: int) -> None:
        reporter.beat()
        ledger.mark(start, "unknown")

    def after(start: int) -> None:
        nonlocal done
        ledger.mark(start, "erased")
        done += sizes[start]
        reporter.progress("erase", done, total)

    for algorithm, starts in algorithms.grouped(sizes):
        algorithm.erase_sectors(starts, before, after)


def erase_chip(target: Target, ledger: Ledger, reporter: Reporter, algorithms: Algorithms) -> None:
    """Erase all flash: at once where the algorithm can, else sector by sector."""
    memories = _flash(target)
    total = sum(memory.size for memory in memories)
    reporter.beat()
    reporter.progress("erase", 0, total)
    ledger.mark_all("unknown")
    for memory in memories:
        algorithm = algorithms.at(memory.start)
        if algorithm.can_erase_chip:
            algorithm.erase_chip()
        else:
            sector = memory.sector or memory.size
            beat = lambda _start: reporter.beat()  # noqa: E731
            algorithm.erase_sectors(range(memory.start, memory.end, sector), beat, beat)
    ledger.mark_all("erased")
    reporter.progress("erase", total, total)


def _program(job: Job, soc: Any, reporter: Reporter, algorithms: Algorithms) -> None:
    starts = _boot_last(job)
    done, total = 0, sum(len(data) for data in job.contents.values())

    def before(page: Page) -> None:
        reporter.beat()
        job.ledger.mark(page.sector, "unknown")

    def after(page: Page) -> None:
        nonlocal done
        if page.is_last:
            job.ledger.mark(page.sector, "written")
        done += len(page.data)
        reporter.progress("program", done, total)

    for algorithm, group in algorithms.grouped(starts):
        algorithm.program([(start, job.contents[start]) for start in group], before, after)
    for start in starts:
        job.ledger.mark(start, "written")  # also those that stay blank and have no page to program
    if total:
        reporter.progress("program", total, total)
    _program_config(job, soc, algorithms)
    _load_ram(job, soc, reporter)


def _load_ram(job: Job, soc: Any, reporter: Reporter) -> None:
    done, total = 0, sum(len(segment.data) for segment in job.plan.ram)
    for segment in job.plan.ram:
        job.ledger.mark(segment.address, "unknown")
        for at, size in blocks([(segment.address, len(segment.data))], BLOCK):
            reporter.beat()
            write_bytes(soc, at, segment.data[at - segment.address : at - segment.address + size])
            done += size
            reporter.progress("program", done, total)
        job.ledger.mark(segment.address, "written")


def _program_config(job: Job, soc: Any, algorithms: Algorithms) -> None:
    if job.erase == "chip":
        job.words = _config(job, soc)
    for segment in job.plan.config:
        words = {at: word for at, word in job.words.items() if segment.address - 3 <= at < segment.end}
        job.ledger.mark(segment.address, "unknown")
        if words:
            algorithms.at(segment.address).program_words(words)
        job.ledger.mark(segment.address, "written")


def _verify(job: Job, soc: Any, reporter: Reporter) -> Verification:
    """Read what was written and compare; what was skipped was read already."""
    others = [(segment.address, segment.data) for segment in (*job.plan.config, *job.plan.ram)]
    wanted = sorted([*job.contents.items(), *others])
    held = read_spans(soc, reporter, [(start, len(data)) for start, data in wanted], step="verify")
    refuse_differences(wanted, held)
    return read_back(job.image, job.held | held)
