"""The table of forged images.  Pure: a workshop in, forgeries out; `Forgery` says what each must lead to."""

from __future__ import annotations

from workbench.images.format import parse
from workbench.images.profile import Profile
from workbench.updates.trials.authorship import AUTHORSHIP
from workbench.updates.trials.claims import CLAIMS
from workbench.updates.trials.damage import SHAPES, flips
from workbench.updates.trials.forgery import Forgery
from workbench.updates.trials.leaks import SECRETS
from workbench.updates.trials.workshop import Workshop


def forgeries(shop: Workshop) -> list[Forgery]:
    """All forgeries, also those that do not apply to the workshop's profile; names are unique."""
    return [*flips(parse(shop.good)), *SHAPES, *CLAIMS, *AUTHORSHIP, *SECRETS]


def why_not(forgery: Forgery, profile: Profile) -> str | None:
    """Why a forgery makes no sense for a profile."""
    return forgery.when(profile)
