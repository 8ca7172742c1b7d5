"""The command palette: every screen, every slot, and what can be done on the screen in front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from workbench.tui.engineer.screens import SCREENS, show

if TYPE_CHECKING:
    from workbench.tui.engineer.base import EngineerScreen


class Command(NamedTuple):
    """A line of the palette."""

    words: str
    help: str
    do: Callable[[], object]


def commands(screen: EngineerScreen) -> Iterator[Command]:
    """Everything that can be asked for from this screen."""
    for act in screen.acts():
        why = f"not now: {act.why_not}" if act.why_not else f"on this screen, also {act.key.upper()}"
        yield Command(act.words, why, partial(screen.perform, act))
    for entry in SCREENS:
        yield Command(entry.title, f"{entry.help} ({entry.key.upper()})", partial(_show, screen, entry.name))
    for slot in screen.desk.bench.slots:
        yield Command(f"Console of {slot}", "what its board prints", partial(_show, screen, "console", slot))
        yield Command(
            f"Image slots of {slot}", "what its board holds", partial(_show, screen, "images", slot)
        )
    yield Command("Help", "for what has the focus (F1)", screen.action_show_help)


def _show(screen: EngineerScreen, name: str, slot: str | None = None) -> None:
    if slot is not None:
        screen.desk.slot = slot
    if name == screen.NAME:
        screen.shown()
    else:
        show(screen.app, screen.desk, name)


class EngineerCommands(Provider):
    """Gives the commands of the engineer's screen below the palette."""

    def _commands(self) -> Iterator[Command]:
        from workbench.tui.engineer.base import EngineerScreen

        if isinstance(self.screen, EngineerScreen):
            yield from commands(self.screen)

    async def discover(self) -> Hits:
        """All of them, while nothing is typed."""
        for command in self._commands():
            yield DiscoveryHit(command.words, command.do, command.words, command.help)

    async def search(self, query: str) -> Hits:
        """Those whose words fit."""
        matcher = self.matcher(query)
        for command in self._commands():
            if (score := matcher.match(command.words)) > 0:
                yield Hit(score, matcher.highlight(command.words), command.do, command.words, command.help)


def open_palette(screen: EngineerScreen) -> None:
    """The palette over that screen."""
    screen.app.push_screen(
        CommandPalette(providers=[EngineerCommands], placeholder="What do you want to do?")
    )
