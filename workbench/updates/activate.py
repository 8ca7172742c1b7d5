"""Has an uploaded image marked for the next start, with the consent that the device asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from workbench.events import Emit, Notice, Observed
from workbench.updates import errors as no
from workbench.updates.consent import Hindrance, Policy, Step, hindrance_of, next_step
from workbench.updates.device import Consent, Device
from workbench.updates.release import Release
from workbench.wires.smp_errors import SmpRefused, SmpSilent

POLL_S: Final = 1.0


class Activation:
    """One activation.  `wait_s`: how long to wait for consent, or until the device is not busy any more."""

    def __init__(self, device: Device, release: Release, policy: Policy, wait_s: float) -> None:
        self._device = device
        self._release = release
        self._policy = policy
        self._deadline = time.monotonic() + wait_s
        self._told: Hindrance | None = None

    def run(self, emit: Emit, ask: Callable[[str], bool], *, permanent: bool) -> None:
        """Returns when the image waits for the restart.  Raises UpdateRefused, ConsentNeeded, DeviceBusy."""
        while (refused := self._try(permanent)) is not None:
            self._overcome(refused, emit, ask)

    def _try(self, permanent: bool) -> SmpRefused | None:
        """Marks the image, unless it is marked already, as after consent at the device."""
        other = self._device.images().other
        if other is not None and other.pending and self._release.matches(other.hash):
            return None
        if other is None or not self._release.matches(other.hash):
            raise no.UpdateRefused(f"the device does not list {self._release.version} in its other slot")
        try:
            self._device.set_image(other.hash, confirm=permanent)
        except SmpRefused as error:
            return error
        except SmpSilent:
            other = self._device.images().other
            if other is None or not other.pending:
                raise
        return None

    def _overcome(self, refused: SmpRefused, emit: Emit, ask: Callable[[str], bool]) -> None:
        consent = self._device.consent()
        hindrance = hindrance_of(refused, consent)
        if hindrance is None:
            raise no.UpdateRefused(f"the device refused to install {self._release.version}: {refused.name}")
        if hindrance is not self._told:
            self._tell(hindrance, consent, emit)
        step = next_step(hindrance, self._policy, consent, time_left=time.monotonic() < self._deadline)
        if step is Step.STOP:
            raise self._stopped(hindrance, consent)
        if step is Step.WAIT:
            self._device.smp.pause(POLL_S)
        elif step is Step.GRANT:
            self._grant(consent, emit)
        elif step is Step.ASK:
            if not ask(self._question(consent)):
                self._defer(emit)
                raise self._stopped(hindrance, self._device.consent())
            self._grant(consent, emit)

    def _grant(self, consent: Consent | None, emit: Emit) -> None:
        """A busy device may refuse; then that is what hinders next."""
        try:
            self._device.answer_consent("grant")
        except SmpRefused as error:
            if hindrance_of(error, self._device.consent()) is not Hindrance.BUSY:
                raise no.UpdateRefused(f"the device does not take consent from here: {error.name}") from error
        else:
            emit(Observed(what="consent", value={"state": "granted", "by": "workbench"}))

    def _defer(self, emit: Emit) -> None:
        try:
            self._device.answer_consent("defer")
        except SmpRefused as error:
            emit(Notice(level="warning", text=f"the update cannot be put off any more: {error.name}"))
        else:
            emit(Observed(what="consent", value={"state": "deferred", "by": "workbench"}))

    def _tell(self, hindrance: Hindrance, consent: Consent | None, emit: Emit) -> None:
        self._told = hindrance
        if consent is not None:
            emit(
                Observed(
                    what="consent",
                    value={
                        "state": consent.state,
                        "severity": consent.severity,
                        "deferrals": consent.deferrals,
                        "max_deferrals": consent.max_deferrals,
                        "busy": consent.busy,
                    },
                )
            )
        words = "asks for consent" if hindrance is Hindrance.CONSENT else "is busy"
        emit(Notice(level="info", text=f"the device {words} before it installs {self._release.version}"))

    def _question(self, consent: Consent | None) -> str:
        severity = f" ({consent.severity})" if consent is not None and consent.severity else ""
        return f"agree that the device installs {self._release.version}{severity} now"

    def _stopped(self, hindrance: Hindrance, consent: Consent | None) -> no.ConsentNeeded | no.DeviceBusy:
        version = self._release.version
        if hindrance is Hindrance.BUSY:
            return no.DeviceBusy(f"the device has {version} and is busy: it was not installed")
        how = "" if consent is None else f" ({consent.severity}, put off {consent.deferrals} times)"
        return no.ConsentNeeded(f"the device has {version} and asks for consent{how}: it was not installed")
