"""What a unit of a profile is given in the factory, taken from a key folder.

Pure, but for the keys' files and the device key, which is made here and kept by nobody but the unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.errors import InputError
from workbench.images.derive import unit_secret
from workbench.images.keys import KeyFolder, KeyInvalid
from workbench.images.profile import Profile
from workbench.images.provisioning import (
    KeyOrigin,
    PageIncomplete,
    Provisioning,
    RsaRoot,
    may_have,
    needs,
    verify_for,
)

_COORDINATE_BYTES: Final = 32


class ChipIdInvalid(InputError):
    """This is no chip ID that a unit's secret can be derived from."""

    code = "chip-id-invalid"
    default_cause = "a mistyped chip ID: it has 16 hexadecimal digits"
    default_action = "copy it from the record of a run on the chip: `workbench records show RUN`"


@dataclass(frozen=True, slots=True)
class UnitContent:
    """A unit's page, and the public half of an injected device key as PEM, None where the page has none."""

    page: Provisioning
    device_public_pem: bytes | None


def unit_content(
    profile: Profile,
    keys: KeyFolder,
    *,
    device: str,
    chip_id: bytes | None,
    time_floor_s: int | None,
    device_key: KeyOrigin = "injected",
) -> UnitContent:
    """What the unit with that chip ID gets, complete for the profile; a new device key each time, unless the
    unit makes it itself.

    A unit whose fleet shares a key gets a secret of its own beside it, where the folder has a master secret
    to derive it from.  `chip_id` is 8 bytes as the chip's words lie in memory.  Raises PageIncomplete,
    KeyMissing, KeyInvalid.
    """
    wanted = needs(profile, device_key)
    if "unit_secret" in may_have(profile) and keys.has("master.bin") and chip_id is not None:
        wanted |= {"unit_secret"}
    root = keys.root_certificate if "root_dn" in wanted else None
    key = ec.generate_private_key(ec.SECP256R1()) if "device_key" in wanted else None
    page = Provisioning(
        profile=profile.name,
        vid=profile.vendor_id(),
        cid=profile.class_id(device),
        root_dn=root.subject.public_bytes() if root else None,
        root_ec=_point(root.public_key()) if root and "root_ec" in wanted else None,
        root_rsa=_rsa(root.public_key()) if root and "root_rsa" in wanted else None,
        time_floor=time_floor_s if "time_floor" in wanted else None,
        enc_key=_scalar(keys.encryption_private) if "enc_key" in wanted else None,
        kek=keys.kek if "kek" in wanted else None,
        unit_secret=_secret(keys, chip_id) if "unit_secret" in wanted else None,
        device_key=_scalar(key) if key else None,
    )
    verify_for(page, profile, device_key)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) if key else None
    return UnitContent(page, public)


def chip_id_bytes(text: str) -> bytes:
    """A chip ID as the workbench shows it (16 hexadecimal digits), as its words lie in memory (8 bytes).

    Raises ChipIdInvalid.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{16}", text):
        raise ChipIdInvalid(f"'{text[:40]}' is no chip ID")
    return bytes.fromhex(text)[::-1]


def _secret(keys: KeyFolder, chip_id: bytes | None) -> bytes:
    if chip_id is None:
        raise PageIncomplete("a secret of the unit's own needs its chip ID", cause="the target has none")
    return unit_secret(keys.master, chip_id)


def _scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    if not isinstance(key.curve, ec.SECP256R1):
        raise KeyInvalid(f"a unit takes keys on P-256, not {key.curve.name}")
    return key.private_numbers().private_value.to_bytes(_COORDINATE_BYTES, "big")


def _point(key: object) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyInvalid(
            "the root's key is not on P-256", cause="the key folder was made for another profile"
        )
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _rsa(key: object) -> RsaRoot:
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 2048:
        raise KeyInvalid(
            "the root's key is not RSA-2048", cause="the key folder was made for another profile"
        )
    numbers = key.public_numbers()
    return RsaRoot(numbers.n.to_bytes(256, "big"), numbers.e)
