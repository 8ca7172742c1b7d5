"""A recorded run, played again with its own times: at any speed, or event by event."""

from __future__ import annotations

import time
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.station.records import RunDetail
from workbench.tui.engineer import texts
from workbench.tui.engineer.base import Act, EngineerScreen
from workbench.tui.engineer.console_view import ConsoleView
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.replay_scene import (
    SPEEDS,
    Player,
    Scene,
    StepScene,
    event_words,
    scene_after,
    script_of,
)

STEP_MARKS: Final = {
    "waiting": "○ waiting",
    "running": "▶ running",
    "done-before": "✔ done before",
    "PASS": "✔ PASS",
    "FAIL": "✘ FAIL",
    "ERROR": "! ERROR",
    "STOPPED": "■ STOPPED",
}


class ReplayScreen(EngineerScreen):
    """The steps as they stood at each moment, and the events as they came."""

    NAME = "replay"
    TITLE_WORDS = "Replay"
    HELP_WORDS = (
        "A recorded run, as it went. Space or F9 halts it and lets it go on, ← and → go back and forth event "
        "by event, + and - make it quicker or slower, Home and End go to its beginning and its end. Esc "
        "goes back to the records. Times are those of the run, as its journal has them."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", show=False, priority=True),
        Binding("left", "step(-1)", show=False, priority=True),
        Binding("right", "step(1)", show=False, priority=True),
        Binding("plus,equals_sign", "speed(1)", show=False, priority=True),
        Binding("minus", "speed(-1)", show=False, priority=True),
        Binding("home", "go(0)", show=False, priority=True),
        Binding("end", "go(1)", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    ReplayScreen #steps { height: auto; max-height: 50%; }
    ReplayScreen #clock { height: 1; text-style: bold; }
    ReplayScreen #verdict { height: auto; max-height: 4; text-style: bold; }
    """

    def __init__(self, desk: Desk, detail: RunDetail) -> None:
        super().__init__(desk)
        self._run = detail.summary
        self._player = Player(script_of(detail.events))
        self._drawn = -1
        self._last_s = time.monotonic()

    @property
    def can_leave(self) -> bool:
        """Back to the records."""
        return True

    def body(self) -> ComposeResult:
        yield Static("", id="clock", markup=False)
        yield Static("", id="steps", markup=False)
        yield Static("", id="verdict", markup=False)
        yield ConsoleView()

    def on_mount(self) -> None:
        self.query_one(ConsoleView).focus()

    def acts(self) -> tuple[Act, ...]:
        player = self._player
        words = "from the beginning" if player.ended else "halt" if player.playing else "go on"
        return (
            Act("f9", words, self.action_play),
            Act("f10", "next event", lambda: self.action_step(1), "it has ended" if player.ended else None),
        )

    def shown(self) -> None:
        self._last_s = time.monotonic()

    def tick(self) -> None:
        now_s = time.monotonic()
        self._become(self._player.after(now_s - self._last_s))
        self._last_s = now_s

    def action_play(self) -> None:
        """Halts it, or lets it go on."""
        self._become(self._player.toggled())

    def action_step(self, by: int) -> None:
        """An event forth or back."""
        self._become(self._player.stepped(by))

    def action_speed(self, by: int) -> None:
        """Quicker or slower."""
        self._become(self._player.with_speed(by))

    def action_go(self, where: int) -> None:
        """To the beginning or the end."""
        self._become(self._player.moved_to(self._player.length_s * where))

    def action_leave(self) -> None:
        """Back to the records."""
        self.app.pop_screen()

    def action_show_screen(self, number: int) -> None:
        """Another screen: this one is closed first."""
        self.app.pop_screen()
        below = self.app.screen
        if isinstance(below, EngineerScreen):
            below.action_show_screen(number)

    def _become(self, player: Player) -> None:
        was, self._player = self._player, player
        if player.index != self._drawn:
            self._draw_events(player)
        if player.index != was.index or self._drawn < 0:
            self._drawn = player.index
        self._draw_clock(player)
        if (was.ended, was.playing) != (player.ended, player.playing):
            self.show_keys()

    def _draw_events(self, player: Player) -> None:
        view = self.query_one(ConsoleView)
        first = self._drawn
        if first < 0 or player.index < first:
            view.clear()
            first = 0
        moments = player.script[first : player.index]
        view.add(f"{m.at_s:9.3f} s  {event_words(m.event)}" for m in moments)
        self._drawn = player.index
        scene = scene_after(player.seen)
        self.query_one("#steps", Static).update(_steps(scene, player.at_s))
        self.query_one("#verdict", Static).update(_verdict(scene))

    def _draw_clock(self, player: Player) -> None:
        run = self._run
        state = "ended" if player.ended else "plays" if player.playing else "halted"
        done = int(1000 * player.at_s / player.length_s) if player.length_s else 1000
        self.query_one("#clock", Static).update(
            texts.safe(
                f"run {run.run_id[:8]} {run.verb} {run.slot or ''}  "
                f"{player.at_s:.1f} of {player.length_s:.1f} s "
                f"{texts.bar(done, 1000, 10)}  {state} at {SPEEDS[player.speed]:g} x"
            )
        )


def _steps(scene: Scene, at_s: float) -> Text:
    told = Text(f"unit {scene.serial}\n" if scene.serial else "", no_wrap=True, overflow="ellipsis")
    for step in scene.steps:
        style = texts.VERDICT_STYLES.get(step.state, "bold" if step.state == "running" else "")
        told.append(f"{STEP_MARKS.get(step.state, step.state):<15}", style=style)
        told.append(f" {step.title}  {_times(step, at_s)}\n")
    if scene.question:
        told.append(f"? waits for a person: {scene.question}\n", style="bold")
    told.rstrip()
    return told


def _times(step: StepScene, at_s: float) -> str:
    if step.elapsed_s is not None:
        return texts.seconds(step.elapsed_s)
    told = texts.bar(*step.progress[:2]) if step.progress else ""
    if step.state == "running" and step.began_s is not None:
        told += f" {texts.seconds(max(0.0, at_s - step.began_s))}"
    return told


def _verdict(scene: Scene) -> Text:
    if scene.verdict is None:
        return Text("")
    told = texts.verdict(scene.verdict)
    if scene.error is not None:
        told.append("\n" + texts.error_words(scene.error), style="not bold")
    return told
