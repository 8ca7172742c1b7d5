"""What the tests of trials share: workshops without a board, boards with the sample firmware, holes in it."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.secure_lab import SECURE
from tests.twin_lab import ROOT
from workbench.boards.bench import Slot, load_bench
from workbench.events import ignore
from workbench.images import keys as key_folders
from workbench.images.profile import load_profile
from workbench.images.profile_keys import kinds_for
from workbench.images.tlvs import Version
from workbench.station.slots import hold
from workbench.station.trials import FIRST, FIRST_COUNTER, Plan, run_trials, set_up, trial_keys
from workbench.updates.provision import find_firmware
from workbench.updates.trials.model import Row
from workbench.updates.trials.workshop import Workshop

NOW_S: Final = 1_800_000_000
BUILD: Final = ROOT / "firmware-samples/build"
PROFILES: Final = ("tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa")


def workshop(profile: str, folder: Path) -> Workshop:
    """One with fresh keys, for a unit that does not exist."""
    found = load_profile(profile)
    begin = datetime.fromtimestamp(NOW_S, UTC) - timedelta(days=90)
    keys = key_folders.create(folder, kinds_for(found), not_before=begin)
    return Workshop(
        profile=found,
        keys=keys,
        device="microbit-v1",
        chip_id=bytes(range(8)),
        application=bytes(range(256)) * 8,
        running=Version(1, 0, 3),
        next=Version(1, 0, 4),
        counter=5,
        running_signed_s=NOW_S - 100,
        signed_s=NOW_S,
    )


def firmware(profile: str) -> Path:
    """The samples' build, made if that is needed."""
    _make(SECURE, BUILD, profile)
    return BUILD


def weakened(folder: Path, profile: str, file: str, check: str, instead: str) -> Path:
    """A build of the samples in which one check is replaced; `folder` takes a copy of their sources."""
    firmware(profile)
    copy, build = folder / "firmware-samples", folder / "build"
    shutil.copytree(SECURE.parent, copy, ignore=shutil.ignore_patterns("build"))
    (build / "secure").mkdir(parents=True)
    shutil.copytree(BUILD / "secure/nrf51", build / "secure/nrf51", ignore=shutil.ignore_patterns("tier-*"))
    source = copy / "secure" / file
    text = source.read_text("utf-8")
    assert text.count(check) == 1, f"{file} has {text.count(check)} times {check!r}"
    source.write_text(text.replace(check, instead), "utf-8")
    _make(copy / "secure", build, profile)
    return build


def _make(source: Path, build: Path, profile: str) -> None:
    (BUILD / "secure").mkdir(parents=True, exist_ok=True)
    with (BUILD / "secure/.tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run(ROOT / "scripts/fetch-bearssl")
        bearssl = ROOT / ".setup/bearssl"
        _run("make", "-C", source, f"PROFILE={profile}", "CHIP=nrf51", f"BUILD={build}", f"BEARSSL={bearssl}")


def _run(*words: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def no_step(_step: str, _title: str) -> Iterator[None]:
    """A step of no run."""
    yield


@contextmanager
def slot_in(folder: Path) -> Iterator[Slot]:
    """A slot with a twin, without power at the end."""
    folder.mkdir(exist_ok=True)
    (folder / "bench.toml").write_text('[bench]\nname = "trials"\n\n[slots.v1]\nvirtual = "microbit-v1"\n')
    slot = load_bench(folder / "bench.toml").slot("v1")
    try:
        yield slot
    finally:
        slot.need_power().off()


def matrix(
    slot: Slot, build: Path, *only: str, profile: str = "tier-2-ecdsa", seed: int = 1
) -> dict[str, Row]:
    """Provisions the board and runs these trials; the rows by name."""
    found = load_profile(profile)
    plan = Plan(
        profile=found,
        keys=trial_keys(slot, found),
        firmware=find_firmware(build, slot.target, found, FIRST, FIRST_COUNTER),
        only=only,
        seed=seed,
        permit_identity=True,
    )
    set_up(slot, plan, ignore, no_step, lambda: None)
    with hold(slot, purpose="trial", emit=ignore) as held:
        rows = run_trials(held, plan, step=no_step, emit=ignore, check=lambda: None)
    return {row.name: row for row in rows}
