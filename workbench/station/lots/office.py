"""The office of a line: hands out serial numbers, admits units, keeps how far each is, and takes results.

    office = Office.open(bench.folder, recipe, lot, station="line-1")
    serial = office.next_serial(slot="v1")
    begun = office.begin(serial, run_id=run.run_id, slot="v1")      # raises why not
    office.step_began(serial, "flash", irreversible=False, facts={}, chip_id=None)
    office.step_finished(serial, "flash", {})
    office.finish(attempt)                                           # kept on the disk when it returns

The office knows two places: the shared database, which alone may hand out serial numbers, and this
station's own file (`.workbench/line.sqlite`), which survives a power cut and takes what the database cannot
be told now.  Any number of processes of one bench may have one open; an object may serve several threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from workbench.database.engine import DatabaseUnavailable
from workbench.errors import WorkbenchError
from workbench.languages import _
from workbench.station.lots.central import Central
from workbench.station.lots.errors import (
    LineStopsWithoutDatabase,
    LotUnknown,
    NoSerialsToGive,
    ReserveEmpty,
    SerialDuplicate,
    SerialInWork,
    SerialNotReserved,
)
from workbench.station.lots.local import LocalStore, is_alive, local_path, process_name
from workbench.station.lots.local_unit import Hold, LocalUnit, boot_moment
from workbench.station.lots.lot_file import Lot, refuse_foreign_lot
from workbench.station.lots.lots import Lots
from workbench.station.lots.own_units import left_of, wish_of
from workbench.station.lots.values import Attempt, Begun, LotStats, SerialState, SyncReport, UnfinishedRun
from workbench.station.places import database_url
from workbench.station.recipes.recipe import Recipe
from workbench.station.steps.resume import Progress

T = TypeVar("T")
DatabaseState = Literal["ok", "lost", "local"]

LEASE_MARGIN_S: Final = 300.0
"""How much longer than a unit may take it stays its station's."""


