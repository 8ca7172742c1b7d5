"""Why an image is refused: one error for each reason, with the device's word for it in `reason`."""

from __future__ import annotations

from typing import ClassVar

from workbench.errors import Blame, WorkbenchError
from workbench.images.reasons import Reason


class ImageRefused(WorkbenchError):
    """An image is not what it must be."""

    code = "image-refused"
    blame = Blame.TRUST
    reason: ClassVar[Reason] = Reason.UNSUPPORTED
    default_cause = "an image that was not made for this device, or that was changed"
    default_action = "do not install it; get the image again from where it was made"


class ImageMalformed(ImageRefused):
    """The bytes do not have the form of an MCUboot image."""

    code = "image-malformed"
    blame = Blame.INPUT
    reason = Reason.SIZE
    default_cause = "a file of another kind, one that was cut short, or one that was changed"
    default_action = "check the file; `workbench image inspect` shows what an image holds"


class MagicWrong(ImageMalformed):
    """The first bytes are not those of an image."""

    code = "image-magic-wrong"
    reason = Reason.MAGIC
    default_cause = "a plain binary that was not built into an image, or a file of another kind"
    default_action = "build an image from it: `workbench image build --help`"


class TooShort(ImageMalformed):
    """The file ends within the image."""

    code = "image-too-short"
    default_cause = "a download or a copy that was cut short"


class TooLarge(ImageMalformed):
    """The image is larger than what is allowed."""

    code = "image-too-large"
    default_cause = "a file that was built for a larger device, or one made to exhaust memory"


class LengthLies(ImageMalformed):
    """A length in the image contradicts another, or the file."""

    code = "image-length-lies"


class TlvLengthLies(ImageMalformed):
    """A length in the TLVs contradicts another, or the header."""

    code = "image-tlv-length-lies"
    reason = Reason.TLV


class TrailingData(ImageMalformed):
    """After the image there is something that is no slot's end."""

    code = "image-trailing-data"
    default_cause = "bytes that were added to the image; nothing protects them"


class TlvMalformed(ImageMalformed):
    """A TLV's value does not have the form that its type demands."""

    code = "image-tlv-malformed"
    reason = Reason.TLV


class TlvDuplicated(ImageMalformed):
    """A TLV that may be there once is there twice."""

    code = "image-tlv-duplicated"
    reason = Reason.TLV
    default_cause = "an image made so that two readers see two different things"


class TlvNotProtected(ImageMalformed):
    """A TLV lies outside the area that hash and signature cover."""

    code = "image-tlv-not-protected"
    blame = Blame.TRUST
    reason = Reason.TLV
    default_cause = "a TLV that somebody added or moved after the image was signed"


class TlvWronglyProtected(ImageMalformed):
    """A hash, signature or wrapped key lies in the area that it covers."""

    code = "image-tlv-wrongly-protected"
    reason = Reason.TLV


class TlvMissing(ImageRefused):
    """The image lacks what must be there: a hash, a signature, a certificate, a counter."""

    code = "image-tlv-missing"
    reason = Reason.TLV
    default_cause = "an image built for another profile, or one from which something was stripped"
    default_action = "build the image for the device's profile"


class Unsupported(ImageRefused):
    """The image uses a flag or an algorithm that is not accepted."""

    code = "image-unsupported"
    blame = Blame.INPUT
    reason = Reason.UNSUPPORTED
    default_cause = "an image built for another kind of device"


class DecompressionFailed(ImageRefused):
    """The compressed payload is damaged."""

    code = "image-decompression-failed"
    blame = Blame.INPUT
    reason = Reason.UNSUPPORTED
    default_cause = "a damaged image, or one made to exhaust memory"


class HashMismatch(ImageRefused):
    """The image's bytes are not those that its hash was made of."""

    code = "image-hash-mismatch"
    reason = Reason.HASH
    default_cause = "a byte that changed; of an encrypted image also a key that does not belong to it"


class SignatureInvalid(ImageRefused):
    """The signature was not made by the signer's key over these bytes."""

    code = "image-signature-invalid"
    reason = Reason.SIGNATURE
    default_cause = "another key than the one that the device trusts, or a changed image"


