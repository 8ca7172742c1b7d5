"""Options that several commands share, and what they choose.  Imports nothing of a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from workbench.cli.complete import slot_names

SETTINGS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Bench = Annotated[
    Path | None,
    typer.Option(
        "--bench",
        "-b",
        metavar="FILE",
        help="Bench file or its folder. Default: $WORKBENCH_BENCH, else bench.toml here or above.",
        show_default=False,
    ),
]
Slots = Annotated[
    list[str] | None,
    typer.Option(
        "--slot",
        "-s",
        metavar="SLOT",
        help="Slot of the board; repeat it for several boards at once. Default: the bench's only slot.",
        autocompletion=slot_names,
        show_default=False,
    ),
]
SlotArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SLOT]...",
        help="Slots of the boards. Default: the bench's only slot.",
        autocompletion=slot_names,
        show_default=False,
    ),
]
OneSlot = Annotated[
    str | None,
    typer.Argument(
        metavar="[SLOT]",
        help="Slot of the board. Default: the bench's only slot.",
        autocompletion=slot_names,
        show_default=False,
    ),
]
OneSlotOption = Annotated[
    str | None,
    typer.Option(
        "--slot",
        "-s",
        metavar="SLOT",
        help="The same as SLOT.",
        autocompletion=slot_names,
        show_default=False,
    ),
]
All = Annotated[bool, typer.Option("--all", help="All slots of the bench, at the same time.")]
Kick = Annotated[
    bool, typer.Option("--kick", help="If somebody uses the slot, make them stop, then take it.")
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait", metavar="SECONDS", min=0, help="Wait so long for a slot that is in use.", show_default=False
    ),
]
AcceptChip = Annotated[
    bool,
    typer.Option("--accept-chip", help="Another board is in the slot than last time, and that is meant."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        min=0.1,
        help="Longest time for the whole command.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be done and what cannot be undone; touch no board."),
]
PermitIdentity = Annotated[
    bool,
    typer.Option(
        "--permit-identity",
        help="Allow that the unit's identity area is overwritten or erased. It cannot be had back.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="One event per line on standard output, see docs/records.md.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Lines instead of progress bars and fitted tables.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """How to speak."""

    json: bool = False
    plain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which slots, and how to go about them."""

    bench: Path | None = None
    slots: tuple[str, ...] = ()
    all: bool = False
    kick: bool = False
    wait_s: float = 0.0
    accept_chip: bool = False
    timeout_s: float | None = None
    output: Output = Output()


def choose(
    bench: Path | None,
    slots: list[str] | None,
    *,
    all_slots: bool = False,
    kick: bool = False,
    wait: float = 0.0,
    accept_chip: bool = False,
    timeout: float | None = None,
    json: bool = False,
    plain: bool = False,
) -> Choice:
    """The Choice that a command's options make."""
    output = Output(json=json, plain=plain)
    return Choice(
        bench=bench,
        slots=tuple(slots or ()),
        all=all_slots,
        kick=kick,
        wait_s=wait,
        accept_chip=accept_chip,
        timeout_s=timeout,
        output=output,
    )
