"""The key that a device's challenge answer is held against, from a key folder."""

from __future__ import annotations

import json
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from workbench.errors import WorkbenchError
from workbench.images import files
from workbench.images.derive import challenge_key, unit_secret
from workbench.images.keys import KeyFolder, KeyInvalid, load_public
from workbench.updates.device import Identity
from workbench.updates.verify import ChallengeKey

UNITS: Final = "units"
"""Where provisioning files the units' public keys."""


def challenge_key_for(keys: KeyFolder, identity: Identity, alg: str) -> ChallengeKey | None:
    """The key of this unit, None where the folder has none; raises KeyInvalid, SecretInvalid.

    What kind of key it is follows from the folder and the profile that the unit names, not from its answer
    alone: an answer of another kind than the folder knows is held against the key all the same, and fails.
    """
    public = keys.path / UNITS / f"{identity.chip[::-1].hex()}.pub.pem"
    if public.is_file():
        found = load_public(files.read(public, max_bytes=files.MAX_KEY_FILE_BYTES))
        if not isinstance(found, ec.EllipticCurvePublicKey):
            raise KeyInvalid(f"{public} holds no P-256 key")
        return found
    if alg == "HS256" and keys.has("master.bin") and not _answers_as_fleet(keys, identity):
        return challenge_key(unit_secret(keys.master, identity.chip))
    if alg == "HS256" and keys.has("kek.bin"):
        return challenge_key(keys.kek)
    return None


def _answers_as_fleet(keys: KeyFolder, identity: Identity) -> bool:
    """Whether the unit was provisioned without a secret of its own."""
    path = keys.path / UNITS / f"{identity.chip[::-1].hex()}.json"
    try:
        entry = json.loads(files.read(path, max_bytes=files.MAX_KEY_FILE_BYTES))
    except (WorkbenchError, ValueError):
        return False
    return isinstance(entry, dict) and entry.get("challenge") == "fleet-key"
