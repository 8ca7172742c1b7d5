"""A recipe in words, for a person who must answer for it.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.station.recipes.recipe import Recipe

if TYPE_CHECKING:
    from workbench.station.steps.plan import PlannedStep


def recipe_words(recipe: Recipe, plan: tuple[PlannedStep, ...]) -> tuple[str, ...]:
    """What it makes, from what, and how; `plan` is empty where it cannot be worked out."""
    from workbench.station.steps.plan import dry_run_words

    head = f"{recipe.name}: {recipe.title}"
    lines = [head, f"makes units of model {recipe.model}, on boards of kind {' or '.join(recipe.targets)}"]
    if recipe.production:
        lines.append("is for production: it uses nothing that was made for tests")
    lines += _material(recipe)
    lines += _policy(recipe)
    lines += dry_run_words(recipe, plan) if plan else [_entry(recipe, n) for n in range(len(recipe.plan))]
    lines.append(f"a unit takes at most {recipe.limits.unit_s:g} s; recipe {recipe.sha256[:16]}")
    return tuple(lines)


def _material(recipe: Recipe) -> Iterator[str]:
    release, security, identity = recipe.release, recipe.security, recipe.identity
    if release is not None:
        sources = (("builds from", release.folder), ("writes", release.firmware), ("delivers", release.image))
        for verb, path in sources:
            if path is not None:
                yield f"{verb} {path}"
        if release.folder is not None:
            yield f"the application is version {release.version}, security counter {release.counter}"
    if security is not None:
        by = "the unit itself" if security.device_key == "on-chip" else "the station"
        yield f"security profile {security.profile}, keys in {security.keys}; the unit's key is made by {by}"
    if identity is not None:
        yield f"identities are issued by the CA in {identity.ca}"
        if identity.allow:
            yield f"accepts weaker units: {', '.join(sorted(identity.allow))}"


def _policy(recipe: Recipe) -> Iterator[str]:
    database = recipe.database
    if database.on_loss == "continue":
        yield (
            "without the shared database: goes on with serial numbers in reserve, "
            f"of which the station holds {database.reserve}"
        )
    else:
        yield "without the shared database: finishes what runs, and begins no further unit"


def _entry(recipe: Recipe, number: int) -> str:
    return f"{number + 1}. {recipe.plan[number].name or recipe.plan[number].step}"
