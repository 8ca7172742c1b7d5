"""pyOCD kept quiet: its log goes to the logger `workbench.probes.pyocd`, never to the terminal."""

from __future__ import annotations

import logging
from typing import Final

LOG: Final = logging.getLogger("workbench.probes.pyocd")
"""Where pyOCD's log records end up; a face may attach a file to it."""

_FOREIGN: Final = ("pyocd", "pylink", "usb", "libusb_package", "cmsis_pack_manager")


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if LOG.isEnabledFor(record.levelno):
            LOG.handle(record)


_FORWARD: Final = _Forward()


def keep_quiet() -> None:
    """Send the log of pyOCD and its libraries to LOG.  Calling it again changes nothing."""
    home = logging.getLogger("workbench")
    if not home.handlers:
        home.addHandler(logging.NullHandler())
    for name in _FOREIGN:
        logger = logging.getLogger(name)
        logger.propagate = False
        if _FORWARD not in logger.handlers:
            logger.addHandler(_FORWARD)


def log_print(text: str, **_options: object) -> None:
    """Stands in for `print` in pyOCD's user scripts."""
    LOG.info("%s", text)
