"""Whatever happens, a connection leaves no object and no session of its own in the TPM."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.tpm_lab import (
    IAK,
    IDEVID,
    BareTpm,
    bare_tpm,
    interposed,
    key_policy,
    make_devid,
    make_ek,
    needs_swtpm,
)
from workbench.errors import Stopped, WorkbenchError
from workbench.identity.tpm.credential import make_credential
from workbench.wires.tpm import Tpm, open_tpm
from workbench.wires.tpm.errors import TpmRefused
from workbench.wires.tpm.values import First

pytestmark = needs_swtpm
VOLATILE = (First.TRANSIENT, First.LOADED_SESSION, First.SAVED_SESSION)


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as tpm:
        yield tpm


def left_in(bare: BareTpm) -> list[int]:
    """What is in the TPM, seen without the tidying of an opened connection."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tpm, "tidy", lambda _: 0)
        with open_tpm(bare.tcti) as tpm:
            for kind in VOLATILE:
                seen += tpm.handles(kind)
    return seen


def work(tpm: Tpm) -> None:
    """Some of everything that makes objects or sessions."""
    ek = make_ek(tpm)
    tpm.secure(ek.handle, ek.name)
    _, iak = make_devid(tpm)
    tpm.certify(IDEVID, IAK, b"n", key_policy("idevid"))
    blob, secret = make_credential(ek.public, b"s", iak.name)
    tpm.activate_credential(IAK, ek.handle, blob, secret, key_policy=key_policy("iak"), ek_kind="L")
    with contextlib.suppress(TpmRefused):
        tpm.certify(IDEVID, IAK, b"n", key_policy("iak"))


def open_and_work(tcti: str) -> None:
    with open_tpm(tcti) as tpm:
        work(tpm)


def test_after_everything_went_well(bare: BareTpm) -> None:
    with open_tpm(bare.tcti) as tpm:
        tpm.startup()
        work(tpm)
        assert tpm.handles(First.TRANSIENT)
        assert len(tpm.handles(First.LOADED_SESSION)) == 1, "only the salted session stays between commands"
    assert left_in(bare) == []


def test_the_measurement_sees_what_is_left(bare: BareTpm) -> None:
    with pytest.MonkeyPatch.context() as patch, open_tpm(bare.tcti) as tpm:
        tpm.startup()
        patch.setattr(Tpm, "close", lambda _: None)
        make_ek(tpm)
        assert tpm.handles(First.TRANSIENT)


def test_after_the_users_own_error(bare: BareTpm) -> None:
    def fail() -> None:
        with open_tpm(bare.tcti) as tpm:
            tpm.startup()
            work(tpm)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert left_in(bare) == []


@pytest.mark.parametrize("after", range(3, 29, 3))
def test_when_somebody_asks_to_stop_anywhere(bare: BareTpm, after: int) -> None:
    with open_tpm(bare.tcti) as tpm:
        tpm.startup()
    calls = iter(range(1000))

    def check() -> None:
        if next(calls) == after:
            raise Stopped("asked to")

    with pytest.raises(Stopped), open_tpm(bare.tcti, check=check) as tpm:
        work(tpm)
    assert left_in(bare) == []


@pytest.mark.parametrize("at", range(5, 33, 3))
def test_when_ctrl_c_comes_during_any_command(bare: BareTpm, at: int) -> None:
    """The command is completed, then the interrupt goes on its way."""
    with open_tpm(bare.tcti) as tpm:
        tpm.startup()
    seen = iter(range(1000))

    def interrupt(kind: str, message: bytes) -> bytes:
        if kind == "command" and next(seen) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return message

    with interposed(bare, interrupt) as between, pytest.raises(KeyboardInterrupt):
        open_and_work(between.tcti)
    assert left_in(bare) == []


KILLED = """
import os, signal, sys
from tests.tpm_lab import make_ek
from workbench.wires.tpm import open_tpm
with open_tpm(sys.argv[1]) as tpm:
    ek = make_ek(tpm)
    tpm.secure(ek.handle, ek.name)
    make_ek(tpm)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_station_left_is_removed_by_the_next(bare: BareTpm) -> None:
    with open_tpm(bare.tcti) as tpm:
        tpm.startup()
    for _ in range(3):  # the TPM has room for three objects
        done = subprocess.run([sys.executable, "-c", KILLED, bare.tcti], check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        assert len(left_in(bare)) == 3
    with open_tpm(bare.tcti) as tpm:
        assert [tpm.handles(kind) for kind in VOLATILE] == [()] * 3


Act = Callable[[Tpm], object]


@pytest.mark.parametrize(
    "act",
    [
        lambda tpm: tpm.certify(IDEVID, IAK, b"n", key_policy("iak")),
        lambda tpm: tpm.certify(IDEVID, IAK, b"n" * 66, key_policy("idevid")),
        lambda tpm: tpm.activate_credential(
            IAK, IDEVID, b"\0\x22" + b"\0\x20" + bytes(32), b"\0\0", key_policy=key_policy("iak"), ek_kind="L"
        ),
    ],
)
def test_refused_commands_leave_no_session(bare: BareTpm, act: Act) -> None:
    with open_tpm(bare.tcti) as tpm:
        tpm.startup()
        make_devid(tpm)
        for _ in range(5):
            with pytest.raises(WorkbenchError):
                act(tpm)
        assert tpm.handles(First.LOADED_SESSION) == ()
        assert tpm.handles(First.TRANSIENT) == ()
