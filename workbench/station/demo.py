"""The demo: flash a bench of boards, talk to them, cut the power of one in the middle of a flash, recover;
make that one a secure unit, update it over its serial line, attack it, cut its power while it installs; give
every board an identity, and a board with a TPM as well.

    images = find_images(firmware)
    bench = make_bench(folder)
    with Run.begin("demo", journal_dir=..., ...) as run:
        report = carry_out(run, bench, images, seed)

The plan as plain functions: each step is told as events, and each board is worked on by a process of its own.
The bench is of virtual boards because its file says so; nothing after that asks.  Prints nothing.
"""

from __future__ import annotations

import importlib
import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from workbench.boards.bench import BENCH_FILE, Bench, load_bench
from workbench.boards.bench_write import BenchUnwritable, virtual_bench_text, write_new
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.events import Notice, Observed, StepFinished, StepStarted
from workbench.station import demo_boards as at
from workbench.station import demo_identity as identity
from workbench.station import demo_secure as secure
from workbench.station.demo_boards import Banner, Cut, Flashed
from workbench.station.demo_identity import Identified
from workbench.station.demo_secure import Attacked, Secured, Updated
from workbench.station.demo_tasks import Task, do_at, endings_at
from workbench.station.flashmap import BLANK, NEW, TORN, FlashMap, agrees
from workbench.station.run import Run

T = TypeVar("T")

Act = Callable[..., object]
"""A function of `demo_boards`."""

TARGET: Final = "microbit-v1"
BOARDS: Final = 4
TPM_BOARDS: Final = 1
FOLDER: Final = Path("demo-bench")
FIRST: Final = "hello-microbit"
SECOND: Final = "hello-microbit-200k"
FIRMWARE: Final = Path(__file__).resolve().parents[2] / "firmware-samples" / "build"
"""Where `make -C firmware-samples` puts the images, in a checkout."""
EMULATORS: Final = {"qemu-system-arm": "qemu-system-arm", "swtpm": "swtpm"}
"""Programs that virtual boards run in, and the packages that have them."""

EARLIEST_CUT: Final = 3_000
LATEST_CUT: Final = 8_000
"""Flash operations after which the power may go; 200 of them erase a sector.  A board whose operations are
counted is slow, and nobody wants to wait for the fifty thousandth.
"""


class FirmwareMissing(WorkbenchError):
    """The firmware samples are not there."""

    code = "demo-firmware-missing"
    blame = Blame.STATION
    default_cause = "they have not been built yet"
    default_action = "run `make -C firmware-samples`, or name the folder that holds them with --firmware"


class EmulatorMissing(WorkbenchError):
    """The program that virtual boards run in is not installed."""

    code = "emulator-missing"
    blame = Blame.STATION
    default_cause = "the package is not installed, or its folder is not in PATH"
    default_action = "run `apt-get install qemu-system-arm`, then `workbench doctor`"


class NotTheDemoBench(InputError):
    """The folder holds a bench that the demo did not make."""

    code = "not-the-demo-bench"
    default_cause = "a bench of yours is there, and the demo would overwrite what its boards hold"
    default_action = "name another folder with --folder"


class NotAsKnown(WorkbenchError):
    """After a power cut a flash holds something else than what it had acknowledged."""

    code = "flash-not-as-known"
    blame = Blame.UNIT
    default_cause = "the chip acknowledged writes that it had not done"
    default_action = "report it with the run's journal"


@dataclass(frozen=True, slots=True)
class Images:
    """The two firmwares, as Intel HEX files."""

    first: Path
    second: Path
    folder: Path
    """Where they were built, and the secure samples beside them."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was observed; boards by slot.  `hero` is the slot whose power was cut."""

    hero: str
    seed: int
    flashed: dict[str, Flashed]
    banners: dict[str, Banner]
    cut: Cut
    map: FlashMap
    recovered: Flashed
    last_banner: Banner
    secured: Secured
    updated: Updated
    attacked: Attacked
    cut_off: Attacked
    identified: dict[str, Identified]
    evidence: int
    """Evidence files that were checked against the CA's root."""


class AttackSucceeded(WorkbenchError):
    """An attack of the demo succeeded."""

    code = "attack-succeeded"
    blame = Blame.UNIT
    default_cause = "the bootloader of the samples was changed, or has a defect"
    default_action = "run `workbench trial` on the board, which shows what came of each attack"


