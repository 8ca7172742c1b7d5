"""How an update can end other than well."""

from __future__ import annotations

from typing import Final

from workbench.errors import Blame, InputError, WorkbenchError
from workbench.images.reasons import Reason


class UpdateFailed(WorkbenchError):
    """An update did not succeed."""

    code = "update-failed"
    blame = Blame.UNIT
    default_cause = "the device or its firmware"
    default_action = "look at what the board prints with `workbench console`, then run the update again"


class UpdateRefused(UpdateFailed):
    """The device refused the image.

    `reason` is why, in the words that bootloader and host share; None where the device does not tell.
    """

    code = "update-refused"
    default_cause = "the image is not made for this device, or was changed on its way"
    default_action = "check the image with `workbench image verify`; the device runs what it ran before"

    def __init__(
        self, what: str, *, reason: Reason | None = None, cause: str | None = None, action: str | None = None
    ) -> None:
        super().__init__(what, cause=cause, action=action)
        self.reason = reason


class ImageForAnotherDevice(UpdateRefused):
    """The image is for another product."""

    code = "update-image-for-another-device"
    default_cause = "vendor or class ID of the image are not those that the device was provisioned with"
    default_action = "name the image for this product; `workbench image inspect` shows what it is for"


class UpdateReverted(UpdateFailed):
    """The device went back to the image that it ran before."""

    code = "update-reverted"
    default_cause = "the new image crashed, did not answer, or was reset before it was confirmed"
    default_action = "find out why with `workbench console`; the device runs what it ran before"


class UpdateNotConfirmed(UpdateFailed):
    """The new image runs, and may not stay."""

    code = "update-not-confirmed"
    default_cause = "its self-test failed, or it refused to be confirmed"
    default_action = "the device goes back to the old image at its next reset"


class UpdateNotVerified(UpdateFailed):
    """What the device runs is not proven to be the release."""

    code = "update-not-verified"
    default_cause = (
        "another image, other bytes in the slot, or an answer that was not made with the right key"
    )
    default_action = "do not use the device before this is understood"


class DeviceSilent(UpdateFailed):
    """The device does not answer any more."""

    code = "update-device-silent"
    default_cause = "the new image does not start, or has no SMP server on this line"
    default_action = "switch its power off and on: an image that was not confirmed is then taken back"


class UploadStalled(UpdateFailed):
    """The upload does not get on."""

    code = "update-upload-stalled"
    default_cause = "the line loses bytes, or the device stores nothing"
    default_action = (
        "check the line's rate and flow control, then run the update again: it goes on where it was"
    )


class NotActivated(UpdateFailed):
    """The device restarted nothing."""

    code = "update-not-activated"
    default_cause = "the device did not restart, or its bootloader did not look at the image"
    default_action = "reset the board with `workbench reset`, then run the update again"


class ConsentNeeded(WorkbenchError):
    """Somebody at the device has to agree first."""

    code = "update-consent-needed"
    blame = Blame.STOPPED
    default_cause = "the image is not critical, and the device asks before it installs"
    default_action = "agree at the device, or run again with --consent grant, or --consent wait"


class DeviceBusy(WorkbenchError):
    """The device says that it is in the middle of something."""

    code = "update-busy"
    blame = Blame.STOPPED
    default_cause = "its application must not be interrupted now"
    default_action = "run again later, or wait for it with --wait-for-conditions SECONDS"


class UpdateUnderWay(UpdateFailed):
    """Another update is under way in the device."""

    code = "update-under-way"
    default_cause = "an image waits for its restart, or runs and was not confirmed yet"
    default_action = (
        "reset the board, so that the image is installed or taken back; then run the update again"
    )


class ReleaseInvalid(InputError):
    """This file cannot be delivered."""

    code = "update-image-invalid"
    default_cause = "it is no MCUboot image, or it is damaged"
    default_action = "name an image that `workbench image verify` accepts"


REASON_WORDS: Final[dict[Reason, str]] = {
    Reason.MAGIC: "it does not begin as an image",
    Reason.SIZE: "a length in it cannot be right, or it does not fit the slot",
    Reason.TLV: "a TLV is malformed, missing, twice there, or in the wrong area",
    Reason.HASH: "its bytes do not give the hash that it carries",
    Reason.SIGNATURE: "its signature is not valid",
    Reason.SIGNER_CHAIN: "its signer's certificates do not lead to the root that the device trusts",
    Reason.SIGNER_TIME: "its signer's certificate is not valid at the signing time, or that is too early",
    Reason.SIGNER_PURPOSE: "its signer's certificate is not for signing code",
    Reason.COUNTER: "its security counter is lower than the device's",
    Reason.VERSION: "its version is lower than the running one",
    Reason.VID: "it is from another vendor",
    Reason.CID: "it is for another class of device",
    Reason.DECRYPT: "its key cannot be unwrapped with the device's",
    Reason.MAC: "it was not made for this unit: its HMAC does not hold",
    Reason.NOT_BOOTABLE: "it says that it is not to be started",
    Reason.DEPENDENCY: "it needs another version of another image",
    Reason.UNSUPPORTED: "it uses an algorithm that the device does not have",
    Reason.NOT_PROVISIONED: "the device was not provisioned",
}


def refused(reason: Reason | None, version: str) -> UpdateRefused:
    """The error for an image that the bootloader refused."""
    if reason is None:
        return UpdateRefused(
            f"the device did not install {version}, and does not say why",
            cause="its bootloader found the image invalid, or not signed with its key",
        )
    why = f"the device refused {version} ({reason.word}): {REASON_WORDS.get(reason, reason.word)}"
    if reason in (Reason.VID, Reason.CID):
        return ImageForAnotherDevice(why, reason=reason)
    return UpdateRefused(why, reason=reason, cause="the bootloader checked the image and did not install it")
