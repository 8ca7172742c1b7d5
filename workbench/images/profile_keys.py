"""Which keys a profile needs.  Pure."""

from __future__ import annotations

from typing import Final

from workbench.images.keys import Kind
from workbench.images.profile import Profile

_ENCRYPTION: Final[dict[str, Kind]] = {
    "ecies-p256": "encryption",
    "ecies-x25519": "encryption-x25519",
    "rsa-oaep-2048": "encryption-rsa-2048",
}
_SECRET: Final[dict[str, Kind]] = {"fleet": "kek", "unit": "master"}


def kinds_for(profile: Profile) -> list[Kind]:
    """Kinds of keys to make for the profile, for `keys.create`."""
    kinds: list[Kind] = [] if profile.signer is None else [profile.signer]
    if profile.encryption.method in _ENCRYPTION:
        kinds.append(_ENCRYPTION[profile.encryption.method])
    if profile.keys.symmetric in _SECRET:
        kinds.append(_SECRET[profile.keys.symmetric])
    return kinds
