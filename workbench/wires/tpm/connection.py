"""One connection to a TPM: commands, sessions and handles.  What the commands are is in the modules beside.

Everything that tpm2-pytss raises is turned into this room's errors here.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

os.environ.setdefault("TSS2_LOG", "all+none")  # tpm2-tss reads it once, and would write to standard error

from tpm2_pytss import ESAPI, TSS2_Exception
from tpm2_pytss.constants import ESYS_TR, TPM2_ALG, TPM2_SE, TPMA_SESSION

from workbench.errors import WorkbenchError
from workbench.wires.tpm.errors import (
    RC_HANDLE,
    RC_LOCKOUT,
    TpmAnswerForged,
    TpmAnswerInvalid,
    TpmLockout,
    TpmRefused,
    TpmValueInvalid,
)
from workbench.wires.tpm.pytcti import Wire
from workbench.wires.tpm.values import First, Hierarchy, Spent
from workbench.wires.tpm.worker import Worker

LAYER: Final = 0xFF0000
"""Which layer of the stack a response code comes from; 0 is the TPM itself."""
RESOURCE_MANAGER: Final = 0x0B0000
"""The kernel's resource manager answers for the TPM."""
RSP_AUTH_FAILED: Final = 0x001B
"""TSS2_BASE_RC_RSP_AUTH_FAILED: the answer's HMAC is wrong."""

T = TypeVar("T")


