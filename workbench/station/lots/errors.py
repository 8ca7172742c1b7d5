"""Why a lot refuses a unit, or a station stops handing out serial numbers; each with the next action."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.languages import N_
from workbench.toml_file import FileInvalid


class LotFileInvalid(FileInvalid):
    """A lot file is wrong."""

    code = "lot-file-invalid"
    default_cause = "a lot file that says something the workbench does not know"


class SerialWrongFormat(InputError):
    """A serial number does not look like those of its lot."""

    code = "serial-wrong-format"
    default_cause = N_("a label of another product, or a damaged one")
    default_action = N_("scan the unit's own label")


class SerialDuplicate(InputError):
    """A unit with this serial number has passed already."""

    code = "serial-duplicate"
    default_cause = N_("the label was scanned a second time, or two units have the same label")
    default_action = N_("put the unit to the good ones; if there are two, give both to the line's lead")


class SerialInWork(InputError):
    """A unit with this serial number is being worked on at another place."""

    code = "serial-in-work"
    default_cause = N_("two units have the same label, or the other station has not ended its run")
    default_action = N_(
        "compare the labels; finish the unit where it was begun, or wait until its time is over"
    )


class SerialReserved(InputError):
    """Another station holds this serial number in reserve."""

    code = "serial-reserved"
    default_cause = N_("the label was printed at another station, or belongs to a unit there")
    default_action = N_("take the unit to that station, or take another label")


class SerialWrongLot(InputError):
    """The unit belongs to another lot."""

    code = "serial-wrong-lot"
    default_cause = N_("a unit of another lot was put into this one")
    default_action = N_("put the unit aside, or open the lot that it belongs to")


class SerialUnknown(InputError):
    """No unit of this serial number is known."""

    code = "serial-unknown"
    default_cause = N_("a mistyped serial number, or a unit that was never begun")
    default_action = N_("scan the unit's label")


class UnitShipped(InputError):
    """The unit was shipped already."""

    code = "unit-shipped"
    default_cause = N_("a returned unit, or a second label with its serial number")
    default_action = N_("put the unit aside; a returned one is taken back with `workbench lot readmit`")


class UnitScrapped(InputError):
    """The unit was scrapped, and its serial number is used up."""

    code = "unit-scrapped"
    default_cause = N_("a scrapped unit came back to the line")
    default_action = N_("put the unit aside")


class UnitNotPassed(InputError):
    """A unit that has not passed cannot be shipped."""

    code = "unit-not-passed"
    default_cause = N_("the unit failed, or its run has not ended")
    default_action = N_("run the unit again, and ship it when it has passed")


class LotUnknown(InputError):
    """There is no lot of that name."""

    code = "lot-unknown"
    default_cause = N_("a mistyped name, or a lot that was never opened in this database")
    default_action = N_("see `workbench lot list`; open it with `workbench lot open FILE`")


class LotFull(InputError):
    """The lot has all its units."""

    code = "lot-full"
    default_cause = N_("the quantity is reached with what has passed, is in work and is held in reserve")
    default_action = N_("open the next lot; `workbench lot show` tells which stations hold serial numbers")


class LotClosed(InputError):
    """The lot was closed."""

    code = "lot-closed"
    default_cause = N_("somebody closed it")
    default_action = N_("open the next lot")


class LotDiffers(InputError):
    """A lot was opened with another content than its file has now."""

    code = "lot-differs"
    default_cause = "the file was changed after the lot was opened, or two lots have the same name"
    default_action = (
        "give the new lot a name of its own, or put the file back; `--amend` changes the quantity"
    )


class LotForOtherRecipe(InputError):
    """A lot is for another recipe."""

    code = "lot-other-recipe"
    default_cause = N_("the wrong lot or the wrong recipe was opened")
    default_action = N_("open the lot with the recipe that it names")


class NoSerialsToGive(InputError):
    """The lot hands out no serial numbers."""

    code = "lot-gives-no-serials"
    default_cause = N_("its serial numbers come with the units, on labels that are scanned")
    default_action = N_("scan the unit's label")


class SerialsExhausted(InputError):
    """All serial numbers of the lot are used."""

    code = "serials-exhausted"
    default_cause = N_("units that failed or were scrapped have used up the numbers that were to spare")
    default_action = N_("run failed units again, or open a lot with further serial numbers")


class AttemptUnknown(WorkbenchError):
    """A run ends that was never begun."""

    code = "attempt-unknown"
    blame = Blame.BUG


class LineStopsWithoutDatabase(WorkbenchError):
    """The shared database is gone, and the recipe says that no unit is begun without it."""

    code = "line-stops-without-database"
    blame = Blame.STATION
    default_cause = N_("the database's server is down, or the network is cut")
    default_action = N_("units that run are finished and kept; go on when the database is back")


class ReserveEmpty(WorkbenchError):
    """The shared database is gone, and this station has no serial number left in reserve."""

    code = "reserve-empty"
    blame = Blame.STATION
    default_cause = N_("the database was away for longer than the reserve lasts")
    default_action = N_("bring the database back; a larger `database.reserve` in the recipe lasts longer")


class SerialNotReserved(WorkbenchError):
    """Without the shared database only serial numbers that this station holds in reserve can be begun."""

    code = "serial-not-reserved"
    blame = Blame.STATION
    default_cause = N_("the shared database is gone, and another station may use this serial number")
    default_action = N_("put the unit aside until the database is back")


class LocalStoreUnusable(WorkbenchError):
    """The station's own file of units in work cannot be written or read."""

    code = "local-store-unusable"
    blame = Blame.STATION
    default_cause = N_("the disk is full or broken, or the folder belongs to somebody else")
    default_action = N_("make room on the disk; nothing begins before the file can be written")


class LocalStoreDamaged(WorkbenchError):
    """The station's own file of units in work is damaged."""

    code = "local-store-damaged"
    blame = Blame.STATION
    default_cause = N_("a broken disk, or another program wrote into it")
    default_action = N_(
        "keep a copy of the file and move it away; units that were in work are found in the journals"
    )
