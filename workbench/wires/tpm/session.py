"""A salted HMAC session of our own around commands that tpm2-tss made without one.

tpm2-tss 3 makes a new OpenSSL library context for each hash, several for each command in a session.  Here
the same bytes come out of `cryptography`: TPM 2.0 Library, Part 1, 11.4.10 (KDFa, KDFe), 19.4 (layout of the
authorization area), 19.6 (session key and HMAC), 21 (parameter encryption with CFB).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128

try:  # cryptography 47 moves CFB away from the modes that are recommended
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

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

CONTINUE: Final = 0x01
DECRYPT: Final = 0x20
ENCRYPT: Final = 0x40
NONCE_BYTES: Final = 32
CC_START: Final = 0x176
RH_NULL: Final = 0x4000_0007
START_PARAMETERS: Final = struct.pack(">BHHHH", 0, 0x0006, 128, 0x0043, 0x000B)
"""HMAC session, AES, 128 bits, CFB, SHA-256."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a command uses the session.

    `authorizes`: the session stands in for the last password of the command; else it comes after whatever
    authorizes.  `decrypt`: the command's first parameter is a TPM2B, which goes encrypted; `encrypt`: its
    answer's.
    """

    authorizes: bool
    decrypt: bool = False
    encrypt: bool = False

    @property
    def attributes(self) -> int:
        """TPMA_SESSION."""
        return CONTINUE | (DECRYPT if self.decrypt else 0) | (ENCRYPT if self.encrypt else 0)


@dataclass(frozen=True, slots=True)
class _Sent:
    """A command that waits for its answer."""

    command: Command
    position: int
    nonce: bytes
    auth_value: bytes
    use: Use


class Session:
    """One session, salted with a key that the caller verified; it goes on until it is flushed."""

    def __init__(self, handle: int, key: bytes, nonce_tpm: bytes) -> None:
        self.handle = handle
        self._key = key
        self._nonce_tpm = nonce_tpm
        self._sent: _Sent | None = None

    def wrap(self, raw: bytes, use: Use, name_of: Callable[[int], bytes]) -> bytes:
        """The command with this session in it.  `name_of` gives the Names of its handles."""
        command = parse_command(raw)
        auths, auth_value = list(command.auths), b""
        if use.authorizes:  # the password that the library put there stays here
            auth_value = auths.pop().hmac.rstrip(b"\0")
        nonce, secret = secrets.token_bytes(NONCE_BYTES), self._key + auth_value
        parameters = command.parameters
        if use.decrypt:
            parameters = first_encrypted(parameters, cfb(secret, nonce, self._nonce_tpm), DECRYPT)
        names = b"".join(name_of(handle) for handle in command.handles)
        digest = hashlib.sha256(command.code.to_bytes(4, "big") + names + parameters).digest()
        mac = session_hmac(secret, digest, nonce, self._nonce_tpm, use.attributes)
        self._sent = _Sent(command, len(auths), nonce, auth_value, use)
        auths.append(Auth(self.handle, nonce, use.attributes, mac))
        return command.build(tuple(auths), parameters)

    def unwrap(self, raw: bytes) -> bytes:
        """The answer as the library awaits it, without this session.  Raises TpmAnswerForged."""
        sent = self._sent
        assert sent is not None
        if raw[6:10] != bytes(4):
            return raw  # a refusal carries no session, and leaves its nonces as they are
        try:
            answer = parse_answer(raw, sent.command, sessions=sent.position + 1)
            return self._opened(answer, sent)
        except ValueError as error:
            raise TpmAnswerForged(f"an answer carries no proof of the session: {error}") from error

    def _opened(self, answer: Answer, sent: _Sent) -> bytes:
        ours = answer.auths[sent.position]
        secret = self._key + _auth_value_after(sent)
        code = sent.command.code.to_bytes(4, "big")
        digest = hashlib.sha256(bytes(4) + code + answer.parameters).digest()
        mac = session_hmac(secret, digest, ours.nonce, sent.nonce, ours.attributes)
        if ours.attributes != sent.use.attributes or not hmac.compare_digest(mac, ours.hmac):
            raise TpmAnswerForged("an answer carries a wrong HMAC")
        self._nonce_tpm = ours.nonce
        parameters = answer.parameters
        if sent.use.encrypt:
            parameters = first_encrypted(parameters, cfb(secret, ours.nonce, sent.nonce), ENCRYPT)
        auths = answer.auths[: sent.position]
        if sent.use.authorizes:
            auths = (*auths, Auth(0, b"", CONTINUE, b""))
        return answer.build(auths, parameters)


def start_command(key: int, nonce: bytes, closed_salt: bytes) -> bytes:
    """StartAuthSession with the salt as it was closed up for the key `key`."""
    body = struct.pack(">II", key, RH_NULL) + with_size(nonce) + with_size(closed_salt) + START_PARAMETERS
    return struct.pack(">HII", PLAIN, 10 + len(body), CC_START) + body


def started(answer: bytes, salt: bytes, nonce: bytes) -> Session:
    """The session of a successful answer to `start_command`.  Raises ValueError."""
    nonce_tpm, rest = take_2b(answer[14:])
    if rest or len(nonce_tpm) != NONCE_BYTES:
        raise ValueError("the TPM's nonce has another size")
    key = kdfa(salt, b"ATH", nonce_tpm, nonce, 256)
    return Session(int.from_bytes(answer[10:14], "big"), key, nonce_tpm)


def kdfa(
    key: bytes, label: bytes, context_u: bytes, context_v: bytes, bits: int, hash_name: str = "sha256"
) -> bytes:
    """KDFa (Part 1, 11.4.10.2): `bits` is a multiple of 8."""
    data, counter = b"", 0
    fixed = label + b"\0" + context_u + context_v + bits.to_bytes(4, "big")
    while len(data) * 8 < bits:
        counter += 1
        data += hmac.digest(key, counter.to_bytes(4, "big") + fixed, hash_name)
    return data[: bits // 8]


def session_hmac(secret: bytes, digest: bytes, newer: bytes, older: bytes, attributes: int) -> bytes:
    """HMAC of a command or an answer (19.6.5); `digest` is its cpHash or rpHash."""
    return hmac.digest(secret, digest + newer + older + bytes([attributes]), "sha256")


def cfb(secret: bytes, newer: bytes, older: bytes) -> Cipher[CFB]:
    """AES-128-CFB for one parameter (21.3)."""
    made = kdfa(secret, b"CFB", newer, older, 256)
    return Cipher(AES128(made[:16]), CFB(made[16:]))


def first_encrypted(parameters: bytes, cipher: Cipher[CFB], direction: int) -> bytes:
    """The parameters with the content of the first, a TPM2B, encrypted (DECRYPT: for the TPM to decrypt) or
    decrypted (ENCRYPT: it was encrypted by the TPM).  Raises ValueError where there is none.
    """
    content, rest = take_2b(parameters)
    context = cipher.encryptor() if direction == DECRYPT else cipher.decryptor()
    return parameters[:2] + context.update(content) + context.finalize() + rest


def _auth_value_after(sent: _Sent) -> bytes:
    """What the answer's HMAC is made with: a command that changes its own authorization answers under the
    new one.
    """
    if not sent.use.authorizes:
        return b""
    if sent.command.code == CC_CHANGE_AUTH:
        return take_2b(sent.command.parameters)[0].rstrip(b"\0")
    return b"" if sent.command.code == CC_CLEAR else sent.auth_value
