"""Provisioning a unit: bootloader, application and page written, read back, and seen to start.

Decides and acts on an open debug session; who holds the slot and keeps the record is the station's business.
The page holds secrets: it goes from memory to the chip, and is in no file, no event and no message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from workbench.boards.target import Target
from workbench.boards.target_file import Area, Update
from workbench.errors import Blame, InputError, WorkbenchError
from workbench.events import Emit, Observed
from workbench.images import files
from workbench.images.format import parse
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile
from workbench.images.provisioning import KeyOrigin, Provisioning, build_page, parse_page
from workbench.images.release import build_release, policy_for
from workbench.images.tlvs import Version
from workbench.images.unit import chip_id_bytes, unit_content
from workbench.images.verify import Verified, verify
from workbench.probes.flash import FlashResult, flash
from workbench.probes.images import Image, Part, image_of
from workbench.probes.read import read_range
from workbench.probes.session import TOTAL_S, Debug
from workbench.probes.start import start_image
from workbench.updates.device import Identity
from workbench.wires.console import Console

MAGIC: Final = b"\x3d\xb8\xf3\x96"
"""What an image in MCUboot's format begins with."""
START_S: Final = 60.0
"""How long the bootloader may check the application; a signature takes seconds on a small chip."""
STARTING: Final = re.compile(
    rb"boot: starting (?P<version>[0-9.+]{1,40})\r?\n|boot: nothing to start: (?P<reason>[a-z-]{1,40})\r?\n"
)
BOOTLOADER: Final = re.compile(rb"boot: wb-boot (?P<version>\S{1,40}) (?P<profile>\S{1,63})\r?\n")


class FirmwareMissing(InputError):
    """The firmware for a profile is not there."""

    code = "firmware-missing"
    default_cause = "it has not been built for this profile and chip yet"
    default_action = (
        "run `make -C firmware-samples/secure PROFILE=NAME CHIP=CHIP`, or name its folder with --firmware"
    )


class FirmwareMisplaced(InputError):
    """A bootloader does not lie where the target has its place."""

    code = "firmware-misplaced"
    default_cause = "it was built for another chip, or [update] of the target file names another place"
    default_action = "build the bootloader for this target, or correct the target file"


class NotUpdatable(InputError):
    """The target does not say how a device of its kind is updated."""

    code = "target-not-updatable"
    default_cause = "its target file has no [update] section"
    default_action = "add one, see docs/adding-a-board.md"


class PageDiffers(WorkbenchError):
    """A unit holds another page than was written."""

    code = "provisioning-differs"
    blame = Blame.UNIT
    default_cause = "the chip's flash is damaged"
    default_action = "take the unit out of the line"


class UnitDisagrees(WorkbenchError):
    """A unit says something else of itself than it was given."""

    code = "unit-disagrees"
    blame = Blame.UNIT
    default_cause = "the serial port belongs to another unit, or other firmware runs than was written"
    default_action = "check the wires of the slot, then provision the unit again"


class UnitDoesNotStart(WorkbenchError):
    """A unit's bootloader refuses what was provisioned."""

    code = "unit-does-not-start"
    blame = Blame.UNIT
    default_cause = "bootloader, application and keys are not of one profile"
    default_action = "build the bootloader for the profile, and provision the unit again"


@dataclass(frozen=True, slots=True)
class Firmware:
    """What a unit is to run.

    `app` is a linked binary, which is made a release of that version and counter, or an image in MCUboot's
    format, which is taken as it is.
    """

    boot: Path
    app: bytes
    version: Version
    counter: int


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """All that a unit is to hold.  `page` is secret."""

    profile: Profile
    target: Target
    chip_id: str | None
    image: Image = field(repr=False)
    page: bytes = field(repr=False)
    page_at: int
    app: Verified = field(repr=False)
    device_public_pem: bytes | None
    key_origin: KeyOrigin | None
    """Who makes the unit's own key; None for a unit whose profile gives it none."""
    challenge: Literal["device-key", "unit-secret", "fleet-key"] | None = None
    """What answers challenges."""


def find_firmware(folder: Path, target: Target, profile: Profile, version: Version, counter: int) -> Firmware:
    """The bootloader and the application of a profile in a build's folder, or in the folder itself.

    Raises FirmwareMissing, NotUpdatable.
    """
    places = [folder / "secure" / _update(target).chip / profile.name, folder]
    for place in places:
        if (place / "boot.hex").is_file() and (place / "app.bin").is_file():
            return Firmware(place / "boot.hex", files.read(place / "app.bin"), version, counter)
    raise FirmwareMissing(f"there is no boot.hex with an app.bin in {places[0]}, nor in {folder}")


def plan_unit(
    target: Target,
    profile: Profile,
    keys: KeyFolder,
    firmware: Firmware,
    *,
    chip_id: str | None,
    time_floor_s: int | None = None,
    device_key: KeyOrigin = "injected",
) -> UnitPlan:
    """What the unit with that chip ID gets.  The application is verified as the unit will.

    `time_floor_s`, seconds since 1970 UTC, is by default the time at which the application was signed.
    `device_key` "on-chip": the unit makes its key itself when it is enrolled, and has none until then.
    Raises what making releases and pages raises, ImageRefused, FirmwareMisplaced, and what `load_images`
    raises.
    """
    update = _update(target)
    chip = chip_id_bytes(chip_id) if chip_id is not None else None
    app = _application(firmware, target, profile, keys, chip)
    floor_s = app.signing_time_s if time_floor_s is None else time_floor_s
    unit = unit_content(
        profile, keys, device=target.name, chip_id=chip, time_floor_s=floor_s, device_key=device_key
    )
    page, page_at = build_page(unit.page), target.provisioning_page
    assert page_at is not None  # the target file was checked for it
    running = app.image.encode()  # in the primary slot the payload is plain
    parts = [
        Part("application", target.image_slot(update.primary).start, running),
        Part("provisioning page", page_at, page),
        *_cleared(update.state, page_at, page_at + len(page)),
    ]
    if len(running) > update.max_image:
        raise FirmwareMisplaced(
            f"the application has {len(running)} bytes, and a slot takes {update.max_image}",
            cause="it is too large for this chip",
        )
    image = image_of([firmware.boot], parts, target, permit_identity=True)
    _refuse_misplaced(image, firmware.boot, target)
    origin, challenge = _origin(profile, unit.page, device_key)
    return UnitPlan(
        profile, target, chip_id, image, page, page_at, app, unit.device_public_pem, origin, challenge
    )