def find_images(folder: Path) -> Images:
    """The firmware samples in `folder`.  Raises FirmwareMissing."""
    paths = [folder / name / f"{name}.hex" for name in (FIRST, SECOND)]
    for path in paths:
        if not path.is_file():
            raise FirmwareMissing(f"there is no {path}")
    boot = folder / "secure" / "nrf51" / secure.PROFILE / "boot.hex"
    if not boot.is_file():
        raise FirmwareMissing(
            f"there is no {boot}", action="run `scripts/fetch-bearssl` and `make -C firmware-samples/secure`"
        )
    first, second = paths
    return Images(first, second, folder)


def make_bench(folder: Path, boards: int = BOARDS) -> Bench:
    """The demo's bench, made in `folder` unless it is there; git is told to ignore the folder.

    Raises EmulatorMissing, BenchUnwritable, NotTheDemoBench.
    """
    for program, package in EMULATORS.items():
        if shutil.which(program) is None:
            action = f"run `apt-get install {package}`, then `workbench doctor`"
            raise EmulatorMissing(f"{program} is not installed", action=action)
    text = virtual_bench_text(boards, TARGET, name="demo", tpms=TPM_BOARDS)
    file = folder / BENCH_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            (folder / ".gitignore").write_text("*\n", encoding="ascii")
            write_new(file, text)
        elif file.read_text(encoding="utf-8") != text:
            raise NotTheDemoBench(f"{file} was not made by this demo with {boards} boards")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BenchUnwritable(f"cannot use the folder {folder}: {why}") from error
    return load_bench(file)


def operations_before_cut(seed: int) -> int:
    """After how many flash operations the power goes; the same seed gives the same number."""
    return random.Random(seed).randint(EARLIEST_CUT, LATEST_CUT)


def carry_out(run: Run, bench: Bench, images: Images, seed: int) -> Report:
    """All steps; switches every board off at the end, whatever happened.

    Raises what the steps raise.  Must be called while the process has one thread.
    """
    try:
        with run.step("power-on", f"Switch on {len(bench.slots)} boards"):
            do_at(run, _log_dir(bench), _tasks(bench, bench.slots, at.switch_on), at.Power)
            for name in (*at.PRELOAD, *secure.PRELOAD, *identity.PRELOAD):
                importlib.import_module(name)
        report = _steps(run, bench, images, seed)
        run.result.update(as_result(report))
        return report
    finally:
        _switch_off(run, bench)


def _steps(run: Run, bench: Bench, images: Images, seed: int) -> Report:
    hero = bench.with_capabilities(["power-cut"])[0].name
    at_hero = partial(_at_one, run, bench, hero)
    with run.step("flash", f"Flash {images.first.stem} on all of them at once, and read back every byte"):
        flashed = _at_all(run, bench, at.flash_board, images.first, "chip", kind=Flashed)
    with run.step("talk", "Start them, and compare what they say with what the probe reads"):
        banners = _at_all(run, bench, at.talk_to_board, at.WORDS, kind=Banner)
    with run.step("cut", f"Flash {images.second.stem} on {hero}, and cut its power in the middle"):
        cut = at_hero(at.cut_board, images.second, operations_before_cut(seed), seed, kind=Cut)
    with run.step("look", f"Switch {hero} on again, and look at what its chip holds"):
        found = at_hero(at.look_at_board, images.second, kind=FlashMap)
        as_known = agrees(found, cut.written, cut.erased)
        run.emit(Observed(what=f"{hero}/flash-map", value={**asdict(found), "as_known": as_known}))
        if not as_known:
            raise NotAsKnown(f"slot {hero}: after the power cut the flash is not as it was known to be")
    with run.step("recover", f"Flash {hero} again: only what is not there yet"):
        recovered = at_hero(at.flash_board, images.second, "sector", kind=Flashed)
        at_hero(at.talk_to_board, at.WORDS, kind=Banner)
    with run.step("reset", f"Reset {hero}, and hear it start once more"):
        last = at_hero(at.talk_to_board, None, kind=Banner)
    secured, updated, attacked, cut_off = _secure_steps(run, at_hero, hero, images.folder, seed)
    identified, evidence = _identity_steps(run, bench, images.folder)
    return Report(
        hero=hero,
        seed=seed,
        flashed=flashed,
        banners=banners,
        cut=cut,
        map=found,
        recovered=recovered,
        last_banner=last,
        secured=secured,
        updated=updated,
        attacked=attacked,
        cut_off=cut_off,
        identified=identified,
        evidence=evidence,
    )


