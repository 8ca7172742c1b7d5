"""The table of commands, and a group that imports a command's module only when that command is used."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from workbench.cli.options import SETTINGS


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where it is, and what the list of commands says about it."""

    module: str
    summary: str
    section: str


_LOOK, _WORK, _KEEP = "Look and set up", "Work with a board", "Look back"
_MAKE = "Make images"
_IDENTITY = "Identities"

TABLE: Final[dict[str, Entry]] = {
    "demo": Entry("demo", "Show on four virtual boards what the workbench does, in about a minute.", _LOOK),
    "doctor": Entry("doctor", "Check this machine and the bench, and say what to do.", _LOOK),
    "bench": Entry("bench", "Make, show and switch off benches.", _LOOK),
    "slot": Entry("slot", "List slots, switch their power, free them.", _LOOK),
    "target": Entry("target", "List and check the kinds of boards.", _LOOK),
    "profile": Entry("profile", "List, explain and check security profiles.", _MAKE),
    "flash": Entry("flash", "Write firmware to a board and read it back.", _WORK),
    "verify": Entry("verify", "Compare a board's memory with firmware files.", _WORK),
    "read": Entry("read", "Read a board's memory into a file or onto the screen.", _WORK),
    "erase": Entry("erase", "Erase a range of a board's flash, or all of it.", _WORK),
    "recover": Entry("recover", "Give a locked chip back by erasing everything on it.", _WORK),
    "reset": Entry("reset", "Reset a board through its debug probe, and let it run.", _WORK),
    "console": Entry("console", "Talk to a board over its serial line.", _WORK),
    "operator": Entry("operator", "Say who may work at the station, and set the engineers' PIN.", _LOOK),
    "image": Entry("image", "Build, sign, encrypt, inspect and verify firmware images.", _MAKE),
    "provision": Entry("provision", "Give a unit its bootloader, application, keys and identity.", _WORK),
    "update": Entry("update", "Bring a new image into a device over SMP, and see that it runs.", _WORK),
    "recipe": Entry("recipe", "Write, explain and check recipes: what units are to become.", _LOOK),
    "lot": Entry("lot", "Open, show and close lots; ship, scrap and readmit their units.", _KEEP),
    "run": Entry("run", "Carry out a recipe on the units in the slots, without a screen.", _WORK),
    "trial": Entry("trial", "Attack a board's bootloader and application, and see whether they hold.", _WORK),
    "identity": Entry(
        "identity", "Give units an identity, lock it, verify it; see what the ledger knows.", _IDENTITY
    ),
    "ca": Entry("ca", "Make and run the certificate authority that issues identities.", _IDENTITY),
    "label": Entry("label", "Show, print and read the labels of units.", _KEEP),
    "evidence": Entry("evidence", "Verify and show the signed evidence of units.", _KEEP),
    "tui": Entry("tui", "Work a line on the screen: scan, look, take the unit out.", _WORK),
    "records": Entry("records", "List, show and verify what earlier runs did.", _KEEP),
    "report": Entry("report_app", "Report on lots, units and runs; export them.", _KEEP),
    "explain": Entry("explain", "Say what an error code means and what to do.", _KEEP),
}


class LazyGroup(TyperGroup):
    """The commands of TABLE.  Lists and suggests them from the table, and loads the one that is used."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, entry in TABLE.items():
            if name != "demo" or importlib.util.find_spec("workbench.cli.demo") is not None:
                self.commands[name] = TyperCommand(name, help=entry.summary, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was typed, loaded; raises a usage error with what may have been meant."""
        name, found, rest = super().resolve_command(ctx, args)
        if name in TABLE and found is not None:
            found = load(name)
        return name, found, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands, section by section."""
        for section in dict.fromkeys(entry.section for entry in TABLE.values()):
            rows = [(name, TABLE[name].summary) for name in self.commands if TABLE[name].section == section]
            if rows:
                with formatter.section(section):
                    formatter.write_dl(rows)


def load(name: str) -> Any:
    """The command of that name in TABLE."""
    module = importlib.import_module(f"workbench.cli.{TABLE[name].module}")
    if hasattr(module, "app"):
        app: typer.Typer = module.app
    else:
        app = new_app()
        module.register(app)
    command = typer.main.get_command(app)
    command.name = name
    return command


def new_app(**attrs: Any) -> typer.Typer:
    """A Typer application as all commands here are."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=SETTINGS,
        **attrs,
    )
