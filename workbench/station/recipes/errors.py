"""What is wrong with a recipe."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.errors import InputError
from workbench.toml_file import FileInvalid, Problem


class RecipeInvalid(FileInvalid):
    """A recipe file is wrong."""

    code = "recipe-invalid"
    default_cause = "a recipe file that says something the workbench does not know"


class RecipeImpossible(InputError):
    """A recipe cannot hold on this bench."""

    code = "recipe-impossible"
    default_cause = (
        "the recipe names what is not here: a file, a step, an option, a permission, or a slot for it"
    )
    default_action = "correct what is named above; `workbench recipe check` explains the whole recipe"

    def __init__(self, recipe: str, problems: Sequence[Problem]) -> None:
        lines = [f"{problem.key}: {problem.right}" for problem in problems]
        text = (
            lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} things", *(f"  {x}" for x in lines)])
        )
        super().__init__(f"recipe {recipe} cannot hold on this bench: {text}")
        self.problems = tuple(problems)


class RecipeChanged(InputError):
    """A recipe, or a file that it names, was changed while the line worked by it."""

    code = "recipe-changed"
    default_cause = "somebody saved another version of the file"
    default_action = (
        "close the line, look at the recipe with `workbench recipe check`, and open the line again"
    )
