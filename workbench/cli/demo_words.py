"""The demo's end in words.  Pure."""

from __future__ import annotations

from pathlib import Path

from workbench.cli import words
from workbench.station.demo import Images, Report
from workbench.station.demo_boards import Banner
from workbench.station.demo_identity import FOLDER
from workbench.station.demo_secure import ATTACKS
from workbench.station.flashmap import BLANK, NEW, TORN

HEADINGS = ("slot", "chip", "serial", "profile", "seen")


def summary(report: Report, images: Images) -> list[str]:
    """What happened and what it means, in paragraphs."""
    return [
        _boards_words(report),
        _cut_words(report),
        _recovery_words(report, images),
        _secure_words(report),
        _identity_words(report),
    ]


def table_rows(report: Report) -> list[list[str]]:
    """One row for each board: what it is now, and what was seen of it."""
    rows = []
    for name, unit in sorted(report.identified.items()):
        banner = report.banners.get(name)
        chip = banner.chip if banner else f"EK {unit.hardware_id[:13]}"
        runs = report.secured.profile if banner else ""
        seen = "flashed, talked to, " if banner else ""
        if name == report.hero:
            seen = "cut off, recovered, updated, attacked, "
        rows.append([name, chip, unit.serial, runs, f"{seen}identity locked"])
    return rows


def try_next(report: Report, folder: Path, images: Images, program: str) -> list[tuple[str, str]]:
    """Commands to go on with, each with what it does."""
    bench, desk = f"--bench {folder}", folder / FOLDER
    ledger = f"WORKBENCH_DATABASE=sqlite:///{desk}/ledger.db"
    other = next((name for name in report.banners if name != report.hero), report.hero)
    serial = report.identified[other].serial
    return [
        (f"{program} slot list {bench}", "the slots, their power, who uses them"),
        (f"{ledger} {program} identity show {bench} {serial}", "a unit's identity and history"),
        (f"{ledger} {program} identity verify {bench} --ca {desk}/ca t1", "hold a unit against the ledger"),
        (
            f"{program} evidence verify --root {desk}/ca/root.crt {desk}/evidence/units/{serial}.*",
            "its evidence",
        ),
        (f"{program} recover {bench} {other}", "give a locked chip back: everything on it is erased"),
        (f"{program} flash {bench} --slot {other} {images.second}", "flash it yourself, then"),
        (f"{program} console {bench} {other}", "talk to it: type a line, or ?id"),
        (f"{program} records list {bench}", "what every run did"),
        (f"{program} demo --seed {report.seed}", "the same power cut again"),
        (f"{program} bench detect", "propose a bench of your own boards"),
    ]


def _boards_words(report: Report) -> str:
    first = next(iter(report.banners.values()))
    return (
        f"{_count(len(report.banners)).capitalize()} boards were switched on and got {_firmware(first)} at "
        "once, each by a process of its own. Every byte was read back. Each board said over its serial port "
        "the build and the chip ID that the probe reads on its chip, and echoed a line."
    )


def _cut_words(report: Report) -> str:
    cut, found = report.cut, report.map
    new, torn, blank = (found.kinds.count(kind) * found.size for kind in (NEW, TORN, BLANK))
    parts = [f"{words.size(new)} of the new firmware"]
    parts += [f"{words.size(torn)} half written"] if torn else []
    parts += [f"{words.size(blank)} erased"] if blank else []
    text = (
        f"Then {report.hero} was to get a second firmware, and lost its power in the middle of it: at flash "
        f"operation {cut.operation}, the {cut.kind} at {words.address(cut.address)}. With power again its "
        f"chip held {_and(parts)}, which is what the workbench had known when the probe went silent."
    )
    if found.kinds.startswith(BLANK):
        text += " The sector with the vector table is written last, so that no half firmware ever starts."
    return text


def _recovery_words(report: Report, images: Images) -> str:
    again = report.recovered
    return (
        f"Flashing {images.second.stem} again wrote the {words.size(again.programmed)} that were missing, "
        f"left {words.size(again.skipped)} alone, and read all of it back, in {words.seconds(again.seconds)}."
        f" {report.hero} now says {_firmware(report.last_banner)}, also after a reset."
    )


def _secure_words(report: Report) -> str:
    done, points = report.updated, sum(report.cut_off.cuts.values())
    return (
        f"Then {report.hero} was erased and became a secure unit of profile {report.secured.profile}, with "
        f"test keys of this bench. It took version {done.version} over its serial line, signed and "
        f"encrypted; what then ran was verified: {_and(done.checks)}. {len(ATTACKS)} attacks were refused. "
        f"After each of {points} power cuts while it installed an update it started the old or the new "
        "image."
    )


def _identity_words(report: Report) -> str:
    refused = sum(unit.tried.get("held", 0) for unit in report.identified.values())
    return (
        f"At last {_count(len(report.identified))} boards got an identity from a certificate authority of "
        "this demo: a key that was made on the chip or in the TPM and never left it, and a certificate for "
        f"it. They were locked, and {refused} attempts to read, change or remove what they hold failed. For "
        f"each unit there is evidence that anybody can check; {report.evidence} files were. The boards are "
        "off, and keep what they hold."
    )


def _firmware(banner: Banner) -> str:
    return f"{banner.name} {banner.version}"


def _count(number: int) -> str:
    return {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}.get(number, str(number))


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