class Connection:
    """A TPM with the sessions and objects that this connection put into it."""

    def __init__(self, esapi: ESAPI, wire: Wire, check: Callable[[], None] | None) -> None:
        self._esapi = esapi
        self._wire = wire
        self._check = check
        self._objects: dict[int, Any] = {}
        """ESYS_TR of objects by the TPM's handle."""
        self._indices: dict[int, Any] = {}
        self._sessions: list[Any] = []
        """Sessions of this connection, which are flushed when it ends."""
        self._salted: Any = None
        self._worker = Worker()

    @property
    def spent(self) -> Spent:
        """What went over the wire so far."""
        return self._wire.spent()

    @property
    def is_secure(self) -> bool:
        """Whether commands go through a salted session with encrypted parameters."""
        return self._salted is not None

    # -- commands

    def _call(self, command: str, act: Callable[[], T]) -> T:
        """Send one command.  Raises TpmRefused, TpmLockout, TpmUnreachable, TpmAnswerInvalid,
        TpmAnswerForged, TpmValueInvalid, and what `check` raises.
        """
        if self._check is not None:
            self._check()
        return self._send(command, act)

    def _send(self, command: str, act: Callable[[], T]) -> T:
        self._wire.need()
        before = self._wire.sent
        try:
            return self._worker.run(act)
        except TSS2_Exception as error:
            self._wire.need()
            self._indices.clear()
            if self._wire.sent == before:
                raise TpmValueInvalid(f"{command} cannot be sent: {error}") from error
            said = _said(int(error.rc), command, str(error))
            if isinstance(said, TpmAnswerInvalid | TpmAnswerForged):
                self._wire.fail(said)  # the library does not go on after such an answer
            raise said from error
        except (IndexError, OverflowError, ValueError) as error:  # of the library, which knows the limits
            raise TpmValueInvalid(f"{command} cannot be sent: {error}") from error

    def attempt(self, act: Callable[[], object]) -> int:
        """Tries something that is meant to fail: the TPM's response code, 0 when it was done.

        Raises what is no answer of the TPM: TpmUnreachable and the like.
        """
        try:
            act()
        except TpmRefused as refused:
            return refused.rc
        return 0

    def _structure(self, kind: Any, data: bytes, what: str) -> Any:
        """A structure of the library from marshalled bytes.  Raises TpmValueInvalid."""
        try:
            value, used = kind.unmarshal(data)
        except (TSS2_Exception, TypeError, ValueError) as error:
            raise TpmValueInvalid(f"{what}: {len(data)} bytes are no {kind.__name__}: {error}") from error
        if used != len(data):
            raise TpmValueInvalid(f"{what}: {len(data) - used} bytes follow the {kind.__name__}")
        return value

    # -- sessions

    def secure(self, key: int, name: bytes) -> None:
        """From now on every command that can goes through an HMAC session salted with the key `key` (an EK),
        with AES-128-CFB over its first parameter each way.

        `name` is the key's Name as the caller verified it; raises TpmAnswerForged if the TPM's differs.
        """
        salt = self._object(key)
        found = bytes(self._esapi.tr_get_name(salt))
        if found != name:
            raise TpmAnswerForged(f"the Name of key {key:#x} is {found.hex()}, not {name.hex()} as verified")
        self.unsecure()
        self._salted = self._session(TPM2_SE.HMAC, TPM2_ALG.SHA256, salt=salt)

    def unsecure(self) -> None:
        """Ends the salted session, if there is one."""
        session, self._salted = self._salted, None
        if session is not None:
            self._flush_session(session)

    def _session(self, kind: Any, hash_alg: int, salt: Any = ESYS_TR.NONE) -> Any:
        cipher = "aes128cfb" if kind == TPM2_SE.HMAC else None
        session = self._call(
            "StartAuthSession",
            lambda: self._esapi.start_auth_session(
                salt, ESYS_TR.NONE, kind, cipher, TPM2_ALG(hash_alg), session1=ESYS_TR.NONE
            ),
        )
        self._sessions.append(session)
        return session

    def _flush_session(self, session: Any) -> None:
        """Also after errors, and when somebody asked to stop."""
        self._sessions.remove(session)
        with contextlib.suppress(WorkbenchError):
            self._send("FlushContext", lambda: self._esapi.flush_context(session))

    def _auth(self, *, decrypt: bool = False, encrypt: bool = False) -> Any:
        """The session that authorizes: the salted one, else a password."""
        return ESYS_TR.PASSWORD if self._salted is None else self._extra(decrypt=decrypt, encrypt=encrypt)

    def _extra(self, *, decrypt: bool = False, encrypt: bool = False, audit: bool = False) -> Any:
        """The salted session for a command that needs no authorization, or has one; NONE without it.

        `decrypt`: the command's first parameter is a TPM2B; `encrypt`: its answer's; `audit`: neither is, and
        the session is there for the answer's HMAC.
        """
        if self._salted is None:
            return ESYS_TR.NONE
        attributes = TPMA_SESSION.CONTINUESESSION
        attributes |= TPMA_SESSION.DECRYPT if decrypt else 0
        attributes |= TPMA_SESSION.ENCRYPT if encrypt else 0
        attributes |= TPMA_SESSION.AUDIT if audit else 0
        self._esapi.trsess_set_attributes(self._salted, TPMA_SESSION(attributes))
        return self._salted

    # -- handles

    def _hierarchy(self, hierarchy: Hierarchy) -> Any:
        return ESYS_TR(0x100 | hierarchy & 0xFF)

    def _object(self, handle: int) -> Any:
        """ESYS_TR of a transient object of this connection, a persistent object or a hierarchy."""
        if handle >> 24 == Hierarchy.OWNER >> 24:
            return self._hierarchy(Hierarchy(handle))
        if handle not in self._objects:
            self._objects[handle] = self._from_tpm("ReadPublic", handle)
        return self._objects[handle]

    def _index(self, index: int) -> Any:
        """ESYS_TR of an NV index."""
        if index not in self._indices:
            self._indices[index] = self._from_tpm("NV_ReadPublic", index)
        return self._indices[index]

    def _from_tpm(self, command: str, handle: int) -> Any:
        return self._call(command, lambda: self._esapi.tr_from_tpmpublic(handle))

    def _exists(self, find: Callable[[int], Any], handle: int) -> bool:
        try:
            find(handle)
        except TpmRefused as refused:
            if refused.rc == RC_HANDLE:
                return False
            raise
        return True

    def _adopt(self, tr: Any) -> int:
        """Remembers a transient object that was just made; its handle."""
        handle = int(self._esapi.tr_get_tpm_handle(tr))
        self._objects[handle] = tr
        return handle

    def flush(self, handle: int) -> None:
        """Removes a transient object from the TPM."""
        self._call("FlushContext", lambda: self._esapi.flush_context(self._object(handle)))
        self._objects.pop(handle, None)

    def tidy(self) -> int:
        """Removes objects and sessions that an earlier user left behind; how many there were.

        Behind a resource manager, such as /dev/tpmrm0, there are never any.
        """
        kinds = (First.TRANSIENT, First.LOADED_SESSION, First.SAVED_SESSION)
        left = [handle for first in kinds for handle in self._handles(first)]
        for handle in left:
            self._worker.run(functools.partial(self._wire.flush, handle))
        return len(left)

    def _handles(self, first: int) -> tuple[int, ...]:
        raise NotImplementedError

    def close(self, *, thoroughly: bool = False) -> None:
        """Flushes what this connection put into the TPM and ends it.  Never raises.

        `thoroughly` also looks for what nobody remembers, after an interruption.
        """
        self._check = None
        for session in list(self._sessions):
            self._flush_session(session)
        self._salted = None
        for handle in [h for h in self._objects if h >> 24 == First.TRANSIENT >> 24]:
            with contextlib.suppress(WorkbenchError):
                self.flush(handle)
        if thoroughly:
            with contextlib.suppress(WorkbenchError):
                self.tidy()
        with contextlib.suppress(TSS2_Exception):
            self._esapi.close()
        self._wire.close()
        self._worker.end()

    @contextlib.contextmanager
    def _session_for(self, kind: Any, hash_alg: int) -> Iterator[Any]:
        session = self._session(kind, hash_alg)
        try:
            yield session
        finally:
            self._flush_session(session)


def _said(rc: int, command: str, words: str) -> TpmRefused | TpmAnswerInvalid | TpmAnswerForged:
    if rc & LAYER in (0, RESOURCE_MANAGER):
        code = rc & 0xFFFF
        return (TpmLockout if code == RC_LOCKOUT else TpmRefused)(code, command, words)
    if rc & 0xFFFF == RSP_AUTH_FAILED:
        return TpmAnswerForged(f"the answer to {command} carries a wrong HMAC")
    return TpmAnswerInvalid(f"{command}: {words} (0x{rc:x})")
