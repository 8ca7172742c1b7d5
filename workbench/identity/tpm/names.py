"""Names of TPM objects and NV indices, and qualified Names (TPM 2.0 Library, Part 1, 16 and 26.5)."""

from __future__ import annotations

import hashlib
from enum import IntEnum
from typing import Final

from workbench.identity.tpm.errors import TpmStructureMalformed
from workbench.identity.tpm.structures import Alg, PublicArea, build_public
from workbench.identity.tpm.wire import tpm2b, u16, u32


class Hierarchy(IntEnum):
    """Permanent handles of the hierarchies; such an entity's Name is its handle."""

    OWNER = 0x40000001
    NULL = 0x40000007
    ENDORSEMENT = 0x4000000B
    PLATFORM = 0x4000000C

    @property
    def entity_name(self) -> bytes:
        """Its Name: the handle, 4 bytes."""
        return u32(self)


HASHES: Final[dict[int, str]] = {
    Alg.SHA1: "sha1",
    Alg.SHA256: "sha256",
    Alg.SHA384: "sha384",
    Alg.SHA512: "sha512",
}
"""What hashlib calls the hash of a TPM_ALG_ID."""


def digest(alg: int, data: bytes) -> bytes:
    """The hash that `alg` names, over `data`; raises TpmStructureMalformed for a hash that is not known
    here.
    """
    try:
        return hashlib.new(HASHES[alg], data).digest()
    except KeyError:
        raise TpmStructureMalformed(f"{alg:#06x} is no hash that is known here") from None


def digest_size(alg: int) -> int:
    """Size of a digest in bytes; raises TpmStructureMalformed."""
    return len(digest(alg, b""))


def name_of(public: PublicArea | bytes, name_alg: int | None = None) -> bytes:
    """Name of an object: nameAlg ‖ H(TPMT_PUBLIC).

    `public` as bytes needs `name_alg`; it is then not looked into.  Raises TpmStructureMalformed.
    """
    if isinstance(public, PublicArea):
        name_alg, raw = public.name_alg, build_public(public)
    else:
        raw = public
    if name_alg is None:
        raise ValueError("bytes do not say their nameAlg here")
    return u16(name_alg) + digest(name_alg, raw)


def qualified_name(name: bytes, parent: bytes = Hierarchy.ENDORSEMENT.entity_name) -> bytes:
    """Qualified Name of an object: nameAlg ‖ H(parent's qualified Name ‖ Name).

    For a primary key the parent's is the handle of its hierarchy.  Raises TpmStructureMalformed.
    """
    name_alg = int.from_bytes(name[:2], "big")
    return name[:2] + digest(name_alg, parent + name)


def nv_name(index: int, name_alg: int, attributes: int, auth_policy: bytes, data_size: int) -> bytes:
    """Name of an NV index: nameAlg ‖ H(TPMS_NV_PUBLIC).  Raises TpmStructureMalformed."""
    public = u32(index) + u16(name_alg) + u32(attributes) + tpm2b(auth_policy) + u16(data_size)
    return u16(name_alg) + digest(name_alg, public)
