"""A salted HMAC session of our own around commands that tpm2-tss made without one.

tpm2-tss 3 makes a new OpenSSL library context for each hash, several for each command in a session
(docs/decisions/sessions-are-computed-here.md).  Layout of the authorization area: TPM 2.0 Library, Part 1,
18 and 19.4; what is hashed: 19.6; the first parameter encrypted: 21.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from workbench.wires.tpm import derivations
from workbench.wires.tpm.errors import TpmAnswerForged
from workbench.wires.tpm.messages import (
    CC_CHANGE_AUTH,
    CC_CLEAR,
    PLAIN,
    Answer,
    Auth,
    Command,
    parse_answer,
    parse_command,
    take_2b,
    with_size,
)
from workbench.wires.tpm.values import Hierarchy

CONTINUE: Final = 0x01
EXCLUSIVE: Final = 0x02
"""auditExclusive: the TPM sets it in an answer where nothing came between two audited commands."""
DECRYPT: Final = 0x20
ENCRYPT: Final = 0x40
AUDIT: Final = 0x80
NONCE_BYTES: Final = 32
POLICY_SESSION: Final = 0x03
"""First byte of a policy session's handle."""
CC_START: Final = 0x176
START_PARAMETERS: Final = struct.pack(">BHHHH", 0, 0x0006, 128, 0x0043, 0x000B)
"""HMAC session, AES, 128 bits, CFB, SHA-256."""
HASH_OF_SIZE: Final = {32: "sha256", 48: "sha384", 64: "sha512"}


