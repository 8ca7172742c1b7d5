"""`workbench console`: a board's serial line on the terminal, or in a pipe."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from workbench.cli import options as opt
from workbench.cli import signals, stderr, stdout
from workbench.cli.commands import new_app
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.cli.job import Job
    from workbench.wires.interactive import Options, Outcome
    from workbench.wires.serial_port import PortSettings

app = new_app()

PARITY: Final[dict[str, Literal["N", "E", "O"]]] = {"none": "N", "even": "E", "odd": "O"}


@app.command()
def console(
    slot_argument: opt.OneSlot = None,
    bench: opt.Bench = None,
    slot: opt.OneSlotOption = None,
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect", metavar="TEXT", help="End as soon as the board prints this.", show_default=False
        ),
    ] = None,
    regex: Annotated[bool, typer.Option("--regex", help="TEXT of --expect is a regular expression.")] = False,
    expect_timeout: Annotated[
        float,
        typer.Option("--expect-timeout", metavar="SECONDS", min=0.01, help="How long to wait for TEXT."),
    ] = 30.0,
    reset: Annotated[bool, typer.Option("--reset", help="Reset the board once the console listens.")] = False,
    timestamps: Annotated[
        bool, typer.Option("--timestamps/--no-timestamps", help="Time before each line.")
    ] = True,
    idle: Annotated[
        float,
        typer.Option(
            "--idle", metavar="SECONDS", min=0.0, help="In a pipe: end when the board was quiet for so long."
        ),
    ] = 1.0,
    line_end: Annotated[
        str, typer.Option(help="In a pipe: what ends a line that is sent: cr, lf or crlf.")
    ] = "cr",
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE",
            help="Raw bytes are added to this file. Default: console.log of the slot.",
            show_default=False,
        ),
    ] = None,
    kick: opt.Kick = False,
    wait: opt.Wait = 0.0,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Talk to a board over its serial line.

    What you type goes to the board, Ctrl-C included; Ctrl-] q ends the console, Ctrl-] ? helps. It stays
    open over resets, power cycles and unplugging. In a pipe, the lines of standard input are sent.

    \b
    Examples:
      workbench console v1
      workbench console v1 --reset --expect "hello" --expect-timeout 5
      echo status | workbench console v1 --no-timestamps
    """
    from workbench.cli.job import Verb, perform

    choice = opt.choose(
        bench,
        [name for name in (slot_argument, slot) if name is not None],
        kick=kick,
        wait=wait,
        json=json,
        plain=plain,
    )
    if len(set(choice.slots)) > 1:
        raise InputError("two slots were named", cause="a console shows one board")
    ends = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}
    if line_end not in ends:
        raise InputError(f"'{line_end}' is no end of a line", cause="there are cr, lf and crlf")

    def work(job: Job) -> None:
        from workbench.wires.interactive import Options

        options = Options(
            timestamps=timestamps,
            expect=_pattern(expect, regex),
            expect_timeout_s=expect_timeout,
            idle_s=idle,
            line_end=ends[line_end],
        )
        _console(job, options, log or job.slot.state_dir / "console.log", reset)

    perform(Verb("console", work, result_words), choice)


def _pattern(expect: str | None, regex: bool) -> str | re.Pattern[str] | None:
    if expect is None or not regex:
        return expect
    try:
        return re.compile(expect)
    except re.error as error:
        raise InputError(f"'{expect}' is no regular expression: {error}") from error


def _console(job: Job, options: Options, log: Path, reset: bool) -> None:
    from workbench.wires.serial_port import PortSettings

    line = job.slot.target.console
    settings = PortSettings(
        baud=line.baud, bytesize=line.bytesize, parity=PARITY[line.parity], stopbits=line.stopbits
    )
    lines = _LineEvents(job) if job.choice.output.json else None
    signals.leave()  # the console has its own ways with them
    with job.hold(), job.run.step("console", f"console, raw bytes are kept in {log}"):
        log.parent.mkdir(parents=True, exist_ok=True)
        outcome = _interact(
            job,
            settings,
            stdin_fd=sys.stdin.fileno(),
            out=lines or stdout.say_raw,
            say=lambda text: _notice(job, text),
            options=options,
            log_path=log,
            check=_Check(job, reset),
        )
        if lines is not None:
            lines.end()
    job.run.result |= {
        "reason": outcome.reason,
        "received_bytes": outcome.received_bytes,
        "sent_bytes": outcome.sent_bytes,
        "log": str(log),
        "matched": None if outcome.match is None else outcome.match.text,
    }


def _interact(job: Job, settings: PortSettings, **how: Any) -> Outcome:
    """The console; one that ends because the slot was taken says so."""
    from workbench.errors import Stopped
    from workbench.wires.interactive import interact

    try:
        return interact(job.slot.need_serial(), settings, **how)
    except Stopped:
        if job.held.lease.lost is not None:
            raise job.held.lease.lost from None
        raise


class _Check:
    """What the console asks several times a second; the first time the board may have to be reset."""

    def __init__(self, job: Job, reset: bool) -> None:
        self._job = job
        self._reset = reset

    def __call__(self) -> None:
        self._job.check()
        if self._reset:
            self._reset = False
            self._reset_board()

    def _reset_board(self) -> None:
        from workbench.station.slots import debugging

        with debugging(self._job.held, emit=self._job.run.emit, connect="attach") as debug:
            debug.reset()


class _LineEvents:
    """The board's text as one event for each line."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._rest = ""

    def __call__(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._say(line)

    def end(self) -> None:
        """What was left without an end of line."""
        if self._rest:
            self._say(self._rest)

    def _say(self, line: str) -> None:
        from workbench.events import Observed

        self._job.run.emit(Observed(what="console-line", value=line))


def _notice(job: Job, text: str) -> None:
    if job.choice.output.json:
        from workbench.events import Notice

        job.run.emit(Notice(level="info", text=text))
    else:
        stderr.say(f"--- {text}")


def result_words(result: dict[str, Any]) -> list[str]:
    """Nothing: standard output has the board's own text."""
    return []
