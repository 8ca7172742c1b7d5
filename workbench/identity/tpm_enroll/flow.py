"""The enrolment of one unit with a TPM, phases 0 to 5, from whatever state an earlier run left it in.

    outcome = enroll(order, means)

Before each act that leaves something in the TPM the ledger says on the disk what is about to happen;
afterwards the TPM is read, and what was seen is written beside it.  A run that was killed anywhere is
done again: keys come out of the seed as the same keys, a certificate index counts only with its write
lock, and a request keeps its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from workbench.errors import Blame, WorkbenchError
from workbench.events import Emit, Observed, ignore
from workbench.identity.ca.errors import CaRefused, CaUnreachable
from workbench.identity.ledger.errors import IdentityConflict, UnitUnknown, WrongState
from workbench.identity.ledger.values import UnitClaim
from workbench.identity.state import State, has_reached
from workbench.identity.tpm.reasons import ASIDE, CONFLICT, REASONS
from workbench.identity.tpm.request import TpmFacts, TpmRequest
from workbench.identity.tpm_enroll import credential, ek, evidence, keys, lock, preflight, store, verify
from workbench.identity.tpm_enroll.acts import Acts
from workbench.identity.tpm_enroll.errors import (
    EscrowKeyInvalid,
    LabelDiffers,
    LockNotPermitted,
    TpmKeyDiffers,
    TpmNotBlank,
    UnitQuarantined,
)
from workbench.identity.tpm_enroll.outcome import Stopwatch, UnitOutcome
from workbench.wires.tpm.errors import TpmError

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.boards.power import PowerSwitch
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ca.messages import Issued
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.ledger.values import Unit
    from workbench.identity.tpm_enroll.ek import Ek
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.identity.tpm_enroll.recipe import Recipe
    from workbench.identity.tpm_enroll.verify import Findings
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import TpmProperties

Step = Callable[[str, str], AbstractContextManager[None]]
"""As `Run.step`: a step's stable name and its words."""

AGAINST_UNIT: Final = frozenset(
    {"challenge-wrong", "challenge-over", "ek-changed", "request-conflict", "revoked", "replaced-already"}
    | {name for name, reason in REASONS.items() if reason.action in (ASIDE, CONFLICT)}
)
"""Reasons of a CA that speak against the unit; after all others the same unit may be tried again."""


@contextmanager
def _no_step(_step: str, _title: str) -> Iterator[None]:
    yield


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Which unit this is to be: the label's `serial`, the board's `target`, the station's id, and the recipe.

    `label_ek`: the beginning of the EK's SHA-256 (hex) that the label shows, None where it shows none.
    `permit_lock`: what cannot be undone may be done.  `off_s`: how long the board is without power.
    """

    serial: str
    target: str
    station: str
    recipe: Recipe
    permit_lock: bool = False
    label_ek: str | None = None
    rma: str | None = None
    off_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What an enrolment works with.

    `connect` opens the TPM, once before and once after the restart; `ca` connects to the certificate
    authority; `now` is the station's clock, UTC; `conclude` signs and keeps the evidence, and returns its
    SHA-256 in hex.
    """

    connect: Callable[[], AbstractContextManager[Tpm]]
    power: PowerSwitch
    ca: Callable[[], AbstractContextManager[CaClient]]
    ledger: Ledger
    now: Callable[[], datetime]
    conclude: Callable[[Findings], str]
    emit: Emit = ignore
    step: Step = _no_step
    commit: Callable[[], None] = lambda: None


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
    return _Enrolment(order, means).run()


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


