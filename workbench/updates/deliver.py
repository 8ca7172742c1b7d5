"""An update from the first question to the confirmed image, as the device tells it.

Steps: state, upload, activate, restart, boot, confirm, verify.  Success is what was read after the restart.
Talks to one device that is connected; who holds the slot and reads its flash is the station's business.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from workbench.errors import WorkbenchError
from workbench.events import Emit, Notice, Observed
from workbench.images.keys import KeyFolder
from workbench.updates import errors as no
from workbench.updates.activate import Activation
from workbench.updates.boot import Came, wait_for_boot
from workbench.updates.challenge_keys import challenge_key_for
from workbench.updates.consent import Policy
from workbench.updates.device import Device, Identity, Images, Params
from workbench.updates.outcome import Judged, Standing, judge
from workbench.updates.release import Release
from workbench.updates.upload import Upload, Uploaded
from workbench.updates.verify import fresh_nonce, verify_challenge, verify_identity, verify_images
from workbench.wires.errors import SerialLost
from workbench.wires.smp_errors import SmpGarbled, SmpRefused, SmpSilent

BOOT_S: Final = 120.0
BACK_S: Final = 30.0
"""Going back to the old image may take as long at least."""

Outcome = Literal["updated", "unchanged", "uploaded", "on-trial"]
StepOf = Callable[[str, str], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What is to be done.

    activate         mark the image for the next start and restart; else only upload it
    permanent        mark it for good at once: no way back
    confirm          confirm it once it runs and has tested itself
    window           requests under way, None for what the device's buffers permit
    """

    activate: bool = True
    permanent: bool = False
    confirm: bool = True
    consent: Policy = Policy.RESPECT
    wait_s: float = 0.0
    boot_s: float = BOOT_S
    window: int | None = None
    keys: KeyFolder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The surroundings of a delivery.

    printed     what the board printed since `mark` was last called
    hard_resets ways to restart the board without its help, the gentlest first
    ask         shows a request to a person; False where they refuse
    """

    step: StepOf
    emit: Emit
    check: Callable[[], object] = lambda: None
    commit: Callable[[], object] = lambda: None
    mark: Callable[[], None] = lambda: None
    printed: Callable[[], str] = lambda: ""
    hard_resets: tuple[Callable[[], None], ...] = ()
    ask: Callable[[str], bool] = lambda _: False


@dataclass(slots=True)
class Delivered:
    """What an update came to."""

    outcome: Outcome
    version: str
    hash: str
    before: dict[str, Any] | None = None
    upload: dict[str, Any] | None = None
    boot_s: float | None = None
    identity: dict[str, Any] | None = None
    challenge: dict[str, Any] | None = None
    checks: list[str] = field(default_factory=list)
    """What was verified after the restart: version, hash, slot, confirmed, identity, challenge."""


class Delivery:
    """One delivery of a release to one device."""

    def __init__(self, device: Device, release: Release, how: How, around: Around) -> None:
        self._device = device
        self._release = release
        self._how = how
        self._around = around
        self._before: bytes | None = None
        self._before_words = "the old image"
        self._params: Params | None = None
        self._identity: Identity | None = None
        self._result = Delivered("updated", str(release.version), release.digest.hex())

    def run(self) -> Delivered:
        """Delivers.  Raises UpdateFailed and its kinds, ConsentNeeded, DeviceBusy, what the wire raises."""
        with self._around.step("state", "asking the device what it runs"):
            images = self._look()
        active, other = images.active, images.other
        if active is None:
            raise no.UpdateFailed("the device does not say which image runs", cause="its bootloader answers")
        if self._release.matches(active.hash):
            return self._already(images)
        if not active.confirmed:
            raise no.UpdateUnderWay(f"the device runs {active.version} on trial")
        self._before, self._before_words = active.hash, active.version
        waiting = other is not None and other.pending
        if waiting and not (other is not None and self._release.matches(other.hash)):
            raise no.UpdateUnderWay("another image waits in the device for its restart")
        if not waiting:
            self._upload()
        if not self._how.activate:
            self._result.outcome = "uploaded"
            return self._result
        if not waiting:
            self._activate()
        self._restart()
        self._settle()
        self._verify()
        return self._result

    def _already(self, images: Images) -> Delivered:
        """The release runs: on trial, as after an update that was broken off, or confirmed."""
        active = images.active
        assert active is not None
        self._around.emit(Notice(level="info", text=f"the device runs {self._release.version} already"))
        self._result.outcome = "unchanged"
        if not active.confirmed:
            self._result.outcome = "updated"
            self._confirm()
        self._verify()
        return self._result

    def _look(self) -> Images:
        images = self._device.images()
        self._identity = self._device.identity()
        self._params = self._device.params()
        self._observe("device-images", images.as_json())
        if self._identity is not None:
            self._observe("device-identity", self._identity.as_json())
        if self._params is not None:
            self._observe("device-buffers", asdict(self._params))
        if images.active is not None:
            self._result.before = images.active.as_json()
        return images

    # --- into the device ---

    def _upload(self) -> None:
        with self._around.step(
            "upload", f"uploading {self._release.version}, {len(self._release.data)} bytes"
        ):
            self._around.commit()
            upload = Upload(
                self._device.smp,
                self._release.data,
                self._params,
                emit=self._around.emit,
                check=self._around.check,
                window=self._how.window,
            )
            try:
                uploaded = upload.run()
            except SmpRefused as error:
                raise _upload_refused(error, self._release) from error
            self._result.upload = upload_json(uploaded)
            self._observe("upload", self._result.upload)
            other = self._device.images().other
            if other is None or not self._release.matches(other.hash):
                raise no.UpdateRefused(
                    f"the device has all bytes of {self._release.version} and does not see an image in them"
                )

    def _activate(self) -> None:
        with self._around.step("activate", "marking the image for the next start"):
            self._around.commit()
            activation = Activation(self._device, self._release, self._how.consent, self._how.wait_s)
            activation.run(self._around.emit, self._around.ask, permanent=self._how.permanent)

    # --- the restart ---

    def _restart(self) -> None:
        with self._around.step("restart", "restarting the device"):
            self._around.commit()
            self._around.mark()
            try:
                self._device.reset()
            except SmpRefused as error:
                if not self._around.hard_resets:
                    raise no.NotActivated("the device refuses to restart", cause=error.what) from error
                self._around.hard_resets[0]()
            except SerialLost:
                return

    def _settle(self) -> None:
        """Waits for the boot, and confirms what has come up; raises where that is not the release."""
        with self._around.step("boot", "waiting until the device is back"):
            came = self._wait(trial_seen=False) or self._force_back()
            self._result.boot_s = round(came.seconds, 2)
            self._observe("standing", {"standing": str(came.judged.standing), **_reason_json(came.judged)})
            self._observe("device-images", came.images.as_json())
            self._require_new(came.judged)
            self._identity = came.identity
        if self._how.permanent:
            return
        if not self._how.confirm:
            self._result.outcome = "on-trial"
            return
        self._confirm()

    def _wait(self, *, trial_seen: bool) -> Came | None:
        return wait_for_boot(
            self._device,
            lambda *found: self._judge(*found, trial_seen=trial_seen),
            limit_s=max(self._how.boot_s, BACK_S) if trial_seen else self._how.boot_s,
        )

    def _judge(self, images: Images, identity: Identity | None, *, trial_seen: bool) -> Judged:
        return judge(
            self._release,
            self._before,
            images,
            identity,
            trial_seen=trial_seen,
            printed=self._around.printed(),
        )

    def _force_back(self) -> Came:
        """The device is silent: resets it, so that its bootloader takes the image back."""
        silent = f"{self._release.version} did not answer within {self._how.boot_s:g} s"
        for restart in self._around.hard_resets:
            self._around.emit(Notice(level="warning", text=f"{silent}; the board is reset"))
            restart()
            came = self._wait(trial_seen=True)
            if came is not None and came.judged.standing is Standing.REVERTED:
                self._observe("standing", {"standing": "reverted"})
                raise no.UpdateReverted(f"{silent}; after a reset the device runs {self._before_words} again")
            if came is not None:
                return came
        after = ", nor did anything else after a reset" if self._around.hard_resets else ""
        raise no.DeviceSilent(silent + after)

    def _require_new(self, judged: Judged) -> None:
        version = str(self._release.version)
        if judged.standing is Standing.NEW:
            return
        if judged.standing is Standing.REFUSED:
            raise no.refused(judged.reason, version)
        if judged.standing is Standing.REVERTED:
            raise no.UpdateReverted(f"the device tried {version} and runs {self._before_words} again")
        if judged.standing is Standing.WAITING:
            raise no.NotActivated(f"the device still runs {self._before_words}, and {version} waits")
        raise no.UpdateNotVerified("the device runs neither the release nor what it ran before")

    # --- to stay ---

    def _confirm(self) -> None:
        with self._around.step("confirm", "confirming the image"):
            identity = self._identity
            if identity is not None and identity.selftest is not None:
                self._observe("self-test", identity.selftest)
                if not identity.selftest:
                    raise self._taken_back(f"{self._release.version} says that its self-test failed")
            try:
                self._device.set_image(None, confirm=True)
            except SmpRefused as error:
                raise self._taken_back(
                    f"{self._release.version} refused to be confirmed: {error.name}"
                ) from error
            except SmpSilent:
                self._around.emit(Notice(level="warning", text="no answer to the confirmation; looking"))

    def _taken_back(self, what: str) -> no.UpdateFailed:
        """Restarts a device whose image may not stay, and says what it runs then."""
        self._around.mark()
        try:
            self._device.reset()
        except (WorkbenchError, SerialLost):
            for restart in self._around.hard_resets[:1]:
                restart()
        came = self._wait(trial_seen=True)
        if came is None:
            return no.UpdateNotConfirmed(f"{what}; the device does not answer after a restart")
        self._observe("standing", {"standing": str(came.judged.standing), **_reason_json(came.judged)})
        if came.judged.standing is Standing.REVERTED:
            return no.UpdateNotConfirmed(
                f"{what}; after a restart the device runs {self._before_words} again",
                action="mend the new image; the device runs what it ran before",
            )
        return no.UpdateNotConfirmed(what)

    # --- the proof ---

    def _verify(self) -> None:
        with self._around.step("verify", "asking the device what it runs now"):
            staying = self._result.outcome in ("updated", "unchanged")
            images = self._device.images()
            self._observe("running-image", verify_images(self._release, images, confirmed=staying))
            self._result.checks = ["version", "hash", "slot", *(["confirmed"] if staying else [])]
            identity = self._device.identity()
            if identity is None:
                self._around.emit(Notice(level="info", text="the device has no identity that it could prove"))
                return
            self._result.identity = verify_identity(self._release, identity)
            self._observe("device-identity", self._result.identity)
            self._result.checks.append("identity")
            self._challenge(identity)

    def _challenge(self, identity: Identity) -> None:
        nonce = fresh_nonce()
        try:
            answer = self._device.challenge(nonce)
        except SmpRefused as error:
            if self._how.keys is not None:
                raise no.UpdateNotVerified(f"the device does not answer a challenge: {error.name}") from error
            self._around.emit(Notice(level="warning", text=f"no answer to a challenge: {error.name}"))
            return
        except SmpGarbled as error:
            raise no.UpdateNotVerified(error.what) from error
        keys = self._how.keys
        key = None if keys is None else challenge_key_for(keys, identity, answer.alg)
        if keys is not None and key is None:
            raise no.UpdateNotVerified(
                f"{keys.path} has no key to check unit {identity.chip[::-1].hex()}'s answer with",
                cause="the unit was not provisioned with this key folder",
                action="name the key folder that the unit was provisioned with",
            )
        found = verify_challenge(self._release, answer, nonce, identity.chip, key)
        self._result.challenge = asdict(found)
        self._observe("challenge", {"nonce": nonce.hex(), "signature": answer.sig.hex(), **asdict(found)})
        if key is not None:
            self._result.checks.append("challenge")
        else:
            text = "the device answered a challenge, and no --keys were given to check the signature with"
            self._around.emit(Notice(level="warning", text=text))

    def _observe(self, what: str, value: Any) -> None:
        self._around.emit(Observed(what=what, value=value))


def upload_json(done: Uploaded) -> dict[str, Any]:
    """For records, with the rates worked out."""
    share = done.line_share
    started = done.bytes - done.resumed_at
    return asdict(done) | {
        "seconds": round(done.seconds, 3),
        "bytes_per_s": round(started / done.seconds, 1) if done.seconds else None,
        "line_share": None if share is None else round(share, 3),
    }


def _reason_json(judged: Judged) -> dict[str, str]:
    return {} if judged.reason is None else {"reason": judged.reason.word}


def _upload_refused(error: SmpRefused, release: Release) -> WorkbenchError:
    if error.is_general(6) or error.is_general(10):
        return no.UpdateUnderWay(f"the device takes no upload now: {error.name}")
    return no.UpdateRefused(
        f"the device refused the upload of {release.version}: {error.name}",
        cause="the image does not fit the device, or is older than what runs",
    )
