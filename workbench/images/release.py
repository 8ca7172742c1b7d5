"""Releases: images made as a profile says, with the keys of a folder; and the policy that devices follow.

    image = build_release(app, profile, keys, version=Version.parse("1.1"), counter=2, device="microbit-v1")
    verify(image, policy_for(profile, keys, device="microbit-v1"))

Pure, but for random keys and the keys' files.  Tier 1+ makes an image for one unit, and needs its chip ID.
"""

from __future__ import annotations

import time
from typing import Final, Literal

from workbench.errors import InputError
from workbench.images.build import Options, Seal, build
from workbench.images.compression import Compression
from workbench.images.derive import kek_of, mac_key_of, unit_secret
from workbench.images.encryption import Encryption, UnwrapKey, WrapKey
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile
from workbench.images.tlvs import Severity, Version
from workbench.images.verify import Policy, verify

SeverityName = Literal["optional", "mandatory", "critical"]
HEADER_SIZE: Final = 0x100


class ReleaseImpossible(InputError):
    """A release cannot be made as the profile says."""

    code = "release-impossible"
    default_cause = "what was given and what the profile asks for do not fit together"
    default_action = "see what the profile asks for: `workbench profile show NAME`"


def build_release(
    payload: bytes,
    profile: Profile,
    keys: KeyFolder,
    *,
    version: Version,
    counter: int,
    device: str,
    chip_id: bytes | None = None,
    severity: SeverityName | None = None,
    max_deferrals: int | None = None,
    signing_time_s: int | None = None,
    encrypt: bool | None = None,
    header_size: int = HEADER_SIZE,
) -> bytes:
    """The image for `payload`, linked to run behind a header of `header_size` bytes.

    `device` is the kind of device, such as the target's name, from which the class ID follows.  `chip_id` is
    8 bytes as the chip's words lie in memory, for profiles whose images are for one unit.  `severity` and
    `max_deferrals` default to the profile's, `signing_time_s` (seconds since 1970 UTC) to now, `encrypt` to
    what the profile requires.

    Raises ReleaseImpossible, KeyMissing, KeyInvalid, OptionsInvalid.
    """
    encrypted = profile.encryption.required if encrypt is None else encrypt
    _refuse(profile, encrypted)
    signed_at_s = int(time.time()) if signing_time_s is None else signing_time_s
    chain = profile.authenticity.chain
    options = Options(
        version=version,
        header_size=header_size,
        counter=None if profile.rollback.counter == "none" else counter,
        vid=profile.vendor_id() if profile.product.required else None,
        cid=profile.class_id(device) if profile.product.required else None,
        signer_chain=tuple(keys.signer_chain) if chain else (),
        signing_time_s=signed_at_s if chain else None,
        severity=_severity(profile, severity),
        max_deferrals=_max_deferrals(profile, severity, max_deferrals),
        compression=_compression(profile),
    )
    seal = Seal(
        signing_key=keys.signer_key if profile.signer else None,
        mac_key=mac_key_of(_unit(profile, keys, chip_id)) if profile.authenticity.method == "mac" else None,
        encryption=_encryption(profile, keys, chip_id) if encrypted else None,
    )
    return build(payload, options, seal)


def policy_for(
    profile: Profile,
    keys: KeyFolder,
    *,
    device: str,
    chip_id: bytes | None = None,
    min_counter: int | None = None,
    running: Version | None = None,
    time_floor_s: int | None = None,
    payload_is_plain: bool = False,
) -> Policy:
    """What a device of the profile accepts.  Raises ReleaseImpossible, KeyMissing, KeyInvalid."""
    method = profile.authenticity.method
    signed, chain = method == "signature", profile.authenticity.chain
    return Policy(
        root=keys.root_certificate if chain else None,
        public_keys=(keys.signer_key.public_key(),) if signed and not chain else (),
        mac_key=mac_key_of(_unit(profile, keys, chip_id)) if method == "mac" else None,
        hash_is_enough=method == "none",
        decrypt_key=_unwrap_key(profile, keys, chip_id),
        payload_is_plain=payload_is_plain,
        must_be_encrypted=profile.encryption.required,
        vid=profile.vendor_id() if profile.product.required else None,
        cid=profile.class_id(device) if profile.product.required else None,
        counter_needed=profile.rollback.counter != "none",
        min_counter=min_counter,
        running_version=None if profile.rollback.allow_version_downgrade else running,
        time_floor_s=time_floor_s,
    )


def running_form(image: bytes, policy: Policy) -> bytes:
    """The image as it lies in the primary slot: payload decrypted, header and TLVs as they were.

    Raises ImageRefused where the policy does not accept it.
    """
    return verify(image, policy).image.encode()


def _refuse(profile: Profile, encrypted: bool) -> None:
    if profile.encryption.required and not encrypted:
        raise ReleaseImpossible(f"a device of profile {profile.name} takes no image in the clear")
    if encrypted and profile.encryption.method == "none":
        raise ReleaseImpossible(f"a device of profile {profile.name} cannot decrypt")


def _unit(profile: Profile, keys: KeyFolder, chip_id: bytes | None) -> bytes:
    """The unit's own secret."""
    if chip_id is None:
        raise ReleaseImpossible(
            f"images of profile {profile.name} are made for one unit, and no chip ID was given",
            action="name the unit's chip ID",
        )
    return unit_secret(keys.master, chip_id)


def _kek(profile: Profile, keys: KeyFolder, chip_id: bytes | None) -> bytes:
    return kek_of(_unit(profile, keys, chip_id)) if profile.per_unit else keys.kek


def _encryption(profile: Profile, keys: KeyFolder, chip_id: bytes | None) -> Encryption:
    key: WrapKey
    match profile.encryption.method:
        case "aes-kw":
            key = _kek(profile, keys, chip_id)
        case "ecies-p256":
            key = keys.encryption_public
        case other:
            raise ReleaseImpossible(f"a key folder holds no key for {other}")
    return Encryption(key, profile.encryption.bits)


def _unwrap_key(profile: Profile, keys: KeyFolder, chip_id: bytes | None) -> UnwrapKey | None:
    match profile.encryption.method:
        case "aes-kw":
            return _kek(profile, keys, chip_id)
        case "ecies-p256" if keys.has("enc.key.pem"):
            return keys.encryption_private
    return None


def _compression(profile: Profile) -> Compression | None:
    return None if profile.compression == "none" else profile.compression


def _severity(profile: Profile, named: SeverityName | None) -> Severity | None:
    name = named or profile.consent.severity
    return None if name == "none" else Severity[name.upper()]


def _max_deferrals(profile: Profile, named: SeverityName | None, given: int | None) -> int | None:
    severity = _severity(profile, named)
    if severity is not Severity.MANDATORY:
        if given is not None:
            raise ReleaseImpossible("deferrals are counted for mandatory releases only")
        return None
    return profile.consent.max_deferrals if given is None else given