class _Enrolment:
    """One run for one unit; what is known of it so far."""

    def __init__(self, order: Order, means: Means) -> None:
        self._order = order
        self._recipe = order.recipe
        self._means = means
        self._watch = Stopwatch()
        self._unit: Unit | None = None
        self._resumed: str | None = None
        self._acts: Acts
        self._sight: preflight.Sight
        self._ek: Ek
        self._keys: dict[str, Key] = {}
        self._ca: CaClient | None = None
        self._ca_error: WorkbenchError | None = None
        self._chain: tuple[bytes, ...] = ()
        self._password: bytes | None = None

    # -- the whole

    def run(self) -> UnitOutcome:
        """All phases that are still to be done."""
        try:
            return self._run()
        except IdentityConflict as conflict:
            return self._ended("quarantined", conflict)
        except CaUnreachable as unreachable:
            if self._unit is None or self._unit.state != State.KEYED:
                raise
            return self._ended("keyed", unreachable)
        except WorkbenchError as error:
            if self._unit is None or not speaks_against_unit(error):
                raise
            return self._quarantined(self._unit, error)

    def _run(self) -> UnitOutcome:
        with ExitStack() as stack:
            self._reach_ca(stack)
            with self._connected() as tpm:
                self._meet(tpm)
                if self._state == State.BLANK:
                    self._make_keys(tpm)
                if self._state == State.KEYED:
                    if self._ca is None:
                        assert self._ca_error is not None
                        raise self._ca_error
                    self._request(tpm, self._ca)
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

    def _recorded_chain(self) -> tuple[bytes, ...]:
        return tuple(bytes.fromhex(str(der)) for der in self._acts.observations["request"]["chain"])

    @property
    def _known(self) -> Unit:
        assert self._unit is not None
        return self._unit

    @property
    def _state(self) -> State:
        return self._known.state

    def _reach_ca(self, stack: ExitStack) -> None:
        """The CA, if it can be reached; a unit that needs none yet goes on without it."""
        with self._step("ca", "reaching the certificate authority"):
            try:
                self._ca = stack.enter_context(self._means.ca())
            except CaUnreachable as error:
                self._ca_error = error

    @contextmanager
    def _connected(self) -> Iterator[Tpm]:
        """The TPM; told to shut down in order afterwards, lest the next power-off counts as a wrong
        password.
        """
        with self._means.connect() as tpm, self._watch.connected(tpm):
            try:
                yield tpm
            finally:
                with suppress(TpmError):
                    tpm.shutdown()

    @contextmanager
    def _step(self, name: str, title: str) -> Iterator[None]:
        with self._means.step(name, title), self._watch.step(name):
            yield

    # -- phases 0 and 1

    def _meet(self, tpm: Tpm) -> None:
        """Who is there, and is it in a state that we know?"""
        self._look_who(tpm)
        with self._step("claim", "entering the unit into the ledger"):
            self._claim()

    def _look_who(self, tpm: Tpm) -> None:
        with self._step("preflight", "looking at the TPM"):
            tpm.startup()
            tpm.self_test()
            self._sight = self._look(tpm)
        with self._step("ek", "checking the endorsement key"):
            self._ek = ek.find(tpm, self._recipe.ek, self._sight.properties, self._means.now())
            self._means.emit(Observed(what="ek", value=self._ek.as_json()))
            self._check_label()
            tpm.secure(self._ek.handle, self._ek.name)

    def _look(self, tpm: Tpm) -> preflight.Sight:
        sight = preflight.look(tpm)
        if sight.properties.in_lockout and not sight.properties.lockout_auth_set:
            tpm.da_lock_reset()
            sight = preflight.look(tpm)
        self._means.emit(Observed(what="tpm", value=sight.as_json()))
        preflight.verify_kind(sight, self._recipe)
        preflight.verify_no_lockout(sight)
        preflight.verify_endorsement_open(sight)
        return sight

    def _check_label(self) -> None:
        label, digest = self._order.label_ek, self._ek.digest
        if label is not None and not digest.startswith(label.lower()):
            raise LabelDiffers(
                f"the label names a TPM {label.lower()}…, and this one is {digest[: len(label)]}…"
            )

    def _claim(self) -> None:
        order, ledger = self._order, self._means.ledger
        found = ledger.find(hardware_id=self._ek.digest) or ledger.find(serial=order.serial)
        if found is None:
            self._refuse_surprises(preflight.Known())
        self._unit = unit = ledger.claim(
            UnitClaim(
                kind="tpm",
                serial=order.serial,
                model=self._recipe.model,
                hardware_id=self._ek.digest,
                target=order.target,
                station=order.station,
                ek_cert_sha256=self._ek.certificate_sha256,
                other_hardware_ids=self._ek.others,
            ),
            order.rma,
        )
        self._resumed = str(unit.state) if found is not None else None
        self._means.emit(Observed(what="unit", value={"unit": unit.unit_id, "state": str(unit.state)}))
        if unit.state in (State.QUARANTINED, State.RETIRED):
            raise UnitQuarantined(
                f"unit {unit.serial} is {unit.state}: {unit.reason or 'no reason is recorded'}"
            )
        self._acts = Acts(ledger, unit.unit_id)
        self._refuse_surprises(preflight.known_from(self._acts.intents))

    def _refuse_surprises(self, known: preflight.Known) -> None:
        found = preflight.surprises(self._sight, known, self._recipe)
        if found:
            raise TpmNotBlank(f"the TPM has {', '.join(found)}, and no intent in the ledger names that")

    # -- phase 2

    def _make_keys(self, tpm: Tpm) -> None:
        preflight.nv_hierarchy(self._sight, self._recipe)  # before anything is made
        nonce = self._nonce() if self._ca is not None else b""
        with self._step("keys", "making the keys in the TPM"):
            self._keys = self._make(tpm, nonce)
            intent = {kind: _kept_words(key) for kind, key in self._keys.items()}
            with self._acts.act("persist", intent) as seen:
                for kind, key in self._keys.items():
                    keys.persist(tpm, key)
                    seen[kind] = _kept_words(key)
            self._unit = self._means.ledger.keyed(
                self._known.unit_id,
                {kind: key.spki_sha256 for kind, key in self._keys.items()},
                "tpm",
                {"keys": {kind: key.as_json() for kind, key in self._keys.items()}, "ek": self._ek.as_json()},
            )

    def _make(self, tpm: Tpm, nonce: bytes) -> dict[str, Key]:
        """Both keys as transient objects, the CA's nonce in their creation data."""
        outside_info = hashlib.sha256(nonce).digest() if nonce else b""
        return {
            place.kind: keys.make(tpm, self._recipe, place, outside_info) for place in self._recipe.places
        }

    def _nonce(self) -> bytes:
        """The CA's nonce; b"" where the CA just went away."""
        assert self._ca is not None
        try:
            return self._ca.nonce(
                self._known.request_id,
                serial=self._order.serial,
                model=self._recipe.model,
                station=self._order.station,
                station_time=int(self._means.now().timestamp()),
                replaces=self._known.replaces[0] if self._known.replaces else None,
            ).nonce
        except CaUnreachable as error:
            self._ca, self._ca_error = None, error
            return b""

    # -- phase 3

    def _request(self, tpm: Tpm, ca: CaClient) -> None:
        with self._step("request", "proving the keys to the certificate authority"):
            issued = ca.issued(self._known.request_id) if self._resumed else None
            if issued is not None:  # the answer was lost, not the certificates
                self._acts.close("request", _issued_words(issued))
            else:
                issued = self._ask(tpm, ca)
            for kind, der in issued.certificates.items():
                verify.verify_certificate(der, self._known.keys[kind], issued.chain)
            self._unit = self._means.ledger.certified(self._known.unit_id, dict(issued.certificates))
            self._chain = issued.chain

    def _ask(self, tpm: Tpm, ca: CaClient) -> Issued:
        nonce = self._nonce()
        if not nonce:
            assert self._ca_error is not None
            raise self._ca_error
        if not self._keys:
            self._keys = self._make(tpm, nonce)  # for the proof of their creation
            self._verify_kept(tpm)
        evidence.make_clock_safe(tpm)
        csr = evidence.make_csr(tpm, self._keys["iak"], self._keys["idevid"], self._subject(), nonce)
        digest = hashlib.sha256(csr).hexdigest()
        with self._acts.act("request", {"nonce": nonce.hex(), "csr_sha256": digest}) as seen:
            self._unit = self._means.ledger.requested(self._known.unit_id, digest)
            issued = credential.ask(tpm, ca, self._tpm_request(csr), self._ek, self._keys["iak"])
            seen.update(_issued_words(issued))
        return issued

    def _subject(self) -> evidence.Subject:
        order = self._order
        return evidence.Subject(self._recipe.model, order.serial, order.station, self._ek.certificate)

    def _tpm_request(self, csr: bytes) -> TpmRequest:
        found, clock = self._sight.properties, self._sight.clock
        return TpmRequest(
            request_id=self._known.request_id,
            serial=self._order.serial,
            model=self._recipe.model,
            station=self._order.station,
            ek_cert=self._ek.certificate,
            ek_public=self._ek.public,
            csr=csr,
            properties=TpmFacts(
                manufacturer=found.manufacturer,
                vendor=found.vendor,
                firmware=found.firmware[0] << 32 | found.firmware[1],
                reset_count=clock.reset_count,
                restart_count=clock.restart_count,
            ),
            station_time=int(self._means.now().timestamp()),
            ek_chain=self._ek.chain,
        )

    def _verify_kept(self, tpm: Tpm) -> None:
        """The keys at their handles are those that the ledger has, and those that were just made."""
        names = verify.recorded_names(self._known)
        for kind, key in self._keys.items():
            if key.name != names[kind]:
                raise TpmKeyDiffers(f"the TPM makes another {kind} than the one that the ledger has")
            keys.persist(tpm, key)

    # -- phase 4

    def _store_and_lock(self, tpm: Tpm) -> None:
        self._means.commit()
        for place in self._recipe.places:
            if place.index in self._sight.locked:
                store.verify_stored(tpm, place, self._known.certificates[place.kind])
        by = preflight.nv_hierarchy(self._sight, self._recipe)
        with self._step("lock", "setting passwords and limits"):
            self._lock(tpm)
        with self._step("store", "storing and locking the certificates"):
            stored = self._store(tpm, by)
            found = tpm.properties()
            observed = {"stored": stored, "stored_by": by, **_limits(found)}
            self._unit = self._means.ledger.locked(self._known.unit_id, observed)
            self._means.emit(Observed(what="locked", value=observed))

    def _store(self, tpm: Tpm, by: str) -> dict[str, Any]:
        """The IDevID's write lock comes last of all: it says that the factory is done."""
        certificates = self._known.certificates
        intent: dict[str, Any] = {
            place.kind: {"index": place.index, "sha256": hashlib.sha256(certificates[place.kind]).hexdigest()}
            for place in self._recipe.places
        }
        with self._acts.act("store", {**intent, "by": by}) as seen:
            for place in self._recipe.places:
                found = store.store(tpm, place, certificates[place.kind], by, tpm.nv_piece)
                seen[place.kind] = found.as_json()
        return seen

    def _lock(self, tpm: Tpm) -> None:
        wanted, found = self._recipe.attack, tpm.properties()
        if found.lockout_auth_set:  # by an earlier run: it comes last
            self._acts.close("lock", _limits(found))
            return
        assert self._recipe.escrow is not None
        sealed = lock.escrow_password(self._recipe.escrow, self._known.unit_id)
        intent = {
            "dictionary_attack": [wanted.max_tries, wanted.interval_s, wanted.recovery_s],
            "clear_disabled": True,
            "escrow_file_name": sealed.path.name,
            "escrow_key_sha256": sealed.key,
        }
        with self._acts.act("lock", intent) as seen:
            lock.set_parameters(tpm, wanted)
            if not found.disable_clear:
                lock.disable_clear(tpm)
            lock.give_password(tpm, sealed)
            seen.update(_limits(tpm.properties()))
        self._password = sealed.password

    # -- phase 5

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

    # -- ends

    def _quarantined(self, unit: Unit, error: WorkbenchError) -> UnitOutcome:
        if has_reached(unit.state, State.BLANK):
            self._unit = self._means.ledger.quarantine(unit.unit_id, f"{error.code}: {error.what}")
        return self._ended("quarantined", error)

    def _ended(self, state: Any, error: WorkbenchError | None = None) -> UnitOutcome:
        unit = self._unit
        units = error.units if isinstance(error, IdentityConflict) else ()
        return UnitOutcome(
            state=state,
            unit_id=unit.unit_id if unit is not None else " ".join(units),
            serial=self._order.serial,
            hardware_id=self._ek.digest,
            resumed=self._resumed,
            why=None if error is None else f"{error.code}: {error.what}",
            error=error,
            times=tuple(self._watch.times),
        )


def speaks_against_unit(error: WorkbenchError) -> bool:
    """Whether a unit goes into quarantine for this: it must not be trusted, and that is nobody else's
    fault.
    """
    if isinstance(error, CaRefused):
        return error.code != CaRefused.code or error.reason in AGAINST_UNIT
    return error.blame is Blame.TRUST


def _kept_words(key: Key) -> dict[str, Any]:
    return {"handle": key.place.handle, "name": key.name.hex(), "template": key.template.id}


def _limits(found: TpmProperties) -> dict[str, Any]:
    """What a TPM shows of passwords and limits."""
    return {
        "dictionary_attack": [found.max_auth_fail, found.lockout_interval_s, found.lockout_recovery_s],
        "clear_disabled": found.disable_clear,
        "lockout_auth_set": found.lockout_auth_set,
    }


def _issued_words(issued: Issued) -> dict[str, Any]:
    """What came from the CA: digests of the certificates, which the ledger has, and the certificates over
    them.
    """
    digests = {kind: hashlib.sha256(der).hexdigest() for kind, der in issued.certificates.items()}
    return {"certificate_sha256": digests, "chain": [der.hex() for der in issued.chain]}
