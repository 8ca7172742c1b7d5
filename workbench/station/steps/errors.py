"""What can be wrong with a plan, and how a step ends that did not pass."""

from __future__ import annotations

from workbench.errors import Blame, InputError, Stopped, WorkbenchError


class StepUnknown(InputError):
    """A plan names a step that there is not."""

    code = "step-unknown"
    default_cause = "a misspelt name, or the package that brings the step is not installed"
    default_action = "correct `step` in the recipe's [[plan]]; docs/steps.md lists the steps"


class StepNotLoadable(InputError):
    """A step of an installed package cannot be used."""

    code = "step-not-loadable"
    default_cause = "a mistake in the package that brings the step"
    default_action = "correct or remove the package; docs/steps.md says what a step must have"


class StepOptionsInvalid(InputError):
    """A plan gives a step options that it does not take."""

    code = "step-options-invalid"
    default_cause = "a misspelt option, or a value that the step cannot use"
    default_action = "correct the recipe's [[plan]]; docs/steps.md lists the options of each step"


class PlanImpossible(InputError):
    """A plan cannot be carried out as it is written."""

    code = "plan-impossible"
    default_cause = "its steps contradict each other, or a step lacks what it needs from the recipe"
    default_action = "correct the recipe; `workbench recipe check` explains it"


class PermissionMissing(InputError):
    """A recipe does not permit irreversible work that its plan wants done."""

    code = "permission-missing"
    default_cause = "everything that cannot be undone is forbidden unless the recipe's [permit] names it"
    default_action = "set the permission in the recipe's [permit] table, if that is meant"


class UnitExchanged(WorkbenchError):
    """Another unit is in the slot than the one that the run began with."""

    code = "unit-exchanged"
    blame = Blame.STATION
    default_cause = "the board was taken out during the run, or an unfinished unit was put into another slot"
    default_action = "put the unit back whose serial number this is, and run it again"


class UnitKnownOtherwise(WorkbenchError):
    """The ledger knows this board, or this serial number, as another unit."""

    code = "unit-known-otherwise"
    blame = Blame.STATION
    default_cause = "the wrong label was scanned, or a finished board was put in again"
    default_action = "compare board and label; nothing of this board's identity was touched"


class UnitUnclear(WorkbenchError):
    """It cannot be told whether something irreversible happened to the unit."""

    code = "unit-unclear"
    blame = Blame.STATION
    default_cause = "an earlier run ended in the middle of an irreversible step"
    default_action = "put the unit aside and give it to the engineer; `workbench identity show` tells more"


class StepTimeOver(WorkbenchError):
    """A step took longer than its limit."""

    code = "step-time-over"
    blame = Blame.STATION
    default_cause = "the board, its probe or a server hangs, or the limit is too short"
    default_action = "look at the board and its cables, then run the unit again"


class UnitTimeOver(WorkbenchError):
    """A unit's run took longer than its limit."""

    code = "unit-time-over"
    blame = Blame.STATION
    default_cause = "its steps are slow, or were done again too often"
    default_action = "run the unit again: it goes on from its last safe step; or raise [limits] unit_s"


class MeasurementOutOfLimits(WorkbenchError):
    """A measured value does not lie within its limits."""

    code = "measurement-out-of-limits"
    blame = Blame.UNIT
    default_cause = "the unit is faulty, or what it is measured with"
    default_action = "check the contacts, then try the unit once more; put it aside if the value stays"


class MeasurementInvalid(WorkbenchError):
    """A step measured something that is no value."""

    code = "measurement-invalid"
    blame = Blame.STATION
    default_cause = (
        "the step's pattern does not match a number, or a step of an installed package has a mistake"
    )
    default_action = "correct the step or its options in the recipe"


class StepMisbehaved(WorkbenchError):
    """A step gave back something that cannot be kept."""

    code = "step-misbehaved"
    blame = Blame.STATION
    default_cause = "a mistake in the package that brings the step"
    default_action = "correct the package; docs/steps.md says what a step may give back"


class StepCrashed(WorkbenchError):
    """A step of an installed package raised what it did not foresee."""

    code = "step-crashed"
    blame = Blame.STATION
    default_cause = "a mistake in the package that brings the step, or an instrument that it did not reach"
    default_action = "run the unit again; if it comes back, give the run's journal to whoever wrote the step"


class AnswerImpossible(WorkbenchError):
    """A step asks a person, and there is nobody to ask."""

    code = "answer-impossible"
    blame = Blame.STATION
    default_cause = "the recipe runs without a terminal"
    default_action = "run it with `workbench tui`, or leave the step out of the recipe"


class AnswerMissing(WorkbenchError):
    """Nobody answered a step's question in time."""

    code = "answer-missing"
    blame = Blame.STATION
    default_cause = "nobody was at the station, or the scanner is not connected"
    default_action = "run the unit again and answer"


class NotConfirmed(WorkbenchError):
    """A person did not confirm what a step asked."""

    code = "not-confirmed"
    blame = Blame.UNIT
    default_cause = "the unit does not look or behave as it must"
    default_action = "put the unit aside with its serial number"


class RefusedByPerson(Stopped):
    """A person said no to going on with a unit."""

    code = "refused-by-person"
    default_cause = "the question was answered with no"
    default_action = "run the unit again when it is ready"


class LabelScanDiffers(WorkbenchError):
    """The label that was scanned is not this unit's."""

    code = "label-scan-differs"
    blame = Blame.UNIT
    default_cause = "two labels were exchanged, or the label of another unit was scanned"
    default_action = "take the wrong label off, put the right one on, and try the unit again"


class LabelTooEarly(WorkbenchError):
    """A label was to be printed for a unit whose identity is not there yet."""

    code = "label-too-early"
    blame = Blame.STATION
    default_cause = "the unit's enrolment is not over"
    default_action = "finish the unit's enrolment first: run the unit again"