class SignerUntrusted(ImageRefused):
    """The signer's certificates do not lead to the root."""

    code = "image-signer-untrusted"
    reason = Reason.SIGNER_CHAIN
    default_cause = "a signer of another root, or certificates that were changed"


class SignerExpired(ImageRefused):
    """A certificate was no longer valid when the image was signed."""

    code = "image-signer-expired"
    reason = Reason.SIGNER_TIME
    default_cause = "a signer's certificate that should have been renewed"
    default_action = "issue a new certificate for the signer, and sign the image again"


class SignerNotYetValid(ImageRefused):
    """A certificate was not yet valid when the image was signed."""

    code = "image-signer-not-yet-valid"
    reason = Reason.SIGNER_TIME
    default_cause = "a wrong clock where the image was signed or the certificate issued"
    default_action = "put the clock right, and sign the image again"


class SigningTimeEarly(ImageRefused):
    """The image claims to be signed before a time that the device knows to have passed."""

    code = "image-signing-time-early"
    reason = Reason.SIGNER_TIME
    default_cause = "an old image, a wrong clock where it was signed, or a back-dated signature"


class SignerWrongPurpose(ImageRefused):
    """A certificate is not for signing code."""

    code = "image-signer-wrong-purpose"
    reason = Reason.SIGNER_PURPOSE
    default_cause = "a certificate that was issued for something else, such as TLS"


class CounterLow(ImageRefused):
    """The security counter is lower than the device's."""

    code = "image-counter-low"
    reason = Reason.COUNTER
    default_cause = "an older image whose weaknesses a later one has closed"


class VersionLow(ImageRefused):
    """The version is lower than the one that runs."""

    code = "image-version-low"
    reason = Reason.VERSION
    default_cause = "an older image; the profile allows no downgrade"


class VidWrong(ImageRefused):
    """The image is for another vendor's devices."""

    code = "image-vid-wrong"
    reason = Reason.VID
    default_cause = "an image that was built for another vendor's product"
    default_action = "do not install it; name the image of this product"


class CidWrong(ImageRefused):
    """The image is for another class of devices."""

    code = "image-cid-wrong"
    reason = Reason.CID
    default_cause = "an image that was built for another product, or another revision of it"
    default_action = "do not install it; name the image of this product and revision"


class KeyWrong(ImageRefused):
    """The payload's key cannot be unwrapped with this key."""

    code = "image-key-wrong"
    reason = Reason.DECRYPT
    default_cause = "an image that was encrypted for another unit or fleet, or a changed wrapped key"
    default_action = "name the key that the image was encrypted for"


class KeyKindWrong(Unsupported):
    """The payload's key is wrapped by another method than the one that this key is for."""

    code = "image-key-kind-wrong"
    default_cause = "an image that was encrypted for devices of another profile"
    default_action = "name the key that the image was encrypted for"


class KeyNeeded(ImageRefused):
    """The image is encrypted, and there is no key to decrypt it with."""

    code = "image-key-needed"
    blame = Blame.INPUT
    reason = Reason.DECRYPT
    default_cause = "hash and signature are over the plaintext, which only the key gives"
    default_action = "name the key that the image was encrypted for"


class NotEncrypted(ImageRefused):
    """The image is in the clear where the profile wants it encrypted."""

    code = "image-not-encrypted"
    reason = Reason.TLV
    default_cause = "the image was built without encryption, or by another profile"
    default_action = "build the image with encryption, as its profile says"


class MacInvalid(ImageRefused):
    """The HMAC was not made with this key over these bytes."""

    code = "image-mac-invalid"
    reason = Reason.MAC
    default_cause = "an image for another unit, or one made without the unit's secret"


class NotBootable(ImageRefused):
    """The image's header says that it must not be booted."""

    code = "image-not-bootable"
    reason = Reason.NOT_BOOTABLE
    default_cause = "an image that only another one uses, or one whose header was changed"


class DependencyUnmet(ImageRefused):
    """The image needs another image that is not there in that version."""

    code = "image-dependency-unmet"
    reason = Reason.DEPENDENCY
    default_cause = "the other image of the device is older than this one needs, or is missing"
    default_action = "install the other image first, in the version that the message names"
