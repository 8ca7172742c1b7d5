"""What a step is.  Built-in steps and those of engineers are subclasses of `Step`, and nothing else of them
is known to the runner.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

Sight = Literal["done", "not-done", "unclear"]
"""What a look at the unit says of a step that may or may not have happened."""


class NoOptions(Table):
    """Options of a step that has none."""


O = TypeVar("O", bound=Table)  # noqa: E741


class Step(ABC, Generic[O]):
    """A kind of step.  Has no state: one instance serves all runs.

    name        as plans name it: lower-case words joined by hyphens
    Options     model of what a [[plan]] entry may say beside `step`, `name`, `limit_s` and `retries`
    needs       what the slot must be able to do, see `Slot.capabilities`
    resumable   what becomes of the step when its run died in the middle of it: "repeat" does it again;
                "look" asks `look` first.  A step that permits something irreversible must be "look".
    once        a step that was finished is not done again when a failed unit is tried again
    waits       it waits for a person: no time limit is shown for it unless its entry gives one
    writes      it writes the chip's memory through the probe: impossible once a chip is locked
    after_identity  in a plan that enrols it has to come after that
    """

    name: ClassVar[str]
    Options: ClassVar[type[Table]] = NoOptions
    needs: ClassVar[frozenset[str]] = frozenset()
    resumable: ClassVar[Literal["repeat", "look"]] = "repeat"
    once: ClassVar[bool] = False
    waits: ClassVar[bool] = False
    writes: ClassVar[bool] = False
    after_identity: ClassVar[bool] = False

    @abstractmethod
    def title(self, options: O) -> str:
        """What the step does, in a few words for a technician: "writing the firmware"."""

    def irreversible(self, options: O, recipe: Recipe) -> str | None:
        """The permission of the recipe's [permit] table without which the step must not be done; None where
        nothing of it is irreversible.
        """
        return None

    def explain(self, options: O, recipe: Recipe) -> tuple[str, ...]:
        """Lines for `workbench recipe check` and `--dry-run` that say more than the title."""
        return ()

    def check(self, options: O, recipe: Recipe, target: Target) -> None:
        """Raises a WorkbenchError where the step cannot succeed with that recipe on that kind of board.
        Touches no board; called before a unit begins.
        """

    def look(self, ctx: StepContext, options: O) -> Sight:
        """Whether the step happened to the unit in the slot; asked only where `resumable` is "look".

        "not-done": it is done (again), and must be able to go on from where it was; "done": it is skipped;
        "unclear": the unit is put aside with an error.
        """
        return "not-done"

    @abstractmethod
    def run(self, ctx: StepContext, options: O) -> dict[str, Any]:
        """Does it, and returns what is to be kept of it in the run's record.

        Raises a WorkbenchError by blame: `Blame.UNIT` and `Blame.TRUST` are a FAIL of the unit, everything
        else is an ERROR of the station.
        """
