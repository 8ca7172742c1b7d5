"""What can be wrong with a label."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.languages import N_
from workbench.toml_file import FileInvalid


class LabelUnreadable(InputError):
    """A scan is not one of this workbench's labels, or was damaged on its way."""

    code = "label-unreadable"
    default_cause = N_("a damaged label, another maker's label, or a scanner with the wrong keyboard layout")
    default_action = N_("scan the label again; print it anew if that does not help")


class LabelSerialUnfit(InputError):
    """A serial number or fingerprint cannot stand on a label."""

    code = "label-serial-unfit"
    default_cause = N_("characters that no certificate allows in a serial number, or too many of them")
    default_action = N_("correct the serial number rule of the lot")


class LabelDoesNotFit(InputError):
    """A label's symbol or text is larger than the label."""

    code = "label-does-not-fit"
    default_cause = N_("the layout leaves too little room for what stands on this label")
    default_action = N_("make the label larger, or let less stand on it")


class LabelTextUnprintable(InputError):
    """A label's text holds characters that label printers do not print."""

    code = "label-text-unprintable"
    default_cause = N_("letters beyond ASCII or control characters in the recipe, the lot or the layout")
    default_action = N_("write the text with plain letters, digits and signs")


class LabelLayoutInvalid(FileInvalid):
    """A label layout cannot be used as it is."""

    code = "label-layout-invalid"
    default_cause = N_("the layout does not say what the workbench expects there")


class LabelPrintFailed(WorkbenchError):
    """The label was not printed."""

    code = "label-print-failed"
    blame = Blame.STATION
    default_cause = N_("the printer is off, out of labels, or its command failed")
    default_action = N_("look at the printer, then retry the unit; nothing else of it is repeated")


class LabelPrinterMissing(InputError):
    """The station has no label printer."""

    code = "label-printer-missing"
    default_cause = N_("station.toml has no [printer]")
    default_action = N_("add [printer] with a command or a folder to station.toml, see docs/labels.md")
