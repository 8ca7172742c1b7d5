"""The enrolment of one unit with a TPM, phases 0 to 5, from whatever state an earlier run left it in.

    outcome = enroll(order, means)

Before each act that leaves something in the TPM the ledger says on the disk what is about to happen;
afterwards the TPM is read, and what was seen is written beside it.  A run that was killed anywhere is
done again: keys come out of the seed as the same keys, a certificate index counts only with its write
lock, and a request keeps its bytes.
"""

from __future__ import annotations

import gc
import itertools
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workbench.errors import Blame, WorkbenchError
from workbench.events import Observed
from workbench.identity.ca.errors import CaRefused
from workbench.identity.ledger.errors import UnitUnknown, WrongState
from workbench.identity.one_unit import Enrolment
from workbench.identity.state import State, has_reached
from workbench.identity.tpm.reasons import ASIDE, CONFLICT, REASONS
from workbench.identity.tpm_enroll import preflight, verify
from workbench.identity.tpm_enroll.acts import Acts
from workbench.identity.tpm_enroll.errors import (
    EscrowKeyInvalid,
    LabelDiffers,
    LockNotPermitted,
    UnitQuarantined,
)
from workbench.identity.tpm_enroll.means import Means, Order
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.identity.tpm_enroll.storing import Storing

if TYPE_CHECKING:
    from workbench.identity.ledger.values import Unit
    from workbench.wires.tpm.tpm import Tpm

AGAINST_UNIT: Final = frozenset(
    {"challenge-wrong", "challenge-over", "ek-changed", "request-conflict", "revoked", "replaced-already"}
    | {name for name, reason in REASONS.items() if reason.action in (ASIDE, CONFLICT)}
)
"""Reasons of a CA that speak against the unit; after all others the same unit may be tried again."""


def enroll(order: Order, means: Means) -> UnitOutcome:
    """Gives the unit its identity, or finishes what an earlier run began.

    Raises LockNotPermitted, EscrowKeyInvalid before anything is touched; what says that the unit or the
    station must be looked at, while the unit keeps its state; whatever speaks against the unit itself is
    an outcome `quarantined`.
    """
    if not order.permit_lock:
        raise LockNotPermitted("this enrolment would lock the unit's identity for ever")
    if order.recipe.escrow is None:
        raise EscrowKeyInvalid(
            "no escrow key was given",
            cause="the lockout password is kept nowhere but in its escrow",
            action="give the public half of the offline key with --escrow-key",
        )
    _settle()
    return _Enrolment(order, means).run()


_runs = itertools.count()


def _settle() -> None:
    """From a process's second unit on nothing that its first one loaded is looked through for garbage any
    more: that took longer than a unit's keys.
    """
    if next(_runs) == 1:
        gc.collect()
        gc.freeze()


def verify_again(order: Order, means: Means, *, restart: bool) -> UnitOutcome:
    """Verifies a unit that was enrolled, against the ledger, which stays as it is.

    Needs no permission and no escrow.  Without `restart` nothing shows that the locks come back with the
    board's firmware.  Raises UnitUnknown, LabelDiffers, UnitQuarantined, WrongState, and what speaks
    against the unit.
    """
    return _Enrolment(order, means).verify_known(restart=restart)


def look_at(order: Order, means: Means) -> tuple[preflight.Sight, list[str]]:
    """Phase 0 alone: what the TPM says of itself, and what of it is in the way.  Changes nothing."""
    with means.connect() as tpm:
        sight = preflight.look(tpm)
    said: list[str] = []
    for verify_one in (
        lambda: preflight.verify_kind(sight, order.recipe),
        lambda: preflight.verify_no_lockout(sight),
        lambda: preflight.nv_hierarchy(sight, order.recipe),
    ):
        try:
            verify_one()
        except WorkbenchError as error:
            said.append(error.what)
    return sight, said + [
        f"it has {found}" for found in preflight.surprises(sight, preflight.Known(), order.recipe)
    ]


class _Enrolment(Enrolment, Storing):
    """From wherever it stands to verified."""

    def _speaks_against_unit(self, error: WorkbenchError) -> bool:
        return speaks_against_unit(error)

    def _run(self) -> UnitOutcome:
        with ExitStack() as stack:
            self._reach_ca(stack)
            with self._connected() as tpm:
                self._meet(tpm)
                if self._state == State.BLANK:
                    self._make_keys(tpm)
                if self._state == State.KEYED:
                    self._request(tpm, self._need_ca())
                if self._state == State.CERTIFIED:
                    self._store_and_lock(tpm)
        if not self._chain:
            self._chain = self._recorded_chain()
        self._restart()
        with self._connected() as tpm:
            return self._verify(tpm)

    def verify_known(self, *, restart: bool) -> UnitOutcome:
        """Phase 5 alone."""
        with self._connected() as tpm:
            self._look_who(tpm)
            with self._step("claim", "looking for the unit in the ledger"):
                self._unit = self._in_ledger()
                self._resumed = str(self._unit.state)
                self._acts = Acts(self._means.ledger, self._unit.unit_id)
                self._chain = self._recorded_chain()
                self._refuse_surprises(preflight.known_from(self._acts.intents))
        if restart:
            self._restart()
        with self._connected() as tpm:
            return self._verify(tpm, restarted=restart, conclude=False)

    def _in_ledger(self) -> Unit:
        unit = self._means.ledger.find(hardware_id=self._ek.digest)
        if unit is None:
            raise UnitUnknown(f"the ledger has no unit with the TPM {self._ek.digest[:16]}…")
        if self._order.serial not in ("", unit.serial):
            raise LabelDiffers(f"this is the unit {unit.serial}, and the label says {self._order.serial}")
        if unit.state in (State.QUARANTINED, State.RETIRED):
            raise UnitQuarantined(
                f"unit {unit.serial} is {unit.state}: {unit.reason or 'no reason is recorded'}"
            )
        if not has_reached(unit.state, State.LOCKED):
            raise WrongState(f"unit {unit.serial} is {unit.state}: its enrolment is not over yet")
        return unit

    def _restart(self) -> None:
        """Power off and on, so that nothing but the TPM's own memory remains."""
        with self._step("restart", "switching the board off and on"), self._watch.board():
            self._means.power.cycle(self._order.off_s)

    def _verify(self, tpm: Tpm, *, restarted: bool = True, conclude: bool = True) -> UnitOutcome:
        with self._step("verify", "reading everything again, and trying what must fail"):
            subject = verify.Subject(self._known, self._recipe, self._ek, self._chain, self._password)
            findings = verify.verify_unit(tpm, subject, self._sight, restarted=restarted)
            self._means.emit(Observed(what="tried", value=[f"{t.act}: {t.observed}" for t in findings.tried]))
            verify.refuse_open(findings)
        with self._step("evidence", "signing the evidence"):
            if conclude and self._state == State.LOCKED:
                digest = self._means.conclude(findings)
                self._unit = self._means.ledger.verified(self._known.unit_id, digest)
        return replace(self._ended("verified"), observed=findings.observed, tried=findings.tried)


def speaks_against_unit(error: WorkbenchError) -> bool:
    """Whether a unit goes into quarantine for this: it must not be trusted, and that is nobody else's
    fault.
    """
    if isinstance(error, CaRefused):
        return error.code != CaRefused.code or error.reason in AGAINST_UNIT
    return error.blame is Blame.TRUST
