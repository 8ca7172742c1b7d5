"""What can go wrong on a wire, and whose fault it is."""

from __future__ import annotations

from workbench.errors import Blame, InputError, WorkbenchError


class SerialError(WorkbenchError):
    """A serial port cannot be used."""

    code = "serial-failed"
    blame = Blame.STATION
    default_cause = "the cable, the adapter or its driver"
    default_action = "check the cable, then run `workbench doctor`"


class SerialMissing(SerialError):
    """The serial port is not there."""

    code = "serial-missing"
    default_cause = "not plugged in, without power, or listed under another name"
    default_action = "plug the board in, and compare the bench file with `ls -l /dev/serial/by-path`"


class SerialBusy(SerialError):
    """Another program has the serial port."""

    code = "serial-busy"
    default_cause = "a terminal program or another station uses the port"
    default_action = "end the other program, then try again"


class SerialDenied(SerialError):
    """This user may not open the serial port."""

    code = "serial-denied"
    default_cause = "the user is not in the group that owns the port"
    default_action = "`sudo usermod -aG dialout $USER`, then log out and in again"


class SerialTimeout(SerialError):
    """The serial port did not answer in time."""

    code = "serial-timeout"
    default_cause = "the far end or the driver hangs, or flow control holds the line"
    default_action = "unplug the adapter and plug it in again; check the flow control in the target file"


class SerialLost(SerialError):
    """The serial port vanished while it was in use."""

    code = "serial-lost"
    default_cause = "unplugged, or the board lost its power"
    default_action = "check cable and power; the console connects again by itself when the port is back"


class SerialInvalid(InputError):
    """This cannot be a serial port, or it cannot have these settings."""

    code = "serial-invalid"
    default_cause = (
        "a path that is not a terminal device, a malformed URL, or a setting the port does not know"
    )
    default_action = "correct `serial` in the bench file or `[console]` in the target file"


class ConsoleLogFailed(SerialError):
    """The console's log file cannot be written."""

    code = "console-log-failed"
    default_cause = "the disk is full, or the folder may not be written"
    default_action = "make room or name another log file, then run again"


class PatternInvalid(InputError):
    """A pattern that a console cannot wait for."""

    code = "pattern-invalid"
    default_cause = "the pattern is empty, or it also fits where nothing arrived"
    default_action = "give a pattern that needs at least one byte"


class ConsoleTimeout(WorkbenchError):
    """The board did not print what was waited for.

    `pattern` is what was waited for; `tail` the end of what arrived, safe for a terminal; `received_bytes`
    how much arrived during the wait; `silent_s` how long ago the last byte came, None when none ever came.
    """

    code = "console-timeout"
    blame = Blame.UNIT
    default_cause = "the firmware did something else; the text above shows how far it came"
    default_action = "read the console log, or give a longer limit"

    def __init__(
        self,
        what: str,
        *,
        pattern: str,
        tail: str,
        received_bytes: int,
        silent_s: float | None,
        cause: str | None = None,
        action: str | None = None,
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.pattern = pattern
        self.tail = tail
        self.received_bytes = received_bytes
        self.silent_s = silent_s
