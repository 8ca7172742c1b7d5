"""The unit under attack: what it runs, images offered to it, restarts and what came of them.

Talks to the board over SMP, and through the probe where one is there; decides nothing about trials.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

from workbench.boards.power import PowerSwitch
from workbench.boards.target import Target
from workbench.errors import WorkbenchError
from workbench.events import Emit, ignore
from workbench.images.format import parse
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile
from workbench.images.reasons import Reason, reason_of
from workbench.images.refusals import ImageRefused
from workbench.images.tlvs import TlvType, Version
from workbench.probes.flash import flash
from workbench.probes.images import Part, image_of
from workbench.probes.session import Debug
from workbench.updates.device import Device, Identity
from workbench.updates.errors import UploadStalled
from workbench.updates.release import same_version
from workbench.updates.trials.model import TrialsImpossible
from workbench.updates.trials.workshop import Workshop
from workbench.updates.upload import Upload
from workbench.wires.errors import SerialError, SerialLost
from workbench.wires.smp import Smp
from workbench.wires.smp_errors import SmpGarbled, SmpRefused, SmpSilent

BOOT_S: Final = 60.0
"""How long a restart with a swap may take."""
POLL_S: Final = 0.5
REFUSED: Final = re.compile(r"boot: slot 1 refused: ([a-z-]{1,40})")
DEAD: Final = re.compile(r"boot: nothing to start: ([a-z-]{1,40})|boot: fault")

Stage = Literal["upload", "application", "bootloader", "started", "silent"]


class Printed(Protocol):
    """What the board prints between messages."""

    def mark(self) -> None:
        """What was printed so far is from before."""

    def text(self) -> str:
        """The lines since `mark`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A board that is held.  `debug` None: no debug port; `power` None: no switch."""

    target: Target
    smp: Smp
    printed: Printed
    power: PowerSwitch | None
    debug: Callable[[], AbstractContextManager[Debug]] | None
    raw: Callable[[bytes], None]
    """Writes bytes to the line as they are."""
    check: Callable[[], object] = lambda: None
    emit: Emit = ignore


@dataclass(frozen=True, slots=True)
class Boot:
    """A restart: what the board then said of itself, None where it says nothing, and what was printed."""

    identity: Identity | None
    printed: str

    @property
    def dead(self) -> bool:
        """Whether the bootloader found nothing to start."""
        return DEAD.search(self.printed) is not None


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of an image that was offered: how far it came, and why no further."""

    stage: Stage
    reason: Reason | None = None
    words: str = ""
    printed: str = ""

    def __str__(self) -> str:
        match self.stage:
            case "upload":
                return f"refused at upload: {self.words}"
            case "application":
                return f"refused by the application: {self.words}"
            case "bootloader":
                return f"refused: {self.reason.word if self.reason else 'no reason given'}"
            case "started":
                return f"started {self.words}"
            case _:
                return f"silent: {self.words}"


