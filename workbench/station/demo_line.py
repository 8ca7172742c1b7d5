"""A line to try: a bench of virtual boards, a CA, keys, two recipes and a lot for each.

    made = make_line(folder, firmware)
    made.recipe, made.lot            # for microcontrollers; made.gateway, made.gateway_lot for TPM boards

What is there already stays as it is: units, lots and records of earlier days are kept.  Prints nothing.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.boards.bench import BENCH_FILE, Bench, load_bench
from workbench.boards.bench_write import BenchUnwritable, virtual_bench_text, write_new
from workbench.events import Emit, ignore
from workbench.languages import N_
from workbench.station import demo_identity
from workbench.station.demo import EMULATORS, TARGET, EmulatorMissing, FirmwareMissing
from workbench.station.demo_secure import PROFILE

BOARDS: Final = 4
FOLDER: Final = Path("demo-line")
KEYS: Final = "keys"
LOT_ID: Final = "DEMO-SENSORS"
LABELS: Final = "labels"
PIN_DIGITS: Final = 6
READY: Final = "line.ready"
"""Made last: a folder without it was left half made, and is made anew."""

SENSOR: Final = """\
# What a unit of this demo becomes: explained by `workbench recipe check sensor.toml`.
[recipe]
name = "sensor"
title = "Sensor, micro:bit with its own key"
model = "workbench-demo"
target = "microbit-v1"
start = "scan"

[permit] # what cannot be undone, by name
lock = true

[release]
folder = {firmware}
version = "1.0.0"

[security]
profile = "{profile}"
keys = "keys"
device_key = "on-chip"

[identity]
ca = "identity/ca"
ca_credential = "identity/ca.pass"
evidence = "identity/evidence"

[limits]
step_s = 120
unit_s = 600

[label]
width_mm = 40.0
height_mm = 15.0
symbol = "datamatrix"
symbol_mm = 12.0
lines = [{{ text = "{{serial}}", height_mm = 2.5 }}, "{{fingerprint}}", "{{model}}"]

[[plan]]
step = "provision"

[[plan]]
step = "enroll"

[[plan]]
step = "verify-identity"

[[plan]]
step = "label"
"""

GATEWAY: Final = """\
# A board with a TPM: IDevID and IAK in the TPM, locked.
[recipe]
name = "gateway"
title = "Gateway with a TPM 2.0"
model = "workbench-demo"
target = "tpm-board"
start = "scan"

[permit]
lock = true

[identity]
ca = "identity/ca"
ca_credential = "identity/ca.pass"
evidence = "identity/evidence"
escrow_key = "identity/escrow.pub.pem"
escrow_folder = "identity/escrow"

[[plan]]
step = "enroll"

[[plan]]
step = "verify-identity"

[[plan]]
step = "label"
"""

LOT: Final = """\
[lot]
id = "{lot}"
recipe = "{recipe}"
quantity = {quantity}

[serial]
rule = "range"
prefix = "{prefix}-"
first = 1
last = {quantity}
digits = 4
check = "luhn"
"""

NOTICE: Final = N_("F12: the engineer's screens. PIN of this demo: {pin}")
STATION: Final = """\
[station]
id = "demo"
name = "Demo line"
notice = "{notice}"

[printer]
folder = "labels"
format = "svg"
"""


@dataclass(frozen=True, slots=True)
class DemoLine:
    """The files of a line in one folder."""

    bench: Bench

    @property
    def folder(self) -> Path:
        """Folder of all of it."""
        return self.bench.folder

    @property
    def recipe(self) -> Path:
        """The recipe of the microcontrollers."""
        return self.folder / "sensor.toml"

    @property
    def lot(self) -> Path:
        """Their lot."""
        return self.folder / "lot-sensor.toml"

    @property
    def gateway(self) -> Path:
        """The recipe of the boards with a TPM."""
        return self.folder / "gateway.toml"

    @property
    def gateway_lot(self) -> Path:
        """Their lot."""
        return self.folder / "lot-gateway.toml"


def make_line(
    folder: Path, firmware: Path, *, boards: int = BOARDS, emit: Emit = ignore, say: Callable[[str], None]
) -> DemoLine:
    """The line in `folder`, made unless it is there; `say` hears in words what is being made.

    Raises EmulatorMissing, FirmwareMissing, BenchUnwritable, and what the making of a CA raises.
    """
    _refuse_missing(firmware)
    if (folder / READY).is_file():
        return DemoLine(load_bench(folder / BENCH_FILE))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            (folder / BENCH_FILE).unlink()
        (folder / ".gitignore").write_text("*\n", encoding="ascii")
        write_new(folder / BENCH_FILE, virtual_bench_text(boards, TARGET, name="demo-line", tpms=1))
        made = DemoLine(load_bench(folder / BENCH_FILE))
        _fill(made, firmware, emit, say)
        (folder / READY).touch()
    except OSError as error:
        raise BenchUnwritable(f"cannot use the folder {folder}: {error.strerror or error}") from error
    return made


def _refuse_missing(firmware: Path) -> None:
    for program, package in EMULATORS.items():
        if shutil.which(program) is None:
            action = f"run `apt-get install {package}`, then `workbench doctor`"
            raise EmulatorMissing(f"{program} is not installed", action=action)
    boot = firmware / "secure" / "nrf51" / PROFILE / "boot.hex"
    if not boot.is_file():
        raise FirmwareMissing(
            f"there is no {boot}", action="run `scripts/fetch-bearssl` and `make -C firmware-samples/secure`"
        )


def _fill(made: DemoLine, firmware: Path, emit: Emit, say: Callable[[str], None]) -> None:
    """Everything but the bench; a CA needs the roots of the TPMs' vendor, which the first TPM brings."""
    from workbench.boards.bench_write import quoted

    say("switching the board with the TPM on once: its vendor makes it")
    for slot in made.bench.with_capabilities(["tpm"]):
        slot.need_power().on()
        slot.need_power().off()
    say("making a test CA, the station's key and an offline key")
    demo_identity.open_desk(made.bench, emit)
    say(f"making test keys for profile {PROFILE}")
    _make_keys(made.folder / KEYS)
    source = quoted(str(firmware.absolute()))
    texts = {
        made.recipe: SENSOR.format(firmware=source, profile=PROFILE),
        made.gateway: GATEWAY,
        made.lot: LOT.format(lot=LOT_ID, recipe="sensor", prefix="SN", quantity=200),
        made.gateway_lot: LOT.format(lot="DEMO-GATEWAYS", recipe="gateway", prefix="GW", quantity=50),
        made.folder / "station.toml": STATION.format(notice=NOTICE.format(pin=_make_pin(made.folder))),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")


def _make_pin(folder: Path) -> str:
    """Sets the engineers' PIN of a line that has nothing to hide, and returns it."""
    from workbench.station.operators_pin import PinTooSimple, set_pin

    while True:
        pin = f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}}"
        with contextlib.suppress(PinTooSimple):
            set_pin(folder, pin)
            return pin


def _make_keys(folder: Path) -> None:
    from workbench.images import keys
    from workbench.images.profile import load_profile
    from workbench.images.profile_keys import kinds_for

    shutil.rmtree(folder, ignore_errors=True)
    keys.create(folder, kinds_for(load_profile(PROFILE)), test=True)
