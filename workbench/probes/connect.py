"""Opening pyOCD's session for one probe and one target.  Runs in a session's thread.

What of pyOCD's defaults is changed, and why: no configuration file and no user script is picked up from the
current folder; the current folder stays; a locked chip is never unlocked; the register description (SVD) is
not parsed.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any, Final, Literal

from workbench.boards.bench import ProbeRef
from workbench.boards.target import Target
from workbench.probes.errors import TargetUnsupported
from workbench.probes.find import find_probe
from workbench.probes.quiet import log_print

Connect = Literal["attach", "halt", "under-reset"]
"""attach: leave the core as it is.  halt: stop it for the session.
under-reset: hold reset while connecting, then stop at the first instruction; needs the reset wire.
"""

_RESET_DELAY_S: Final = 0.01
"""pyOCD waits 0.1 s after each reset; the chip is asked whether it is back anyway."""


def open_session(wanted: ProbeRef, target: Target, connect: Connect) -> Any:
    """pyOCD's session, opened.  Raises ProbeMissing, TargetUnsupported and what pyOCD raises; then nothing is
    left open.
    """
    probe = find_probe(wanted)
    session = _session_class()(probe, options=_options(target, connect))
    session.user_script_print_proxy.set_target(log_print)
    # The SVD file is parsed in a thread of its own for seconds and is used by nothing here.
    session.target.load_svd = lambda: None
    try:
        session.open()
    except BaseException:
        close_session(session)
        raise
    return session


def close_session(session: Any) -> None:
    """Disconnect and close the probe, also where disconnecting fails with more than pyOCD expects."""
    try:
        session.close()
    finally:
        if session.probe.is_open:
            with contextlib.suppress(Exception):
                session.probe.close()


def _session_class() -> Any:
    from pyocd.core.session import Session

    class OwnSession(Session):  # type: ignore[misc]
        """Looks for no file that was not named."""

        def find_user_file(self, option_name: str | None, filename_list: list[str]) -> str | None:
            named = self.options.get(option_name) if option_name is not None else None
            return str(named) if named is not None else None

    return OwnSession


def _options(target: Target, connect: Connect) -> dict[str, Any]:
    options: dict[str, Any] = {
        "auto_unlock": False,
        "connect_mode": "under-reset" if connect == "under-reset" else "attach",
        "dap_protocol": target.debug.wire,
        "no_config": True,
        "project_dir": os.getcwd(),  # pyOCD changes to this folder: the one that is current already
        "reset.post_delay": _RESET_DELAY_S,
        "rtos.enable": False,
        "target_override": target.debug.pyocd,
        "warning.cortex_m_default": False,
    }
    if target.debug.frequency_hz is not None:
        options["frequency"] = target.debug.frequency_hz
    for option, path in (("pack", target.pack_path), ("user_script", target.script_path)):
        if path is not None:
            if not path.is_file():
                raise TargetUnsupported(
                    f"{target.path}: [debug] {option} names {path}, and there is no such file"
                )
            options[option] = str(path)
    return options
