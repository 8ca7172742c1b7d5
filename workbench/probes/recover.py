"""Mass erase: how a locked chip is given back, by kind of lock.  Runs in a session's thread."""

from __future__ import annotations

import time
from typing import Any, Final

from workbench.boards.target import Target
from workbench.probes.errors import FlashFailed, RecoverUnsupported
from workbench.probes.limits import Reporter

# nRF51 Series Reference Manual, NVMC: registers and values.
_NVMC_READY: Final = 0x4001_E400
_NVMC_CONFIG: Final = 0x4001_E504
_NVMC_ERASEALL: Final = 0x4001_E50C
_CONFIG_READ: Final = 0
_CONFIG_ERASE: Final = 2

_ERASE_TIMEOUT_S: Final = 10.0


def unlock(soc: Any, reporter: Reporter, target: Target) -> None:
    """Erase everything, code and configuration, so that the chip can be read again after its next reset.

    Raises RecoverUnsupported where the target file names no way.
    """
    lock = target.lock
    if lock is None or lock.recover != "mass-erase":
        raise RecoverUnsupported(f"target {target.name} has no way to recover a locked chip")
    match lock.kind:
        case "nrf51-rbpconf":
            _nrf51_erase_all(soc, reporter)


def _nrf51_erase_all(soc: Any, reporter: Reporter) -> None:
    """Registers are written directly: on a locked chip no code can be run for it."""
    soc.halt()
    soc.write32(_NVMC_CONFIG, _CONFIG_ERASE)
    _await_ready(soc, reporter)
    soc.write32(_NVMC_ERASEALL, 1)
    _await_ready(soc, reporter)
    soc.write32(_NVMC_CONFIG, _CONFIG_READ)
    _await_ready(soc, reporter)


def _await_ready(soc: Any, reporter: Reporter) -> None:
    ends_at = time.monotonic() + _ERASE_TIMEOUT_S
    while not soc.read32(_NVMC_READY) & 1:
        reporter.beat()
        if time.monotonic() > ends_at:
            raise FlashFailed(f"the flash controller was not ready within {_ERASE_TIMEOUT_S:g} s")
