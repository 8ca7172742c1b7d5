"""The files that a recipe names, and their hashes.

No secret is hashed: a hash of a short passphrase would give it away, and a record must not tell it.  Of a key
folder and of a CA's folder the public parts count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from workbench.station.recipes.recipe import IdentityOrders, ReleaseSource, Security

MAX_FILE_BYTES: Final = 256 << 20
_BUILT: Final = ("boot.hex", "app.bin")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that counts for what a unit becomes.  `sha256` is None where it cannot be read.

    `role`: what it is for; the same in every copy of the recipe.
    """

    role: str
    path: Path
    sha256: str | None


def read_named(
    release: ReleaseSource | None, security: Security | None, identity: IdentityOrders | None
) -> tuple[NamedFile, ...]:
    """All files of a recipe but its own, in a fixed order.  Raises nothing."""
    named = [*_of_release(release, security), *_of_security(security), *_of_identity(identity)]
    return tuple(NamedFile(role, path, _sha256(path)) for role, path in named)


def _of_release(release: ReleaseSource | None, security: Security | None) -> Iterator[tuple[str, Path]]:
    if release is None:
        return
    for role, path in (("release.firmware", release.firmware), ("release.image", release.image)):
        if path is not None:
            yield role, path
    if release.folder is None:
        return
    profile = None if security is None else str(getattr(security.profile, "stem", security.profile))
    places = [release.folder]
    if profile is not None:
        places += sorted((release.folder / "secure").glob(f"*/{profile}"))
    for place in places:
        for name in _BUILT:
            if (place / name).is_file() or (place is release.folder and len(places) == 1):
                yield f"release.folder/{(place / name).relative_to(release.folder)}", place / name


def _of_security(security: Security | None) -> Iterator[tuple[str, Path]]:
    if security is None:
        return
    if isinstance(security.profile, Path):
        yield "security.profile", security.profile
    if security.keys is not None:
        for path in _public(security.keys, "*.pub.pem", "*.cert.pem", "*.chain.pem"):
            yield f"security.keys/{path.name}", path


def _of_identity(identity: IdentityOrders | None) -> Iterator[tuple[str, Path]]:
    if identity is None:
        return
    for path in _public(identity.ca, "*.cert.pem", "*.crt", "*chain*.pem", "root.pem", "issuing.pem"):
        yield f"identity.ca/{path.name}", path
    for role, named in (("vendor_roots", identity.vendor_roots), ("escrow_key", identity.escrow_key)):
        if named is not None:
            yield f"identity.{role}", named


def _public(folder: Path, *patterns: str) -> list[Path]:
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return sorted(found)


def _sha256(path: Path) -> str | None:
    digest, left = hashlib.sha256(), MAX_FILE_BYTES
    try:
        with path.open("rb") as file:
            while chunk := file.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    return None
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
