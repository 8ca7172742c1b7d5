"""What is to be delivered: an image's bytes, and what a device that runs it must say of itself.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.images.format import ENCRYPTED, Image, parse
from workbench.images.refusals import ImageRefused
from workbench.images.tlvs import HASHES, Severity, Version
from workbench.images.verify import severity_of, verify_hash
from workbench.updates.errors import ReleaseInvalid


@dataclass(frozen=True, slots=True)
class Release:
    """An image to deliver.  `data` is without a slot's padding; `digest` is the value of its hash TLV."""

    data: bytes = field(repr=False)
    version: Version
    digest: bytes
    encrypted: bool
    severity: Severity | None
    image: Image = field(repr=False)

    def matches(self, digest: bytes | None) -> bool:
        """Whether a device that tells this hash has the release.  Short hashes are cut SHA-512."""
        return digest is not None and len(digest) >= 32 and self.digest.startswith(digest)


def release_of(data: bytes, *, check: bool = True) -> Release:
    """The release in an image file; raises ReleaseInvalid, ImageRefused.

    `check` False delivers also what its own hash does not fit, to see a device refuse it.
    """
    image = parse(data)
    digest = next((tlv.value for tlv in image.tlvs if tlv.type in HASHES), None)
    if digest is None:
        raise ReleaseInvalid("the image carries no hash, by which a device could name it")
    encrypted = image.has_flag(ENCRYPTED)
    if check and not encrypted:
        try:
            verify_hash(image)
        except ImageRefused as error:
            raise ReleaseInvalid(error.what, cause="the file was changed or cut after it was made") from error
    return Release(
        data=data[: image.size_bytes],
        version=image.header.version,
        digest=digest,
        encrypted=encrypted,
        severity=severity_of(image),
        image=image,
    )


def same_version(told: str, version: Version) -> bool:
    """Whether a device's words mean this version: 1.2.3, 1.2.3.4 and 1.2.3+4 are in use."""
    parts = told.replace("+", ".").split(".")
    if not 1 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() for part in parts):
        return False
    numbers = tuple(int(part[:12]) for part in parts) + (0,) * (4 - len(parts))
    return numbers == (version.major, version.minor, version.revision, version.build)