@dataclass(frozen=True, slots=True)
class Use:
    """How a command uses the session.

    `authorizes`: the session stands in for the last password of the command; else it comes after whatever
    authorizes.  `decrypt`: the command's first parameter is a TPM2B, which goes encrypted; `encrypt`: its
    answer's; `audit`: neither is, and the session is there for the answer's HMAC.
    """

    authorizes: bool = False
    decrypt: bool = False
    encrypt: bool = False
    audit: bool = False

    @property
    def attributes(self) -> int:
        """TPMA_SESSION."""
        found = CONTINUE | (DECRYPT if self.decrypt else 0) | (ENCRYPT if self.encrypt else 0)
        return found | (AUDIT if self.audit else 0)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A command that waits for its answer."""

    command: Command
    position: int
    nonce: bytes
    auth_value: bytes
    use: Use


class Session:
    """One session, salted with a key that the caller verified; it goes on until `end`."""

    def __init__(self, handle: int, key: bytearray, nonce_tpm: bytes) -> None:
        self.handle = handle
        self._key = key
        self._nonce_tpm = nonce_tpm
        self._sent: _Sent | None = None

    def end(self) -> None:
        """Forgets its key."""
        self._sent = None
        derivations.wipe(self._key)

    def wrap(self, raw: bytes, use: Use, name_of: Callable[[int], bytes]) -> bytes:
        """The command with this session in it.  `name_of` gives the Names of its handles.

        Raises ValueError where the command cannot carry it.
        """
        command = parse_command(raw)
        auths, auth_value = [without_proof(auth) for auth in command.auths], b""
        if use.authorizes:  # the password that the library put there stays here
            if not auths:
                raise ValueError("it has no authorization that the session could stand in for")
            auth_value = auths.pop().hmac.rstrip(b"\0")
        nonce, secret = secrets.token_bytes(NONCE_BYTES), self._key + auth_value
        parameters = command.parameters
        if use.decrypt:
            content, rest = take_2b(parameters)
            closed = derivations.encrypted(secret, content, nonce, self._nonce_tpm)
            parameters = with_size(closed) + rest
        names = b"".join(map(name_of, command.handles))
        digest = derivations.cp_hash(command.code, names, parameters)
        mac = derivations.session_hmac(secret, digest, nonce, self._nonce_tpm, use.attributes)
        derivations.wipe(secret)
        self._sent = _Sent(command, len(auths), nonce, auth_value, use)
        auths.append(Auth(self.handle, nonce, use.attributes, mac))
        return command.build(tuple(auths), parameters)

    def unwrap(self, raw: bytes) -> bytes:
        """The answer as the library awaits it, without this session.  Raises TpmAnswerForged."""
        sent, self._sent = self._sent, None
        if raw[6:10] != bytes(4):
            return raw  # a refusal carries no session, and leaves its nonces as they are
        if sent is None:
            raise TpmAnswerForged("an answer came for no command")
        try:
            answer = parse_answer(raw, sent.command, sessions=sent.position + 1)
            return self._opened(answer, sent)
        except ValueError as error:
            raise TpmAnswerForged(f"an answer carries no proof of the session: {error}") from error

    def _opened(self, answer: Answer, sent: _Sent) -> bytes:
        ours, code = answer.auths[sent.position], sent.command.code
        secret = self._key + _auth_value_after(sent)
        try:
            digest = derivations.rp_hash(code, answer.parameters)
            mac = derivations.session_hmac(secret, digest, ours.nonce, sent.nonce, ours.attributes)
            if not (hmac.compare_digest(mac, ours.hmac) and _fits(ours, sent.use)):
                raise TpmAnswerForged("an answer carries a wrong HMAC")
            self._nonce_tpm = ours.nonce
            parameters = answer.parameters
            if sent.use.encrypt:
                content, rest = take_2b(parameters)
                parameters = with_size(derivations.decrypted(secret, content, ours.nonce, sent.nonce)) + rest
        finally:
            derivations.wipe(secret)
        before = zip(answer.auths[: sent.position], sent.command.auths, strict=False)
        auths = [_as_awaited(theirs, one, code, parameters) for theirs, one in before]
        if sent.use.authorizes:
            auths.append(Auth(0, b"", CONTINUE, b""))
        return answer.build(tuple(auths), parameters)


def start_command(key: int, nonce: bytes, closed_salt: bytes) -> bytes:
    """StartAuthSession with the salt as it was closed up for the key `key`."""
    body = struct.pack(">II", key, Hierarchy.NULL) + with_size(nonce) + with_size(closed_salt)
    body += START_PARAMETERS
    return struct.pack(">HII", PLAIN, 10 + len(body), CC_START) + body


def started(answer: bytes, salt: bytes, nonce: bytes) -> Session:
    """The session of a successful answer to `start_command`.  Raises ValueError."""
    if len(answer) < 14:
        raise ValueError("it names no session")
    nonce_tpm, rest = take_2b(answer[14:])
    if rest or len(nonce_tpm) != NONCE_BYTES:
        raise ValueError("the TPM's nonce has another size")
    key = derivations.kdfa(salt, b"ATH", nonce_tpm, nonce, 256)
    return Session(int.from_bytes(answer[10:14], "big"), key, nonce_tpm)


def without_proof(auth: Auth) -> Auth:
    """A policy session of no secret needs no HMAC (19.6.5); the library's would be over other bytes."""
    return replace(auth, hmac=b"") if auth.session >> 24 == POLICY_SESSION else auth


def _as_awaited(auth: Auth, sent: Auth, code: int, parameters: bytes) -> Auth:
    """A policy session's part of an answer with the HMAC of no secret that the library computes too."""
    name = HASH_OF_SIZE.get(len(sent.hmac))
    if sent.session >> 24 != POLICY_SESSION or name is None:
        return auth
    digest = derivations.rp_hash(code, parameters, name)
    return replace(
        auth, hmac=derivations.session_hmac(b"", digest, auth.nonce, sent.nonce, auth.attributes, name)
    )


def _fits(ours: Auth, use: Use) -> bool:
    """The TPM says of the session what was asked; auditExclusive is its own."""
    allowed = EXCLUSIVE if use.audit else 0
    return ours.attributes & ~allowed == use.attributes and len(ours.nonce) == NONCE_BYTES


def _auth_value_after(sent: _Sent) -> bytes:
    """What the answer's HMAC is made with: a command that changes its own authorization answers under the
    new one.
    """
    if not sent.use.authorizes:
        return b""
    if sent.command.code == CC_CHANGE_AUTH:
        return take_2b(sent.command.parameters)[0].rstrip(b"\0")
    cleared = sent.command.code == CC_CLEAR and sent.command.handles[0] == Hierarchy.LOCKOUT
    return b"" if cleared else sent.auth_value