class Unit:
    """One unit with its keys.  `begin` finds out what it runs; every other method keeps that true."""

    def __init__(
        self, site: Site, profile: Profile, keys: KeyFolder, application: bytes, *, now_s: Callable[[], int]
    ) -> None:
        self.site = site
        self.profile = profile
        self.keys = keys
        self.device = Device(site.smp)
        self.running_hash = b""
        self._application = application
        self._now_s = now_s
        self._signed_s = now_s()
        self._identity: Identity | None = None
        self._shop: Workshop | None = None
        self.boots = 0

    # -- what it is

    def begin(self) -> None:
        """Finds out what the unit runs, after a restart: a counter that waits for one is then raised.

        Raises TrialsImpossible.
        """
        identity = self.ask()
        if identity is None:
            raise TrialsImpossible("the board does not say over SMP what it is")
        if identity.profile != self.profile.name:
            raise TrialsImpossible(f"the board has profile {identity.profile}, not {self.profile.name}")
        identity = self.restart().identity
        if identity is None or not identity.confirmed:
            raise TrialsImpossible("the board does not come to a confirmed image")
        self.note(identity)

    def control(self) -> str | None:
        """Installs a good release, with a security counter of 1 at least; why not, where that fails."""
        raised = self.shop.release(counter=max(1, self.shop.counter))
        problem = self.update(raised)
        if problem is None and self.identity.counter == 0:
            boot = self.restart()
            if not self.is_allowed(boot) or boot.identity is None:
                return "the good release does not stay"
            self.note(boot.identity)
        return problem

    def note(self, identity: Identity) -> None:
        """The unit runs what it says: that is what it must run from now on."""
        self._identity = identity
        self.running_hash = identity.hash
        self._shop = None

    @property
    def identity(self) -> Identity:
        """What it said when it was last known to run what it must."""
        assert self._identity is not None
        return self._identity

    @property
    def running(self) -> Version:
        """Version that it runs."""
        return Version.parse(self.identity.version)

    @property
    def shop(self) -> Workshop:
        """Where releases and forgeries for it are made; another one after each update."""
        if self._shop is None:
            running = self.running
            self._shop = Workshop(
                profile=self.profile,
                keys=self.keys,
                device=self.site.target.name,
                chip_id=self.identity.chip,
                application=self._application,
                running=running,
                next=Version(running.major, running.minor, running.revision + 1),
                counter=self.identity.counter,
                running_signed_s=self._signed_s,
                signed_s=max(self._now_s(), self._signed_s),
            )
        return self._shop

    def ask(self, limit_s: float = 10.0) -> Identity | None:
        """What it says of itself, None where it does not answer."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            self.site.check()
            try:
                self.device.images(timeout_s=POLL_S, tries=1)
                return self.device.identity()
            except (SmpSilent, SmpGarbled, SmpRefused):
                continue
            except SerialLost:
                self._reopen()
        return None

    def _reopen(self) -> None:
        try:
            self.site.smp.link.reopen(5.0)
        except SerialError:
            self.site.smp.pause(POLL_S)

    # -- restarts

    def restart(self, limit_s: float = BOOT_S) -> Boot:
        """Asks for a restart, by power or probe where the unit does not listen, and waits for its end."""
        self.site.printed.mark()
        try:
            self.device.reset()
        except (SmpRefused, SmpGarbled):
            self.hard_reset()
        except SerialLost:
            self._reopen()
        return self.wait(limit_s)

    def hard_reset(self) -> None:
        """A reset that the unit cannot refuse.  Raises TrialsImpossible where there is no way to one."""
        self.site.printed.mark()
        if self.site.debug is not None:
            with self.site.debug() as debug:
                debug.reset()
        elif self.site.power is not None:
            self.power_cycle()
        else:
            raise TrialsImpossible(
                "the board does not answer any more, and has neither probe nor power switch",
                cause="a trial left it without a working application",
                action="reset it by hand",
            )

    def power_cycle(self) -> None:
        """Off and on; the line is opened again."""
        assert self.site.power is not None
        self.site.power.off()
        self.power_on()

    def power_on(self) -> None:
        """On; the line is opened again."""
        assert self.site.power is not None
        self.site.printed.mark()
        self.site.power.on()
        self._reopen()

    def wait(self, limit_s: float = BOOT_S) -> Boot:
        """The unit's answer after a restart, or what it printed where none comes."""
        deadline = time.monotonic() + limit_s
        self.boots += 1
        while time.monotonic() < deadline:
            self.site.check()
            try:
                self.device.images(timeout_s=POLL_S, tries=1)
                return Boot(self.device.identity(), self.site.printed.text())
            except (SmpSilent, SmpGarbled, SmpRefused):
                if DEAD.search(self.site.printed.text()):
                    break
            except SerialLost:
                self._reopen()
        return Boot(None, self.site.printed.text())

    # -- images

    def offer(self, image: bytes) -> Seen:
        """Uploads an image, has it marked for the next start, and restarts.

        The unit may be left with an image on trial; see `settle`.
        """
        refused = self.upload(image)
        if refused is not None:
            return refused
        refused = self.mark(image)
        if refused is not None:
            return refused
        return self.look(self.restart())

    def upload(self, image: bytes) -> Seen | None:
        """None where the unit took all bytes."""
        try:
            Upload(self.site.smp, image, self.device.params(), emit=ignore, check=self.site.check).run()
        except SmpRefused as error:
            return Seen("upload", words=error.name)
        except UploadStalled as error:
            return Seen("upload", words=error.what)
        return None

    def mark(self, image: bytes, *, permanent: bool = False) -> Seen | None:
        """None where the unit marked what it has in its other slot."""
        try:
            other = self.device.images().other
            listed = other.hash if other is not None else None
            self.device.set_image(listed or digest_of(image), confirm=permanent)
        except SmpRefused as error:
            return Seen("application", words=error.name)
        return None

    def look(self, boot: Boot) -> Seen:
        """What a restart with a marked image led to."""
        identity = boot.identity
        if identity is None:
            return Seen("silent", words="the board does not answer", printed=boot.printed)
        if identity.hash != self.running_hash:
            return Seen("started", words=identity.version, printed=boot.printed)
        return Seen("bootloader", _reason(boot), printed=boot.printed)

    def settle(self) -> Boot:
        """Restarts until the unit runs the allowed image again, twice at most; else as it is then."""
        boot = self.wait(POLL_S * 2)
        for _ in range(2):
            if self.is_allowed(boot):
                break
            if boot.identity is None:
                self.hard_reset()
                boot = self.wait()
            else:
                boot = self.restart()
        return boot

    def is_allowed(self, boot: Boot) -> bool:
        """Whether the unit runs what it must, confirmed."""
        found = boot.identity
        return found is not None and found.hash == self.running_hash and found.confirmed

    def update(self, image: bytes | None = None) -> str | None:
        """A good release, installed and confirmed; why not, where the unit does not take it."""
        shop = self.shop
        image = shop.good if image is None else image
        seen = self.offer(image)
        if seen.stage != "started":
            return str(seen)
        return self.confirm(shop.next, shop.signed_s)

    def confirm(self, version: Version, signed_s: int) -> str | None:
        """Confirms what is on trial; why not, where that fails."""
        try:
            self.device.set_image(None, confirm=True)
        except SmpRefused as error:
            return f"not confirmed: {error.name}"
        identity = self.ask()
        if identity is None or not identity.confirmed or not same_version(identity.version, version):
            return "the new image does not stay"
        self._signed_s = signed_s
        self.note(identity)
        return None

    def plant(self, image: bytes) -> Seen:
        """Puts an image into the secondary slot behind the application's back, and restarts.

        The application marks a good release; then the probe writes the other one over it.
        """
        assert self.site.debug is not None
        good = self.shop.good
        refused = self.upload(good) or self.mark(good)
        if refused is not None:
            return replace(refused, words=f"the good release: {refused.words}")
        target = self.site.target
        assert target.update is not None
        slot = target.image_slot(target.update.secondary)
        memory = target.memory_named(slot.memory)
        sector = memory.sector or 4
        size = -(-max(len(image), len(good)) // sector) * sector
        data = image + b"\xff" * (size - len(image))
        with self.site.debug() as debug:
            flash(debug, image_of([], [Part("forgery", slot.start, data)], target), check=self.site.check)
            self.site.printed.mark()
            debug.reset()
        return self.look(self.wait())


def digest_of(image: bytes) -> bytes:
    """The hash that an image claims, zeros where it has none that can be read."""
    try:
        return parse(image).find(TlvType.SHA256) or bytes(32)
    except (ImageRefused, WorkbenchError):
        return bytes(32)


def _reason(boot: Boot) -> Reason | None:
    """Why the bootloader refused: as it printed, or as the application tells."""
    found = REFUSED.findall(boot.printed)
    if found:
        try:
            return reason_of(found[-1])
        except KeyError:
            return None
    return boot.identity.result if boot.identity is not None else None
