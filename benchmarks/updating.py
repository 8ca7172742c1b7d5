"""Updates: uploading against smpmgr and against the line itself, and how fast power cuts are enumerated."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Final

from benchmarks.bench import Place
from benchmarks.line import paced
from benchmarks.ratios import Goal, Row, milliseconds, ratios, timed
from benchmarks.starting import PROGRAM
from workbench.boards.bench import Slot
from workbench.boards.power import SweepingSwitch
from workbench.events import ignore
from workbench.images.profile import load_profile
from workbench.images.release import build_release
from workbench.images.tlvs import Version
from workbench.station.demo import FIRMWARE
from workbench.station.provision import provision
from workbench.station.trials import trial_keys
from workbench.updates.device import Device
from workbench.updates.provision import find_firmware
from workbench.updates.trials.cuts import UNTIL
from workbench.updates.upload import Upload, Uploaded
from workbench.wires.serial_port import PortSettings
from workbench.wires.smp import open_smp

PEERS: Final = Path(__file__).resolve().parent.parent / ".setup" / "peers"
SMPMGR: Final = "smpmgr==0.19.1"
PROFILE: Final = "tier-2-ecdsa"
BAUD: Final = 115_200
POINTS: Final = 300
AS_FAST_AS_SMPMGR: Final = Goal("at least", 1.0)
LINE_SHARE: Final = Goal("at least", 0.85)


def measure(place: Place, rounds: int) -> list[Row]:
    """A provisioned twin; nothing that is uploaded is installed, but for the power cuts."""
    slot = next(iter(place.bench.slots.values()))
    slot.need_power().on()
    images = _provision(slot)
    with tempfile.TemporaryDirectory(prefix="workbench-benchmark-") as name:
        files = cycle([_write(Path(name) / f"{i}.img", image) for i, image in enumerate(images)])
        ours, theirs = _against_smpmgr(place, slot, files, rounds)
    uploads = [_over_the_line(slot, images[i % 2]) for i in range(rounds)]
    points = _cut_points_per_second(slot, images[0])
    shares = tuple(done.line_share or 0.0 for done in uploads)
    rate = uploads[0].bytes / uploads[0].seconds / 1024
    return [
        Row(
            "upload, whole command, how much faster than smpmgr",
            ratios(theirs, ours),
            "times",
            AS_FAST_AS_SMPMGR,
            f"{milliseconds(ours)} against {milliseconds(theirs)} for {len(images[0]) / 1024:.1f} KiB",
        ),
        Row(
            f"upload over a line of {BAUD} baud, share of what line and framing allow",
            shares,
            "times",
            LINE_SHARE,
            f"{rate:.2f} KiB/s of image, {uploads[0].window} requests under way",
        ),
        Row(
            "power cuts tried in one swap, a thousand points", points, "s", None, f"{POINTS} of them measured"
        ),
    ]


def _provision(slot: Slot) -> list[bytes]:
    profile = load_profile(PROFILE)
    keys = trial_keys(slot, profile)
    firmware = find_firmware(FIRMWARE, slot.target, profile, Version(1, 0, 0), 1)
    provision(slot, profile, keys, firmware, ignore)
    return [
        build_release(
            firmware.app, profile, keys, version=Version(1, minor, 0), counter=1, device=slot.target.name
        )
        for minor in (1, 2)
    ]


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _against_smpmgr(
    place: Place, slot: Slot, files: Iterator[Path], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of whole commands, each upload over another image; the first round warms up."""
    smpmgr = _smpmgr()
    ours, theirs = [], []
    update = [str(PROGRAM), "update", "--bench", str(place.bench.path), "--no-test", "--slot", slot.name]
    upload = [str(smpmgr), "--port", slot.need_serial(), "image", "upload"]
    for _ in range(rounds + 1):
        ours.append(timed(lambda: _run([*update, str(next(files))])))
        theirs.append(timed(lambda: _run([*upload, str(next(files))])))
    return ours[1:], theirs[1:]


def _run(command: list[str]) -> None:
    """Raises RuntimeError where it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-600:]}")


def _smpmgr() -> Path:
    """The peer, in an environment of its own: it wants other versions of what the workbench uses."""
    program = PEERS / "bin" / "smpmgr"
    if not program.exists():
        _run([sys.executable, "-m", "venv", str(PEERS)])
        _run([str(PEERS / "bin" / "pip"), "install", "--quiet", SMPMGR])
    return program


def _over_the_line(slot: Slot, image: bytes) -> Uploaded:
    settings = PortSettings(baud=BAUD)
    with paced(slot.need_serial(), BAUD) as tty, open_smp(f"smp+serial:{tty}", settings) as smp:
        return Upload(smp, image, Device(smp).params(), emit=ignore).run()


def _cut_points_per_second(slot: Slot, image: bytes) -> tuple[float, ...]:
    """Seconds for a thousand points, from a sample; the recording of the boot is not counted."""
    power = slot.need_power()
    assert isinstance(power, SweepingSwitch)
    with open_smp(slot.need_serial(), PortSettings(baud=BAUD)) as smp:
        device = Device(smp)
        Upload(smp, image, device.params(), emit=ignore).run()
        waiting = next(found for found in device.images().all if found.slot == 1)
        device.set_image(waiting.hash, confirm=False)
    power.off()
    recording = power.record_boot(UNTIL, 120)
    points = random.Random(1).sample(range(1, len(recording.operations) + 1), POINTS)
    began_s = time.perf_counter()
    outcomes = list(power.sweep_cuts(recording, points))
    if any(outcome.end != "said" for outcome in outcomes):
        raise RuntimeError("a power cut left a board that does not start")
    return ((time.perf_counter() - began_s) * 1000 / POINTS,)
