"""Phase 4a: a certificate into its NV index, read back, compared, and then its write lock as the commit
mark.

WRITTEN marks nothing: after a power cut an index may be written by half.  Only an index with its write
lock counts; one without is removed and made again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.identity.tpm_enroll.errors import TpmCertificateDiffers
from workbench.wires.tpm.values import ALG_SHA256, Hierarchy, Nv

if TYPE_CHECKING:
    from workbench.identity.tpm_enroll.recipe import Place
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import NvPublic

_READERS: Final = Nv.PPREAD | Nv.OWNERREAD | Nv.AUTHREAD | Nv.NO_DA | Nv.WRITEDEFINE
ATTRIBUTES: Final[dict[str, int]] = {
    "platform": Nv.PLATFORMCREATE | Nv.PPWRITE | _READERS,
    "owner": Nv.OWNERWRITE | _READERS,
}
"""TPMA_NV of a certificate index, by who makes it.  WRITEDEFINE: the write lock stays for ever."""
HIERARCHIES: Final = {"platform": Hierarchy.PLATFORM, "owner": Hierarchy.OWNER}


@dataclass(frozen=True, slots=True)
class Stored:
    """A certificate index as it was observed.  `name` is the index's Name, hex, which covers its
    attributes.
    """

    index: int
    bytes: int
    sha256: str
    attributes: int
    name: str
    locked: bool

    def as_json(self) -> dict[str, Any]:
        """For the ledger and events."""
        return {
            "index": self.index,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "attributes": self.attributes,
            "name": self.name,
            "locked": self.locked,
        }


def store(tpm: Tpm, place: Place, der: bytes, by: str, chunk: int) -> Stored:
    """Brings `der` into the index of `place` and locks it; does nothing where that was done before.

    `by`: "platform" or "owner"; `chunk`: bytes at once, at most TPM_PT_NV_BUFFER_MAX.  Raises
    TpmCertificateDiffers where a locked index holds something else, and what the TPM refuses.
    """
    public = tpm.nv_public(place.index)
    if public is not None and public.has(Nv.WRITELOCKED):
        return verify_stored(tpm, place, der)
    if public is not None:
        tpm.nv_undefine(place.index, hierarchy=_maker(public))
    tpm.nv_define(place.index, len(der), ATTRIBUTES[by], hierarchy=HIERARCHIES[by], name_alg=ALG_SHA256)
    for offset in range(0, len(der), chunk):
        tpm.nv_write(place.index, der[offset : offset + chunk], offset, auth=HIERARCHIES[by])
    _compare(place, tpm.nv_read(place.index), der)
    tpm.nv_write_lock(place.index, auth=HIERARCHIES[by])
    return _observed(place, _locked_public(tpm, place), der)


def verify_stored(tpm: Tpm, place: Place, der: bytes) -> Stored:
    """What the index holds now, which must be `der` behind a write lock.  Raises TpmCertificateDiffers."""
    public = _locked_public(tpm, place)
    found = tpm.nv_read(place.index)
    _compare(place, found, der)
    return _observed(place, public, found)


def _locked_public(tpm: Tpm, place: Place) -> NvPublic:
    public = tpm.nv_public(place.index)
    if public is None:
        raise TpmCertificateDiffers(f"the {place.kind} certificate's index {place.index:#010x} is not there")
    if not public.has(Nv.WRITELOCKED):
        raise TpmCertificateDiffers(f"index {place.index:#010x} has not got its write lock")
    return public


def _observed(place: Place, public: NvPublic, found: bytes) -> Stored:
    digest = hashlib.sha256(found).hexdigest()
    return Stored(place.index, len(found), digest, public.attributes, public.name.hex(), locked=True)


def _compare(place: Place, found: bytes, der: bytes) -> None:
    if hashlib.sha256(found).digest() != hashlib.sha256(der).digest():
        raise TpmCertificateDiffers(
            f"index {place.index:#010x} holds other bytes than the {place.kind} certificate that was issued"
        )


def _maker(public: NvPublic) -> Hierarchy:
    return Hierarchy.PLATFORM if public.has(Nv.PLATFORMCREATE) else Hierarchy.OWNER