def write_unit(
    debug: Debug,
    plan: UnitPlan,
    *,
    permit_identity: bool = False,
    emit: Emit | None = None,
    check: Callable[[], object] | None = None,
    limit_s: float = TOTAL_S,
) -> FlashResult:
    """Erases the chip, with its security counter, and writes the plan; every byte is read back.  The core
    stays halted.

    Raises ImageOverIdentity where the unit has an identity already, unless `permit_identity`; what `flash`
    raises.
    """
    has_flash = any(memory.kind == "flash" for memory in plan.target.memory)
    return flash(
        debug,
        plan.image,
        erase="chip" if has_flash else "sector",
        skip_unchanged=False,
        permit_identity=permit_identity,
        emit=emit,
        check=check,
        limit_s=limit_s,
    )


def verify_page(debug: Debug, plan: UnitPlan, emit: Emit, check: Callable[[], object] | None = None) -> None:
    """Reads the page back and takes it apart as a reader would.  Raises PageInvalid, PageDiffers."""
    found = read_range(debug, plan.page_at, len(plan.page), check=check)
    content = parse_page(found)
    if found != plan.page:
        raise PageDiffers(f"slot {debug.slot.name}: the provisioning page is not the one that was written")
    value = {
        "profile": content.profile,
        "vid": content.vid.hex(),
        "cid": content.cid.hex(),
        "bytes": len(found),
    }
    emit(Observed(what="provisioning", value=value))


def start_unit(debug: Debug, console: Console, plan: UnitPlan, emit: Emit, timeout_s: float = START_S) -> str:
    """Starts the unit and hears its bootloader start the application; returns the version that it names.

    Raises UnitDoesNotStart, ConsoleTimeout.
    """
    console.clear()
    start_image(debug, plan.image)
    hello = console.expect(BOOTLOADER, timeout_s)
    emit(Observed(what="bootloader", value=f"{hello.group('version')} {hello.group('profile')}"))
    found = console.expect(STARTING, timeout_s)
    if reason := found.group("reason"):
        raise UnitDoesNotStart(f"slot {debug.slot.name}: the bootloader starts nothing: {reason}")
    version = found.group("version")
    emit(Observed(what="starting", value=version))
    return version


def verify_identity(identity: Identity, plan: UnitPlan, emit: Emit) -> None:
    """Raises UnitDisagrees unless the unit says of itself what it was given."""
    emit(Observed(what="identity", value=identity.as_json()))
    wanted: dict[str, object] = {
        "profile": plan.profile.name,
        "version": str(plan.app.version),
        "hash": plan.app.digest,
    }
    if plan.chip_id is not None:
        wanted["chip"] = chip_id_bytes(plan.chip_id)
    for name, right in wanted.items():
        if getattr(identity, name) != right:
            raise UnitDisagrees(f"the unit says another {name} of itself than it was given")


def _origin(
    profile: Profile, page: Provisioning, device_key: KeyOrigin
) -> tuple[KeyOrigin | None, Literal["device-key", "unit-secret", "fleet-key"] | None]:
    """Where the unit's own key comes from, and what answers challenges."""
    if profile.keys.device_key != "none":
        return ("injected" if page.device_key is not None else "on-chip"), "device-key"
    if page.unit_secret is not None:
        return "injected", "unit-secret"
    return None, "fleet-key" if page.kek is not None else None


def _application(
    firmware: Firmware, target: Target, profile: Profile, keys: KeyFolder, chip: bytes | None
) -> Verified:
    release = firmware.app
    if not release.startswith(MAGIC):
        release = build_release(
            firmware.app,
            profile,
            keys,
            version=firmware.version,
            counter=firmware.counter,
            device=target.name,
            chip_id=chip,
            header_size=_update(target).header,
        )
    return verify(parse(release), policy_for(profile, keys, device=target.name, chip_id=chip))


def _cleared(state: Area | None, start: int, end: int) -> list[Part]:
    """The state area without [start, end), as if erased."""
    if state is None:
        return []
    spans = [(state.start, min(start, state.end)), (max(end, state.start), state.end)]
    return [Part(f"cleared state at {a:#x}", a, b"\xff" * (b - a)) for a, b in spans if a < b]


def _refuse_misplaced(image: Image, boot: Path, target: Target) -> None:
    place = target.image_slot(_update(target).boot)
    for segment in image.segments:
        if segment.source.path == boot and not place.holds(segment.address, len(segment.data)):
            raise FirmwareMisplaced(
                f"{boot} has bytes at {segment.address:#010x}–{segment.end - 1:#010x}, and a bootloader of "
                f"{target.name} lies at {place.start:#010x}–{place.end - 1:#010x}"
            )


def _update(target: Target) -> Update:
    if target.update is None:
        raise NotUpdatable(f"target {target.name} says nothing of updates")
    return target.update
