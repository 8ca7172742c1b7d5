"""One connection to a TPM: commands, sessions and handles.  What the commands are is in the modules beside.

Everything that tpm2-pytss raises is turned into this room's errors here.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

os.environ.setdefault("TSS2_LOG", "all+none")  # tpm2-tss reads it once, and would write to standard error

from tpm2_pytss import ESAPI, TSS2_Exception
from tpm2_pytss.constants import ESYS_TR, TPM2_ALG, TPM2_SE, TPMA_SESSION

from workbench.errors import WorkbenchError
from workbench.wires.tpm.errors import (
    RC_HANDLE,
    RC_LOCKOUT,
    RC_NV_LOCKED,
    TpmAnswerForged,
    TpmAnswerInvalid,
    TpmLockout,
    TpmRefused,
    TpmValueInvalid,
)
from workbench.wires.tpm.names import HASHES
from workbench.wires.tpm.pytcti import Wire
from workbench.wires.tpm.salt import close_salt
from workbench.wires.tpm.session import NONCE_BYTES, Use, start_command, started
from workbench.wires.tpm.values import First, Hierarchy, Spent
from workbench.wires.tpm.worker import Worker

LAYER: Final = 0xFF0000
"""Which layer of the stack a response code comes from; 0 is the TPM itself."""
RESOURCE_MANAGER: Final = 0x0B0000
"""The kernel's resource manager answers for the TPM."""
RSP_AUTH_FAILED: Final = 0x001B
"""TSS2_BASE_RC_RSP_AUTH_FAILED: the answer's HMAC is wrong."""
TRY_AGAIN: Final = frozenset({0x908, 0x90A, 0x922})
"""TPM_RC_YIELDED, TPM_RC_TESTING, TPM_RC_RETRY; the library sends its own commands again for these."""
AGAIN: Final = 20
AS_IT_WAS: Final = frozenset({RC_NV_LOCKED, 0x149, 0x120, 0x185})
"""Refusals of an act, after which what is known of indices still holds: TPM_RC_NV_LOCKED,
NV_AUTHORIZATION, DISABLED, HIERARCHY of the first handle."""
AUTH: Final = Use(authorizes=True)
"""Ways in which commands use the session: a password's place, with parameters encrypted each way or one."""
AUTH_IN: Final = Use(authorizes=True, decrypt=True)
AUTH_OUT: Final = Use(authorizes=True, encrypt=True)
AUTH_BOTH: Final = Use(authorizes=True, decrypt=True, encrypt=True)
EXTRA_OUT: Final = Use(encrypt=True)
"""The same for commands that need no authorization, or have one."""
EXTRA_BOTH: Final = Use(decrypt=True, encrypt=True)
EXTRA_AUDIT: Final = Use(audit=True)

T = TypeVar("T")


class Connection:
    """A TPM with the sessions and objects that this connection put into it."""

    def __init__(
        self, esapi: ESAPI, wire: Wire, check: Callable[[], None] | None, *, library_sessions: bool = False
    ) -> None:
        self._esapi = esapi
        self._wire = wire
        self._check = check
        self._objects: dict[int, Any] = {}
        """ESYS_TR of objects by the TPM's handle."""
        self._indices: dict[int, Any] = {}
        self._sessions: list[Any] = []
        """Sessions of this connection that the library knows, which are flushed when it ends."""
        self._library_sessions = library_sessions
        self._salted: Any = None
        """The library's own salted session, where that is wanted instead of ours."""
        self._publics: dict[int, bytes] = {}
        """TPMT_PUBLIC of primary objects that this connection made."""
        self._worker = Worker()

    @property
    def spent(self) -> Spent:
        """What went over the wire so far."""
        return self._wire.spent()

    @property
    def is_secure(self) -> bool:
        """Whether commands go through a salted session with encrypted parameters."""
        return self._salted is not None or self._wire.session is not None

    # -- commands

    def _call(self, command: str, act: Callable[[Any], T], use: Use | None = None) -> T:
        """Send one command.  `act` gets the session of the library that authorizes it, or comes with it.

        Raises TpmRefused, TpmLockout, TpmUnreachable, TpmAnswerInvalid, TpmAnswerForged, TpmValueInvalid,
        and what `check` raises.
        """
        if self._check is not None:
            self._check()
        session = ESYS_TR.NONE
        if use is not None:
            session = self._library_session(use)
        if self._wire.session is not None:
            self._wire.use = use
        try:
            return self._send(command, lambda: act(session))
        finally:
            self._wire.use = None

    def _library_session(self, use: Use) -> Any:
        """What the library is told: its own salted session; else a password or nothing, which stands in
        the place of our session until the command is on its way.
        """
        if self._salted is None:
            return ESYS_TR.PASSWORD if use.authorizes else ESYS_TR.NONE
        self._esapi.trsess_set_attributes(self._salted, TPMA_SESSION(use.attributes))
        return self._salted

    def _send(self, command: str, act: Callable[[], T]) -> T:
        self._wire.need()
        before = self._wire.sent
        try:
            return self._worker.run(act)
        except TSS2_Exception as error:
            refusal = self._wire.take_refusal()
            self._wire.need()
            if self._wire.last_rc not in AS_IT_WAS:
                self._indices.clear()
                self._wire.names.forget_indices()
            if refusal is not None:
                raise refusal from error
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
        public = self._public(key)
        found = (
            public[2:4]
            + hashlib.new(HASHES.get(int.from_bytes(public[2:4], "big"), "sha256"), public).digest()
        )
        if found != name:
            raise TpmAnswerForged(f"the Name of key {key:#x} is {found.hex()}, not {name.hex()} as verified")
        self.unsecure()
        if self._library_sessions:
            self._salted = self._session(TPM2_SE.HMAC, TPM2_ALG.SHA256, salt=self._object(key))
        else:
            self._start(key, public)

    def _start(self, key: int, public: bytes) -> None:
        try:
            salt, closed = close_salt(public)
        except ValueError as error:
            raise TpmValueInvalid(f"key {key:#x} takes no salt: {error}") from error
        nonce = secrets.token_bytes(NONCE_BYTES)
        answer = self._exchange("StartAuthSession", start_command(key, nonce, closed))
        try:
            self._wire.session = started(answer, salt, nonce)
        except ValueError as error:
            raise TpmAnswerInvalid(f"StartAuthSession: {error}") from error

    def _public(self, key: int) -> bytes:
        """TPMT_PUBLIC of an object, whose Name the caller compares."""
        if key not in self._publics:
            tr = self._object(key)
            area, _, _ = self._call("ReadPublic", lambda _: self._esapi.read_public(tr))
            self._publics[key] = area.publicArea.marshal()
        return self._publics[key]

    def _exchange(self, command: str, raw: bytes) -> bytes:
        """A command past the library; its answer.  Raises as `_call`."""
        for _ in range(AGAIN):
            answer = self._call(command, lambda _: self._wire.exchange(raw))
            if self._wire.last_rc not in TRY_AGAIN:
                break
        if self._wire.last_rc:
            raise _said(self._wire.last_rc, command, "")
        return answer

    def unsecure(self) -> None:
        """Ends the salted session, if there is one."""
        theirs, self._salted = self._salted, None
        if theirs is not None:
            self._flush_session(theirs)
        ours, self._wire.session = self._wire.session, None
        if ours is not None:
            ours.end()
            with contextlib.suppress(WorkbenchError):
                self._send("FlushContext", lambda: self._wire.flush(ours.handle))

    def _session(self, kind: Any, hash_alg: int, salt: Any = ESYS_TR.NONE) -> Any:
        cipher = "aes128cfb" if kind == TPM2_SE.HMAC else None
        session = self._call(
            "StartAuthSession",
            lambda _: self._esapi.start_auth_session(
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
        return self._call(command, lambda _: self._esapi.tr_from_tpmpublic(handle))

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
        self._call("FlushContext", lambda _: self._esapi.flush_context(self._object(handle)))
        self._objects.pop(handle, None)
        self._publics.pop(handle, None)

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
        self.unsecure()
        for session in list(self._sessions):
            self._flush_session(session)
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
