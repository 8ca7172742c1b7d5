"""The secure samples as a user builds them, for tests that provision units with them."""

from __future__ import annotations

import fcntl
import functools
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SECURE: Final = ROOT / "firmware-samples" / "secure"
BUILD: Final = ROOT / "firmware-samples" / "build"


@functools.cache
def built(profile: str, chip: str = "nrf51") -> Path:
    """The samples' build folder, with bootloader and application of the profile; other processes wait."""
    (BUILD / "secure").mkdir(parents=True, exist_ok=True)
    with (BUILD / "secure" / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(
            [ROOT / "scripts" / "fetch-bearssl"], check=True, stdin=subprocess.DEVNULL, timeout=300
        )
        done = subprocess.run(
            ["make", "-C", str(SECURE), f"PROFILE={profile}", f"CHIP={chip}"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD
