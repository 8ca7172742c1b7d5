"""NV indices: define, write, read, lock, remove."""

from __future__ import annotations

import contextlib
import struct
from typing import Any, Final

from tpm2_pytss.types import TPM2B_NV_PUBLIC, TPMS_NV_PUBLIC

from workbench.wires.tpm.connection import AUTH, AUTH_IN, AUTH_OUT, EXTRA_OUT
from workbench.wires.tpm.errors import TpmAnswerInvalid, TpmRefused, TpmValueInvalid
from workbench.wires.tpm.state import StateCommands
from workbench.wires.tpm.values import ALG_SHA256, Hierarchy, Nv, NvPublic

NV_AREA: Final = 14
"""Bytes of a TPMS_NV_PUBLIC without its policy."""
LIBRARY_BUFFER: Final = 2048
"""Largest piece that the library's TPM2B_MAX_NV_BUFFER holds."""


class NvCommands(StateCommands):
    """NV storage.  `auth` of a command is the hierarchy that authorizes it, None the index itself."""

    @property
    def nv_piece(self) -> int:
        """Largest piece of one `nv_write`, bytes."""
        if self._nv_buffer_max is None:
            self.properties()
        if not self._nv_buffer_max:
            raise TpmAnswerInvalid("the TPM says that it reads and writes no bytes at once")
        return min(self._nv_buffer_max, LIBRARY_BUFFER)

    def nv_public(self, index: int) -> NvPublic | None:
        """NV_ReadPublic; None where the index is not defined (or its hierarchy is switched off).

        In a salted session the command's HMAC covers the Name of the index: it is refused where the index is
        not as it was when this connection met it, and then met anew.
        """
        if self.is_secure and index in self._indices:
            with contextlib.suppress(TpmRefused):
                return self._read_area(index)
        self._indices.pop(index, None)
        if not self._exists(self._index, index):
            return None
        return self._read_area(index)

    def _read_area(self, index: int) -> NvPublic:
        tr, area = self._indices[index], self._wire.names.area(index)
        if not self.is_secure and area is not None:  # it was read this moment
            return read_area(area, self._wire.names.of(index))
        public, name = self._call(
            "NV_ReadPublic", lambda session: self._esapi.nv_read_public(tr, session1=session), EXTRA_OUT
        )
        return read_area(public.nvPublic.marshal(), bytes(name))

    def nv_read(self, index: int, *, auth: Hierarchy | None = None, by_index: bool = False) -> bytes:
        """NV_Read of all of an index, in pieces.  Without `auth` and `by_index` by whom its attributes allow.

        Raises TpmRefused: 0x18B not defined, 0x14A not written yet.
        """
        tr = self._index(index)
        area = self._wire.names.area(index)
        if area is None:
            area = self._call("NV_ReadPublic", lambda _: self._esapi.nv_read_public(tr))[0].nvPublic.marshal()
        public = read_area(area)
        if auth is None and not by_index:
            auth = reader(public.attributes)
        data, size = b"", public.size
        while len(data) < size:
            data += self._read_piece(tr, auth, min(self.nv_piece, size - len(data)), len(data))
        return data

    def _read_piece(self, tr: Any, auth: Hierarchy | None, size: int, offset: int) -> bytes:
        by = tr if auth is None else self._hierarchy(auth)
        piece = self._call(
            "NV_Read",
            lambda session: self._esapi.nv_read(tr, size, offset, by, session1=session),
            AUTH_OUT,
        )
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

        def define(session: Any) -> Any:
            area = TPMS_NV_PUBLIC(
                nvIndex=index, nameAlg=name_alg, attributes=attributes, authPolicy=auth_policy, dataSize=size
            )
            public = TPM2B_NV_PUBLIC(nvPublic=area)
            return self._esapi.nv_define_space(b"", public, self._hierarchy(hierarchy), session1=session)

        self._indices[index] = self._call("NV_DefineSpace", define, AUTH_IN)

    def nv_write(self, index: int, data: bytes, offset: int = 0, *, auth: Hierarchy | None) -> None:
        """NV_Write of one piece of at most `nv_piece` bytes."""
        if len(data) > self.nv_piece:
            raise TpmValueInvalid(f"{len(data)} bytes do not fit into one NV_Write of {self.nv_piece}")
        tr = self._index(index)
        by = tr if auth is None else self._hierarchy(auth)
        self._call(
            "NV_Write",
            lambda session: self._esapi.nv_write(tr, data, offset, by, session1=session),
            AUTH_IN,
        )

    def nv_write_lock(self, index: int, *, auth: Hierarchy | None) -> None:
        """NV_WriteLock."""
        tr = self._index(index)
        by = tr if auth is None else self._hierarchy(auth)
        self._call("NV_WriteLock", lambda session: self._esapi.nv_write_lock(tr, by, session1=session), AUTH)

    def nv_undefine(self, index: int, hierarchy: Hierarchy) -> None:
        """NV_UndefineSpace."""
        tr = self._index(index)
        self._call(
            "NV_UndefineSpace",
            lambda session: self._esapi.nv_undefine_space(tr, self._hierarchy(hierarchy), session1=session),
            AUTH,
        )
        self._indices.pop(index, None)


def read_area(area: bytes, name: bytes = b"") -> NvPublic:
    """TPMS_NV_PUBLIC: index, nameAlg, attributes, authPolicy, dataSize.  Raises TpmAnswerInvalid."""
    size = int.from_bytes(area[10:12], "big")
    if len(area) != NV_AREA + size:
        raise TpmAnswerInvalid(f"the public area of an NV index has {len(area)} bytes")
    index, name_alg, attributes = struct.unpack_from(">IHI", area)
    return NvPublic(
        index=index,
        name_alg=name_alg,
        attributes=attributes,
        auth_policy=area[12 : 12 + size],
        size=int.from_bytes(area[-2:], "big"),
        name=name,
    )


def reader(attributes: int) -> Hierarchy | None:
    """Who may read an index with these attributes: None is the index itself with its empty authorization,
    taken only where a wrong one would not count as an attack.
    """
    if attributes & Nv.AUTHREAD and attributes & Nv.NO_DA:
        return None
    return Hierarchy.OWNER if attributes & Nv.OWNERREAD else Hierarchy.PLATFORM
