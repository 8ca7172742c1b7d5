"""Step provision: bootloader, application, keys and provisioning page onto the board."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field

from workbench.station.steps.material import firmware_of, load_keys, load_profile_of, need_security
from workbench.station.steps.step import Step
from workbench.toml_file import Table

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.station.recipes.recipe import Recipe
    from workbench.station.steps.context import StepContext

FACT: Final = "provisioning"
"""Fact: {"chip": ID}, the chip that this unit's runs began to provision when it had no identity."""


class ProvisionOptions(Table):
    """`replace-identity`: a unit that has an identity already loses it."""

    replace_identity: bool = Field(default=False, alias="replace-identity", description="true or false")


class Provision(Step[ProvisionOptions]):
    """Erases the chip and gives it bootloader, application and page; hears it start and asks who it is."""

    name = "provision"
    Options = ProvisionOptions
    needs = frozenset({"debug", "flash", "console"})
    resumable: ClassVar[Literal["repeat", "look"]] = "look"
    writes = True

    def title(self, options: ProvisionOptions) -> str:
        return "writing bootloader, application and keys"

    def irreversible(self, options: ProvisionOptions, recipe: Recipe) -> str | None:
        return "replace-identity" if options.replace_identity else None

    def explain(self, options: ProvisionOptions, recipe: Recipe) -> tuple[str, ...]:
        return ("the whole chip is erased first; a unit that has an identity is refused",)

    def check(self, options: ProvisionOptions, recipe: Recipe, target: Target) -> None:
        from workbench.images.profile import refuse_unbuildable
        from workbench.updates.fit import carrier_of, refuse_misfits

        profile = load_profile_of(recipe, self.name)
        refuse_misfits(profile, carrier_of(target))
        refuse_unbuildable(profile)
        firmware_of(recipe, self.name, target, profile)
        load_keys(recipe, self.name)

    def run(self, ctx: StepContext, options: ProvisionOptions) -> dict[str, Any]:
        from workbench.station.provision import provision

        security = need_security(ctx.recipe, ctx.key)
        profile = load_profile_of(ctx.recipe, ctx.key, ctx.bench.folder)
        keys = load_keys(ctx.recipe, ctx.key)
        firmware = firmware_of(ctx.recipe, ctx.key, ctx.slot.target, profile)
        ours = self._is_ours(ctx)
        if not ours and not options.replace_identity:
            self._refuse_identity(ctx)
        ctx.facts[FACT] = {"chip": ctx.chip_id}

        def commit() -> None:
            ctx.commit()
            ctx.state = "the chip may hold a part of what was to be written; it is provisioned again"

        made = provision(
            ctx.slot,
            profile,
            keys,
            firmware,
            ctx.emit,
            permit_identity=options.replace_identity or ours,
            device_key=security.device_key,
            step=ctx.step,
            commit=commit,
            held=ctx.held,
        )
        ctx.state = "the unit is provisioned and started"
        return asdict(made) | {"device_key": str(made.device_key or ""), "test_keys": keys.is_test}

    @staticmethod
    def _is_ours(ctx: StepContext) -> bool:
        """Whether what lies in the identity area was put there by an earlier run of this very unit, which had
        found it blank.  The runner comes back to this step only before the unit's enrolment has begun.
        """
        return ctx.chip_id is not None and ctx.facts.get(FACT) == {"chip": ctx.chip_id}

    @staticmethod
    def _refuse_identity(ctx: StepContext) -> None:
        """Raises ChipLocked and ImageOverIdentity before the fact is kept that this unit's area was blank."""
        from workbench.probes import guard
        from workbench.station.slots import debugging

        with debugging(ctx.held, emit=ctx.emit) as debug:
            guard.refuse_locked(debug)
            guard.refuse_identity_loss(debug)