class Office:
    """One lot at one station.  Methods raise LocalStoreUnusable where this station's own file fails."""

    def __init__(self, recipe: Recipe, lot: Lot, store: LocalStore, central: Central) -> None:
        """Use `open`."""
        self._recipe = recipe
        self._lot = lot
        self._store = store
        self._central = central

    @classmethod
    def open(
        cls,
        bench_folder: Path,
        recipe: Recipe,
        lot: Lot,
        *,
        station: str | None = None,
        url: str | None = None,
    ) -> Self:
        """Opens this station's file, and the lot in the shared database where it is there.

        `url`: the shared database, default `places.database_url`; `station`: default this machine's name.
        Raises LotDiffers, LotClosed, LotForOtherRecipe, LineStopsWithoutDatabase (the database is gone and
        the recipe says stop, or this station knows nothing of the lot), LocalStoreUnusable,
        LocalStoreDamaged, DatabaseUrlInvalid, DatabaseTooNew.
        """
        refuse_foreign_lot(lot, recipe)
        store = LocalStore.open(local_path(bench_folder))
        try:
            url = url or database_url(bench_folder)
            central = Central(url, station=station or os.uname().nodename, holder=store.id)
            office = cls(recipe, lot, store, central)
            office._open_lot()
        except BaseException:
            store.close()
            raise
        return office

    def close(self) -> None:
        """Closes both.  What this object gave out and was not begun is free again; the reserve stays."""
        self._store.close()
        self._central.close()

    def give_back(self) -> int:
        """Gives this station's reserve back to the shared database, for others to use; how many it were.

        For the end of a line.  Never raises: what the database cannot be told now stays this station's.
        """
        with suppress(WorkbenchError):
            self._central.ask(lambda lots: lots.ping())
            serials = self._store.empty_reserve(self._lot.id)
            if serials:
                return self._central.ask(lambda lots: lots.release(self._lot.id, serials))
        return 0

    # --- serial numbers -----------------------------------------------------------------------------------

    def next_serial(self, slot: str | None = None) -> str:
        """The lot's next serial number, held for this process until `begin` or `put_back`.

        Raises NoSerialsToGive for a lot whose serial numbers are scanned, LotFull, LotClosed,
        SerialsExhausted, LineStopsWithoutDatabase, ReserveEmpty.
        """
        if not self._lot.rule.gives:
            raise NoSerialsToGive(
                _("lot {lot} takes the serial numbers of its units' labels").format(lot=self._lot.id)
            )
        for _round in range(100):
            found = self._store.pop(self._lot.id)
            if found is not None:
                return found
            self._fetch(max(1, self._target))
        raise ReserveEmpty(
            _("other processes took every serial number of lot {lot}").format(lot=self._lot.id)
        )

    def put_back(self, serial: str) -> None:
        """A serial number of `next_serial` was not begun after all."""
        self._store.put_back(serial)

    def admit(self, text: str) -> str:
        """The serial number that a scanned `text` is, if a unit of it may be begun now.  Changes nothing; an
        answer may be out of date when `begin` is called, which decides.

        Raises as `begin` does.
        """
        serial = self._lot.rule.verify(text)
        known = self._store.unit(serial)
        self._refuse_locally(serial, known)
        try:
            return self._central.ask(lambda lots: lots.admit(self._lot, serial)).serial
        except DatabaseUnavailable as error:
            self._hold_without_database(serial, known, error)
            return serial

    # --- units --------------------------------------------------------------------------------------------

    def begin(self, serial: str, *, run_id: str, slot: str, operator: str | None = None) -> Begun:
        """The unit is worked on from now on by that run; idempotent by run ID.  An earlier run of this
        station that has not ended is taken as dead where its process is this one or is gone.

        Raises SerialWrongFormat, SerialDuplicate, SerialInWork, SerialReserved, SerialWrongLot, UnitShipped,
        UnitScrapped, LotFull, LotClosed; without the database LineStopsWithoutDatabase, SerialNotReserved.
        """
        serial = self._lot.rule.verify(serial)
        if self._store.waits(serial):
            self._tell()
        self._refuse_locally(serial, self._store.unit(serial))
        moment = boot_moment()
        lease_s = self._recipe.limits.unit_s + LEASE_MARGIN_S
        unit = LocalUnit(
            serial=serial,
            lot=self._lot.id,
            run_id=run_id,
            slot=slot,
            operator=operator,
            process=process_name(),
            hold=Hold("lease", moment.epoch, moment.seconds + lease_s),
        )
        before = self._store.claim(unit)
        try:
            begun, hold = self._admitted(unit, before, lease_s)
        except BaseException:
            self._store.unclaim(serial, before)
            raise
        self._store.confirm(replace(unit, attempt=begun.attempt, hold=hold))
        return begun

    def progress(self, serial: str) -> Progress | None:
        """How far an earlier run of this station came with a unit that has not passed yet."""
        unit = self._store.unit(serial)
        return unit.progress if unit is not None and unit.has_progress else None

    def forget(self, serial: str) -> None:
        """The unit starts from its first step next time: a person decided so."""
        self._store.forget(serial)

    def step_began(
        self, serial: str, step: str, *, irreversible: bool, facts: Mapping[str, Any], chip_id: str | None
    ) -> None:
        """The step is about to be done: on the disk when this returns."""
        self._store.step_began(serial, step, irreversible=irreversible, facts=facts, chip_id=chip_id)

    def step_finished(self, serial: str, step: str, facts: Mapping[str, Any]) -> None:
        """The step ended in PASS."""
        self._store.step_finished(serial, step, facts)

    def step_failed(self, serial: str, step: str, facts: Mapping[str, Any]) -> None:
        """The step ended in another verdict."""
        self._store.step_failed(serial, step, facts)

    def finish(self, attempt: Attempt, *, seen: bool = True) -> None:
        """The run has ended: on this station's disk when this returns, and in the shared database as soon as
        it is there.  Idempotent by run ID.  `seen`: somebody works the line and learns of it.
        """
        self._store.finish(attempt, seen=seen)
        self._tell()

    def unfinished(self, *, living: bool = False) -> tuple[UnfinishedRun, ...]:
        """Units that a run of this station began and did not end, after a crash or a power cut, and such as
        ended when nobody worked the line.  `living`: also those that a process works on now.
        """
        units = [unit for unit in self._store.units() if unit.state == "in-work"]
        alive = {unit.run_id for unit in units if is_alive(unit.process)}
        left = [left_of(unit, ending=unit.run_id in alive) for unit in units]
        unseen = [self._unseen(number, attempt) for number, attempt in self._store.unseen()]
        return tuple(run for run in (*left, *unseen) if living or not run.ending)

    def saw_unseen(self) -> None:
        """The line's face has shown what ended when nobody worked it."""
        self._store.saw()

    def _unseen(self, number: int, attempt: Attempt) -> UnfinishedRun:
        unit = self._store.unit(attempt.serial)
        return UnfinishedRun(
            serial=attempt.serial,
            lot=attempt.lot,
            run_id=attempt.run_id,
            slot=attempt.slot or "",
            attempt=number,
            operator=attempt.operator,
            began_at=attempt.started_at,
            progress=unit.progress if unit is not None else Progress(),
            verdict=attempt.verdict,
            error_code=attempt.error_code,
        )

    # --- the shared database ------------------------------------------------------------------------------

    def sync(self) -> SyncReport:
        """Tells the shared database what it does not know yet, and fills the reserve.  Never raises over a
        database that is gone.
        """
        report = self._tell()
        if report.left == 0 and self._target:
            with suppress(WorkbenchError):
                self._fill()
        return report

    def stats(self) -> LotStats | None:
        """The lot over all stations, None while the database is gone.  Takes as long as the database does."""
        try:
            return self._central.ask(lambda lots: lots.stats(self._lot.id))
        except (DatabaseUnavailable, LotUnknown):
            return None

    @property
    def database(self) -> DatabaseState:
        """ok: the shared database answered last; lost: it did not; local: it is a file of this machine."""
        if self._central.lost:
            return "lost"
        return "local" if self._central.is_local else "ok"

    @property
    def reserved(self) -> int:
        """Serial numbers in this station's reserve, those that are given out not counted."""
        return self._store.in_reserve(self._lot.id)

    @property
    def _goes_on(self) -> bool:
        return self._recipe.database.on_loss == "continue"

    @property
    def _target(self) -> int:
        """How many serial numbers this station holds in reserve."""
        return self._recipe.database.reserve if self._goes_on and self._lot.rule.gives else 0

    def _open_lot(self) -> None:
        lot = self._lot
        try:
            self._central.ask(lambda lots: lots.open_lot(lot))
        except DatabaseUnavailable as error:
            if not self._goes_on or not self._store.knows_lot(lot.id, lot.rule_sha256):
                raise _stops(error) from error
        else:
            self._store.remember_lot(lot.id, lot.rule_sha256)
            self.sync()

    def _fetch(self, count: int) -> None:
        """At least one more serial number in the reserve."""
        try:
            if not self._adopt():
                self._add(lambda lots: lots.reserve(self._lot, count))
        except DatabaseUnavailable as error:
            if not self._goes_on:
                raise _stops(error) from error
            words = _("all serial numbers that this station had in reserve are used")
            raise ReserveEmpty(words, cause=error.what) from error

    def _fill(self) -> None:
        missing = self._target - self.reserved
        if missing > 0:
            missing -= self._adopt()
        if missing > 0:
            self._add(lambda lots: lots.reserve(self._lot, missing))

    def _adopt(self) -> int:
        """Takes what the database reserved for this station and this station never heard of; how many."""
        before = self.reserved
        self._add(lambda lots: lots.held(self._lot.id))
        return max(0, self.reserved - before)

    def _add(self, work: Callable[[Lots], list[str]]) -> None:
        version = self._store.version()
        serials = self._central.ask(work)
        self._store.add_reserve(self._lot.id, serials, version=version)

    def _tell(self) -> SyncReport:
        """Empties the outbox as far as the database is there."""
        conflicts: list[str] = []
        sent = 0
        if not self._store.waits():
            return SyncReport()
        try:
            self._central.ask(lambda lots: lots.ping())
        except DatabaseUnavailable:
            return SyncReport(left=self._store.all_waiting())
        waiting = self._store.take_waiting()
        for lot in dict.fromkeys(attempt.lot for attempt in waiting):
            told = [attempt for attempt in waiting if attempt.lot == lot]
            rule = self._lot.rule if lot == self._lot.id else None
            try:
                conflicts += self._central.ask(partial(Lots.finish, ended=told, rule=rule))
            except DatabaseUnavailable:
                break
            except LotUnknown as error:
                conflicts.append(error.what)
                continue
            self._store.told(told)
            sent += len(told)
        return SyncReport(sent=sent, left=self._store.all_waiting(), conflicts=tuple(conflicts))

    # --- admission ----------------------------------------------------------------------------------------

    def _admitted(self, unit: LocalUnit, before: LocalUnit | None, lease_s: float) -> tuple[Begun, Hold]:
        wish = wish_of(unit, self._recipe)
        try:
            return self._central.ask(lambda lots: lots.begin(self._lot, wish, lease_s=lease_s)), unit.hold
        except DatabaseUnavailable as error:
            hold = self._hold_without_database(unit.serial, before, error)
        attempt = 1 if before is None else before.attempt + 1
        earlier: SerialState = "reserved" if before is None else "unfinished"
        begun = Begun(serial=unit.serial, lot=unit.lot, attempt=attempt, earlier=earlier, offline=True)
        return begun, hold

    def _hold_without_database(
        self, serial: str, before: LocalUnit | None, error: DatabaseUnavailable
    ) -> Hold:
        """Why the unit may be begun although nobody can be asked; raises why not."""
        if not self._goes_on:
            raise _stops(error) from error
        if self._store.is_reserved(self._lot.id, serial):
            return Hold("reserve")
        if before is not None and before.lot == self._lot.id and before.hold.lasts(boot_moment()):
            return before.hold
        raise SerialNotReserved(
            _("unit {serial} cannot be begun without the shared database").format(serial=serial)
        ) from error

    def _refuse_locally(self, serial: str, known: LocalUnit | None) -> None:
        if known is None:
            return
        if known.state == "passed":
            raise SerialDuplicate(_("unit {serial} passed at this station").format(serial=serial))
        if known.state == "in-work" and known.process != process_name() and is_alive(known.process):
            raise SerialInWork(
                _("unit {serial} is in work in slot {slot}").format(serial=serial, slot=known.slot)
            )


def _stops(error: DatabaseUnavailable) -> LineStopsWithoutDatabase:
    words = _("the shared database is gone, and the recipe begins no unit without it")
    return LineStopsWithoutDatabase(words, cause=error.what)
