"""NV indices: define, write, read, lock, remove."""

from __future__ import annotations

from typing import Any, Final

from tpm2_pytss.types import TPM2B_NV_PUBLIC, TPMS_NV_PUBLIC

from workbench.wires.tpm.errors import TpmValueInvalid
from workbench.wires.tpm.state import StateCommands
from workbench.wires.tpm.values import ALG_SHA256, Hierarchy, Nv, NvPublic

LIBRARY_BUFFER: Final = 2048
"""Largest piece that the library's TPM2B_MAX_NV_BUFFER holds."""


class NvCommands(StateCommands):
    """NV storage.  `auth` of a command is the hierarchy that authorizes it, None the index itself."""

    _piece: int | None = None

    @property
    def nv_piece(self) -> int:
        """Largest piece of one `nv_write`, bytes."""
        if self._piece is None:
            self._piece = min(self.properties().nv_buffer_max, LIBRARY_BUFFER)
        return self._piece

    def nv_public(self, index: int) -> NvPublic | None:
        """NV_ReadPublic; None where the index is not defined (or its hierarchy is switched off)."""
        self._indices.pop(index, None)
        if not self._exists(self._index, index):
            return None
        tr, session = self._index(index), self._extra(encrypt=True)
        public, name = self._call("NV_ReadPublic", lambda: self._esapi.nv_read_public(tr, session1=session))
        area = public.nvPublic
        return NvPublic(
            index=int(area.nvIndex),
            name_alg=int(area.nameAlg),
            attributes=int(area.attributes),
            auth_policy=bytes(area.authPolicy),
            size=int(area.dataSize),
            name=bytes(name),
        )

    def nv_read(self, index: int, *, auth: Hierarchy | None = None, by_index: bool = False) -> bytes:
        """NV_Read of all of an index, in pieces.  Without `auth` and `by_index` by whom its attributes allow.

        Raises TpmRefused: 0x18B not defined, 0x14A not written yet.
        """
        tr = self._index(index)
        public = self._call("NV_ReadPublic", lambda: self._esapi.nv_read_public(tr))[0].nvPublic
        if auth is None and not by_index:
            auth = reader(int(public.attributes))
        data, size = b"", int(public.dataSize)
        while len(data) < size:
            data += self._read_piece(tr, auth, min(self.nv_piece, size - len(data)), len(data))
        return data

    def _read_piece(self, tr: Any, auth: Hierarchy | None, size: int, offset: int) -> bytes:
        by = tr if auth is None else self._hierarchy(auth)
        session = self._auth(encrypt=True)
        piece = self._call("NV_Read", lambda: self._esapi.nv_read(tr, size, offset, by, session1=session))
        return bytes(piece)

    def nv_define(
        self,
        index: int,
        size: int,
        attributes: int,
        *,
        hierarchy: Hierarchy,
        auth_policy: bytes = b"",
        name_alg: int = ALG_SHA256,
    ) -> None:
        """NV_DefineSpace with an empty authorization value."""
        session = self._auth(decrypt=True)

        def define() -> Any:
            area = TPMS_NV_PUBLIC(
                nvIndex=index, nameAlg=name_alg, attributes=attributes, authPolicy=auth_policy, dataSize=size
            )
            public = TPM2B_NV_PUBLIC(nvPublic=area)
            return self._esapi.nv_define_space(b"", public, self._hierarchy(hierarchy), session1=session)

        self._indices[index] = self._call("NV_DefineSpace", define)

    def nv_write(self, index: int, data: bytes, offset: int = 0, *, auth: Hierarchy | None) -> None:
        """NV_Write of one piece of at most `nv_piece` bytes."""
        if len(data) > self.nv_piece:
            raise TpmValueInvalid(f"{len(data)} bytes do not fit into one NV_Write of {self.nv_piece}")
        tr, session = self._index(index), self._auth(decrypt=True)
        by = tr if auth is None else self._hierarchy(auth)
        self._call("NV_Write", lambda: self._esapi.nv_write(tr, data, offset, by, session1=session))

    def nv_write_lock(self, index: int, *, auth: Hierarchy | None) -> None:
        """NV_WriteLock."""
        tr, session = self._index(index), self._auth()
        by = tr if auth is None else self._hierarchy(auth)
        self._call("NV_WriteLock", lambda: self._esapi.nv_write_lock(tr, by, session1=session))

    def nv_undefine(self, index: int, hierarchy: Hierarchy) -> None:
        """NV_UndefineSpace."""
        tr, session = self._index(index), self._auth()
        self._call(
            "NV_UndefineSpace",
            lambda: self._esapi.nv_undefine_space(tr, self._hierarchy(hierarchy), session1=session),
        )
        self._indices.pop(index, None)


def reader(attributes: int) -> Hierarchy | None:
    """Who may read an index with these attributes: None is the index itself with its empty authorization,
    taken only where a wrong one would not count as an attack.
    """
    if attributes & Nv.AUTHREAD and attributes & Nv.NO_DA:
        return None
    return Hierarchy.OWNER if attributes & Nv.OWNERREAD else Hierarchy.PLATFORM