def _secure_steps(
    run: Run, at_hero: Callable[..., Any], hero: str, firmware: Path, seed: int
) -> tuple[Secured, Updated, Attacked, Attacked]:
    with run.step("provision", f"Erase {hero}; give it a bootloader, an application, keys: {secure.PROFILE}"):
        secured = at_hero(secure.provision_board, firmware, kind=Secured)
    with run.step("update", f"Update {hero} to {secure.SECOND} over its serial line, signed and encrypted"):
        updated = at_hero(secure.update_board, firmware, kind=Updated)
    with run.step("attack", f"Offer {hero} what it must refuse: {len(secure.ATTACKS)} of the trials"):
        attacked = at_hero(secure.attack_board, firmware, secure.ATTACKS, seed, kind=Attacked)
    with run.step("cut-update", f"Cut the power of {hero} again and again while it installs an update"):
        cut_off = at_hero(secure.attack_board, firmware, secure.CUTS, seed, kind=Attacked)
    if broken := attacked.broken + cut_off.broken:
        raise AttackSucceeded(f"slot {hero}: {', '.join(broken)}")
    return secured, updated, attacked, cut_off


def _identity_steps(run: Run, bench: Bench, firmware: Path) -> tuple[dict[str, Identified], int]:
    twins, tpms = _names(bench, "flash"), _names(bench, "tpm")
    with run.step("authority", "Make a certificate authority for tests, and a key for evidence"):
        desk = identity.open_desk(bench, run.emit)
    words = f"Have {len(twins)} chips make their own keys; certify them; lock; try the locks"
    with identity.serving(desk):
        with run.step("identify", words):
            tasks = _tasks(bench, twins, identity.identify_mcu, firmware)
            identified = do_at(run, _log_dir(bench), tasks, Identified)
        with run.step(
            "identify-tpm", f"Give the TPM of {', '.join(tpms)} its IDevID and IAK; lock; try the locks"
        ):
            tasks = _tasks(bench, tpms, identity.identify_tpm)
            identified |= do_at(run, _log_dir(bench), tasks, Identified)
    with run.step("evidence", "Check the evidence of each unit against the CA's root"):
        count = identity.refuse_unverified_evidence(desk)
        run.emit(Observed(what="evidence", value={"files": count}))
    return identified, count


def _switch_off(run: Run, bench: Bench) -> None:
    """Also after the run was told to stop.  A board that somebody else has taken keeps its power."""
    began_s = time.monotonic()
    run.emit(StepStarted(step="power-off", title="Switch all boards off"))
    endings = endings_at(run, _log_dir(bench), _tasks(bench, bench.slots, at.switch_off))
    for ending in endings.values():
        if ending.error is not None:
            run.emit(Notice(level="warning", text=f"left on: {ending.error['what']}"))
    elapsed_s = round(time.monotonic() - began_s, 6)
    run.emit(StepFinished(step="power-off", outcome="PASS", elapsed_s=elapsed_s))


def as_result(report: Report) -> dict[str, Any]:
    """The report for `run-finished`."""
    boards = {name: asdict(banner) for name, banner in report.banners.items()}
    boards[report.hero] = asdict(report.last_banner)
    kinds = report.map.kinds
    cut = {
        "slot": report.hero,
        "seed": report.seed,
        "operation": report.cut.operation,
        "kind": report.cut.kind,
        "address": report.cut.address,
        "sectors_new": kinds.count(NEW),
        "sectors_torn": kinds.count(TORN),
        "sectors_blank": kinds.count(BLANK),
    }
    flashed = {name: asdict(result) for name, result in report.flashed.items()}
    return {
        "boards": boards,
        "flashed": flashed,
        "cut": cut,
        "recovered": asdict(report.recovered),
        "secure": secure.as_result(report.secured, report.updated, report.attacked, report.cut_off),
        "identities": {name: asdict(unit) for name, unit in report.identified.items()},
        "evidence": report.evidence,
    }


def _at_all(run: Run, bench: Bench, act: Act, *arguments: object, kind: type[T]) -> dict[str, T]:
    """At all boards that take firmware."""
    return do_at(run, _log_dir(bench), _tasks(bench, _names(bench, "flash"), act, *arguments), kind)


def _at_one(run: Run, bench: Bench, name: str, act: Act, *arguments: object, kind: type[T]) -> T:
    return do_at(run, _log_dir(bench), _tasks(bench, [name], act, *arguments), kind)[name]


def _names(bench: Bench, capability: str) -> list[str]:
    return [slot.name for slot in bench.with_capabilities([capability])]


def _tasks(bench: Bench, names: Iterable[str], act: Act, *arguments: object) -> dict[str, Task]:
    return {name: partial(act, bench.path, name, *arguments) for name in names}


def _log_dir(bench: Bench) -> Callable[[str], Path]:
    return lambda name: bench.slot(name).state_dir
