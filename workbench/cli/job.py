"""A verb on one board: chosen slot, held, in a run that is journaled, recorded and shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from workbench.boards.bench import BENCH_FILE, Bench, Slot, load_bench
from workbench.cli import signals, stderr, words
from workbench.cli.faces import Face, Words, make_face
from workbench.cli.options import Choice
from workbench.errors import Blame, InputError, Stopped, WorkbenchError
from workbench.station.channel import Listener
from workbench.station.places import database_url, journal_dir
from workbench.station.run import Run
from workbench.station.slots import Connect, Held, debugging, hold

if TYPE_CHECKING:
    from workbench.probes.session import Debug


CONNECT_S: Final = 15.0
"""How long connecting to a chip may take."""


class SlotNotChosen(InputError):
    """It is not clear which slot is meant."""

    code = "slot-not-chosen"
    default_cause = "the bench has several slots, and the command names none"
    default_action = (
        "name the slot; `workbench slot list` shows them, --all takes all of them where it is offered"
    )


class TimeOver(WorkbenchError):
    """The command took longer than --timeout allows."""

    code = "timeout"
    blame = Blame.STATION
    default_cause = "the board or its probe is slower than expected, or something hangs"
    default_action = "give it more time with --timeout, or run `workbench doctor`"


@dataclass(frozen=True, slots=True)
class Verb:
    """What a command does to a board.

    `words`: its result in lines; `brief`: in a few words, for a table; `preload`: modules worth importing
    once where several slots are worked on at the same time.
    """

    name: str
    work: Callable[[Job], None]
    words: Words = words.nothing
    brief: Callable[[dict[str, Any]], str] = lambda _: ""
    preload: tuple[str, ...] = ()


@dataclass(slots=True)
class Job:
    """One verb in one slot, while it is carried out."""

    bench: Bench
    slot: Slot
    choice: Choice
    verb: str
    run: Run
    state: str = "nothing on the chip was changed"
    """What is known of the chip, said when somebody stops the work."""
    ends_at: float | None = None
    _held: Held | None = field(default=None)

    @property
    def held(self) -> Held:
        """The slot while it is held."""
        assert self._held is not None
        return self._held

    @contextmanager
    def hold(self, *, power: bool = True) -> Iterator[Held]:
        """The slot, for the body."""
        held_here = hold(
            self.slot,
            purpose=self.verb,
            emit=self.run.emit,
            kick=self.choice.kick,
            wait_s=self.choice.wait_s,
            power=power,
            ask=stderr.ask,
        )
        with held_here as held:
            self._held = held
            try:
                yield held
            finally:
                self._held = None

    @contextmanager
    def debug(self, connect: Connect = "halt", *, identify: bool = True) -> Iterator[Debug]:
        """The slot and a debug session with its own chip, for the body."""
        with self.hold() as held:
            session = debugging(
                held,
                emit=self.run.emit,
                accept_chip=self.choice.accept_chip,
                connect=connect,
                timeout_s=self.left_s(CONNECT_S),
                identify=identify,
            )
            with session as debug:
                yield debug

    def check_stop(self) -> None:
        """Raises LeaseLost or Stopped where the work must end; verbs ask several times a second."""
        self.run.check()
        if self._held is not None:
            self._held.check()

    def check(self) -> None:
        """As `check_stop`, and raises TimeOver after --timeout: for verbs without a limit of their own."""
        self.check_stop()
        if self.ends_at is not None and time.monotonic() > self.ends_at:
            longest = f"{self.verb} took longer than {self.choice.timeout_s:g} s"
            raise TimeOver(f"slot {self.slot.name}: {longest}; {self.state}")

    def left_s(self, most: float) -> float:
        """Seconds until --timeout, at most `most`."""
        return most if self.ends_at is None else max(0.1, min(most, self.ends_at - time.monotonic()))


def bench_of(path: Path | None) -> Bench:
    """The bench of `--bench`, which may name a folder, or the one that is found."""
    return load_bench(path / BENCH_FILE if path is not None and path.is_dir() else path)


def slots_of(bench: Bench, choice: Choice) -> list[Slot]:
    """The slots that are meant, each once; raises SlotUnknown, SlotNotChosen."""
    if choice.all and choice.slots:
        raise SlotNotChosen("both --all and single slots were named", cause="they exclude each other")
    if choice.slots:
        return [bench.slot(name) for name in dict.fromkeys(choice.slots)]
    if not bench.slots:
        raise SlotNotChosen(
            f"{bench.path} has no slots",
            cause="the bench file is empty",
            action="add slots: `workbench bench detect` shows what is plugged in",
        )
    if choice.all or len(bench.slots) == 1:
        return list(bench.slots.values())
    raise SlotNotChosen(f"no slot was named; there are: {', '.join(bench.slots)}")


def perform(verb: Verb, choice: Choice) -> None:
    """The verb in every chosen slot; ends the program with the exit code that says how it went."""
    bench = bench_of(choice.bench)
    slots = slots_of(bench, choice)
    if len(slots) > 1:
        from workbench.cli.many import perform_many

        raise typer.Exit(perform_many(verb, bench, slots, choice))
    face = make_face(choice.output, verb.words)
    try:
        raise typer.Exit(carry_out(verb, bench, slots[0], choice, face))
    finally:
        face.close()


def carry_out(verb: Verb, bench: Bench, slot: Slot, choice: Choice, face: Face | Listener) -> int:
    """The verb in one slot, shown by `face`; returns the exit code.  Raises only where no run could begin."""
    run = Run.begin(
        verb.name,
        slot.name,
        slot.target.name,
        journal_dir=journal_dir(bench.folder),
        records=database_url(bench.folder),
        listeners=[face],
    )
    ends_at = None if choice.timeout_s is None else time.monotonic() + choice.timeout_s
    job = Job(bench, slot, choice, verb.name, run, ends_at=ends_at)
    try:
        with run:
            _work(verb, job)
    except (WorkbenchError, KeyboardInterrupt):
        if run.verdict is None:
            raise
    return run.exit_code


def _work(verb: Verb, job: Job) -> None:
    try:
        verb.work(job)
    except KeyboardInterrupt:
        what = f"slot {job.slot.name}: {job.verb} was stopped; {job.state}"
        raise Stopped(what, cause=signals.reason()) from None
