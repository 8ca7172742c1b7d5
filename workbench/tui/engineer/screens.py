"""The table of the engineer's screens, and how one of them is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from textual.app import App

from workbench.tui.engineer.desk import Desk

if TYPE_CHECKING:
    from workbench.tui.engineer.base import EngineerScreen


@dataclass(frozen=True, slots=True)
class ScreenEntry:
    """A screen: its F-key, its stable name, its word in the key bar, its title, and what it is for."""

    key: str
    name: str
    label: str
    title: str
    help: str
    make: Callable[[Desk], EngineerScreen]


def _slots(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.slots import SlotsScreen

    return SlotsScreen(desk)


def _unit(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.unit import UnitScreen

    return UnitScreen(desk)


def _console(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.console import ConsoleScreen

    return ConsoleScreen(desk)


def _images(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.images import ImagesScreen

    return ImagesScreen(desk)


def _trials(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.trials import TrialsScreen

    return TrialsScreen(desk)


def _records(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.records import RecordsScreen

    return RecordsScreen(desk)


def _doctor(desk: Desk) -> EngineerScreen:
    from workbench.tui.engineer.doctor import DoctorScreen

    return DoctorScreen(desk)


SCREENS: Final = (
    ScreenEntry("f2", "slots", "slots", "Slots", "what is in each slot, and what can be done there", _slots),
    ScreenEntry("f3", "unit", "unit", "Unit", "identity, certificates, image slots, history", _unit),
    ScreenEntry("f4", "console", "console", "Console", "what a board prints, live", _console),
    ScreenEntry("f5", "images", "images", "Images", "what an image file or a board holds", _images),
    ScreenEntry("f6", "trials", "trials", "Trials", "attack a board, row by row", _trials),
    ScreenEntry("f7", "records", "records", "Records", "earlier runs: filter, look, replay", _records),
    ScreenEntry("f8", "doctor", "doctor", "Doctor", "what is wrong with this machine or bench", _doctor),
)


def entry_of_key(key: str) -> ScreenEntry | None:
    """The screen of an F-key."""
    return next((entry for entry in SCREENS if entry.key == key), None)


def show(app: App[Any], desk: Desk, name: str = "slots") -> None:
    """Brings that engineer's screen to the front: over the app's own one, or in place of another
    engineer's one.  A screen that was left keeps what it showed.
    """
    from workbench.tui.engineer.base import EngineerScreen

    entry = next(entry for entry in SCREENS if entry.name == name)
    label = f"engineer-{entry.name}"
    if not app.is_screen_installed(label):
        app.install_screen(entry.make(desk), label)
    if isinstance(app.screen, EngineerScreen):
        app.switch_screen(label)
    else:
        app.push_screen(label)
