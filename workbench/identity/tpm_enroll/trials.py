"""Phase 5b: acts that must be impossible on a locked unit, tried, with the exact response code each must
give.

An act that would do harm if it succeeded is tried only where the TPM shows beforehand that it must fail;
otherwise it is reported as not tried, which counts as an open lock.  None of them uses a password that
dictionary-attack protection counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.identity.evidence.content import Tried
from workbench.wires.tpm.values import Hierarchy, Nv

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.recipe import Recipe
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import TpmProperties

NV_LOCKED: Final = 0x148
"""TPM_RC_NV_LOCKED."""
NV_AUTHORIZATION: Final = 0x149
"""TPM_RC_NV_AUTHORIZATION."""
DISABLED: Final = 0x120
"""TPM_RC_DISABLED."""
HIERARCHY_1: Final = 0x185
"""TPM_RC_HIERARCHY for the first handle: the platform hierarchy is switched off."""
TICKET_3: Final = 0x3E0
"""TPM_RC_TICKET for the third parameter: a restricted key signs nothing that came from outside."""
AUTH_UNAVAILABLE: Final = 0x12F
"""TPM_RC_AUTH_UNAVAILABLE: this key takes no password, only its policy."""
PLATFORM_ACTS: Final = frozenset(
    {"platform-undefine-idevid", "platform-undefine-iak", "platform-clear", "change-eps"}
)
"""What only a closed platform hierarchy prevents."""


@dataclass(frozen=True, slots=True)
class Trial:
    """An act that must fail with `rc`.  `may`: why it must not be tried, or None."""

    act: str
    rc: int
    do: Callable[[], object]
    may_not: str | None = None


def try_all(tpm: Tpm, trials: Sequence[Trial]) -> tuple[Tried, ...]:
    """Tries them in order; what happened, observed beside intended."""
    return tuple(_try(tpm, trial) for trial in trials)


def broken(tried: Sequence[Tried]) -> list[Tried]:
    """Those that did not fail as they must, and those that could not even be tried."""
    return [found for found in tried if found.outcome != "held"]


def trials_of(
    tpm: Tpm, recipe: Recipe, found: TpmProperties, digest: bytes, hash_alg: int, *, by_lockout: bool
) -> list[Trial]:
    """The trials of a locked unit in the state `found`.

    `digest`: something that the IAK did not make itself.  `by_lockout`: this connection has the lockout
    password, so that Clear is tried with it; a wrong password there would lock the lockout hierarchy for
    a day.
    """
    closed = (
        None if not found.ph_enable else "the platform hierarchy is open: this would destroy the identity"
    )
    no_clear = None if found.disable_clear else "Clear is not disabled: this would remove the owner's keys"
    trials: list[Trial] = []
    for place in recipe.places:
        trials += _nv_trials(tpm, place.kind, place.index, closed)
    iak = recipe.place("iak").handle
    return [
        *trials,
        *([Trial("clear", DISABLED, lambda: tpm.clear(Hierarchy.LOCKOUT), no_clear)] if by_lockout else []),
        Trial("platform-clear", HIERARCHY_1, lambda: tpm.clear(Hierarchy.PLATFORM), closed),
        Trial("change-eps", HIERARCHY_1, tpm.change_eps, closed),
        Trial("iak-signs-external-digest", TICKET_3, lambda: tpm.sign(iak, digest, hash_alg)),
    ]


def _nv_trials(tpm: Tpm, kind: str, index: int, closed: str | None) -> list[Trial]:
    public = tpm.nv_public(index)
    locked = (
        None if public and public.has(Nv.WRITELOCKED) else "the index has no write lock: this would change it"
    )
    platform = public is not None and public.has(Nv.PLATFORMCREATE)
    owned = None if platform else "the index belongs to the owner: this would remove the certificate"
    return [
        Trial(
            f"nv-write-{kind}", NV_LOCKED, lambda: tpm.nv_write(index, b"\0", auth=Hierarchy.OWNER), locked
        ),
        Trial(
            f"owner-undefine-{kind}",
            NV_AUTHORIZATION,
            lambda: tpm.nv_undefine(index, Hierarchy.OWNER),
            owned,
        ),
        Trial(
            f"platform-undefine-{kind}",
            HIERARCHY_1,
            lambda: tpm.nv_undefine(index, Hierarchy.PLATFORM),
            closed,
        ),
    ]


def _try(tpm: Tpm, trial: Trial) -> Tried:
    expected = f"0x{trial.rc:03x}"
    if trial.may_not is not None:
        return Tried(trial.act, expected, f"not tried: {trial.may_not}", "not-tried")
    rc = tpm.attempt(trial.do)
    observed = "done" if rc == 0 else f"0x{rc:03x}"
    return Tried(trial.act, expected, observed, "held" if rc == trial.rc else "broken")
