"""A salted session seen from outside: by who knows the salt key's private half, or plays the TPM."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.tpm_lab import Interposer
from workbench.wires.tpm import derivations
from workbench.wires.tpm import messages as m
from workbench.wires.tpm.names import Names
from workbench.wires.tpm.session import CC_START, DECRYPT, ENCRYPT, Session, start_command, started
from workbench.wires.tpm.values import Hierarchy

SALT_KEY: Final = rsa.generate_private_key(65537, 2048)
OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"SECRET\0")
USER_WITH_AUTH_DECRYPT: Final = 1 << 6 | 1 << 17
HANDLE: Final = 0x02000000
WITHOUT_AUTH: Final = (m.CC_NV_READ_PUBLIC, m.CC_READ_PUBLIC)
"""Commands with a handle that none of their authorizations is for."""
NONCE: Final = bytes(range(32))


def salt_key_public() -> bytes:
    """TPMT_PUBLIC of the salt key: RSA-2048, SHA-256, no scheme."""
    modulus = SALT_KEY.public_key().public_numbers().n.to_bytes(256, "big")
    head = struct.pack(">HHIHHHHI", 0x0001, 0x000B, USER_WITH_AUTH_DECRYPT, 0, 0x0010, 0x0010, 2048, 0)
    return head + m.with_size(modulus)


def salt_key_sensitive() -> bytes:
    """TPMT_SENSITIVE of the salt key: its first prime."""
    prime = SALT_KEY.private_numbers().p.to_bytes(128, "big")
    return struct.pack(">HHH", 0x0001, 0, 0) + m.with_size(prime)


@dataclass
class Listener:
    """Computes again what crossed a wire, knowing the salt: how many HMACs it compared."""

    wire: Interposer
    auth_values: dict[int, bytes]
    """Authorization values by hierarchy, as they are when the commands begin."""
    compared: int = 0

    def listen(self) -> list[int]:
        """Codes of the commands whose HMACs, and whose answers' HMACs, came out the same byte by byte."""
        names, session, agreed = Names(), b"", list[int]()
        handle, nonce_tpm = 0xFFFFFFFF, b""
        for raw, raw_answer in zip(self.wire.commands, self.wire.answers, strict=False):
            if raw_answer[6:10] != bytes(4):
                continue
            code = int.from_bytes(raw[6:10], "big")
            if code == CC_START:
                handle, nonce_tpm, session = self._start(raw, raw_answer) or (handle, nonce_tpm, session)
            elif handle.to_bytes(4, "big") in raw and code in m.HANDLES:
                nonce_tpm = self._compare(raw, raw_answer, names, session, nonce_tpm, handle)
                agreed.append(code)
            else:
                names.learn(raw, raw_answer)
        return agreed

    def _start(self, raw: bytes, raw_answer: bytes) -> tuple[int, bytes, bytes] | None:
        """Handle, nonce and key of a salted session; None for another one."""
        nonce, rest = m.take_2b(raw[18:])
        closed = m.take_2b(rest)[0]
        if not closed:
            return None
        salt = SALT_KEY.decrypt(closed, OAEP)
        nonce_tpm = m.take_2b(raw_answer[14:])[0]
        key = derivations.kdfa(salt, b"ATH", nonce_tpm, nonce, 256)
        return int.from_bytes(raw_answer[10:14], "big"), nonce_tpm, bytes(key)

    def _compare(
        self, raw: bytes, raw_answer: bytes, names: Names, key: bytes, nonce_tpm: bytes, handle: int
    ) -> bytes:
        command = m.parse_command(raw)
        at = next(n for n, auth in enumerate(command.auths) if auth.session == handle)
        authorizes = at < m.HANDLES[command.code] and command.code not in WITHOUT_AUTH
        secret = key + (self.auth_values.get(command.handles[at], b"") if authorizes else b"")
        ours = command.auths[at]
        digest = derivations.cp_hash(
            command.code, b"".join(map(names.of, command.handles)), command.parameters
        )
        mac = derivations.session_hmac(secret, digest, ours.nonce, nonce_tpm, ours.attributes)
        assert mac == ours.hmac, hex(command.code)
        plain = command.parameters
        if ours.attributes & DECRYPT:
            content, rest = m.take_2b(plain)
            plain = m.with_size(derivations.decrypted(secret, content, ours.nonce, nonce_tpm)) + rest
        if command.code == m.CC_CHANGE_AUTH:
            self.auth_values[command.handles[0]] = m.take_2b(plain)[0]
            secret = key + self.auth_values[command.handles[0]]
        if command.code == m.CC_CLEAR and command.handles[0] == Hierarchy.LOCKOUT:
            self.auth_values[command.handles[0]], secret = b"", key
        answer = m.parse_answer(raw_answer, command, sessions=len(command.auths))
        theirs = answer.auths[at]
        digest = derivations.rp_hash(command.code, answer.parameters)
        mac = derivations.session_hmac(secret, digest, theirs.nonce, ours.nonce, theirs.attributes)
        assert mac == theirs.hmac, hex(command.code)
        told = answer.parameters
        if theirs.attributes & ENCRYPT:
            content, rest = m.take_2b(told)
            told = m.with_size(derivations.decrypted(secret, content, theirs.nonce, ours.nonce)) + rest
        names.learn(command.build(command.auths, plain), answer.build(answer.auths, told))
        self.compared += 2
        return theirs.nonce


@dataclass
class Played:
    """A TPM's side of one session, with the secrets that both share."""

    key: bytes
    nonce: bytes = NONCE

    def answer(
        self, raw: bytes, parameters: bytes, *, secret: bytes = b"", attributes: int | None = None
    ) -> bytes:
        """A good answer to a command of one session, its first parameter encrypted where that was asked."""
        command = m.parse_command(raw)
        asked = command.auths[-1]
        self.nonce = bytes(byte ^ 0x5A for byte in self.nonce)
        if asked.attributes & ENCRYPT:
            content, rest = m.take_2b(parameters)
            closed = derivations.encrypted(self.key + secret, content, self.nonce, asked.nonce)
            parameters = m.with_size(closed) + rest
        flags = asked.attributes if attributes is None else attributes
        digest = derivations.rp_hash(command.code, parameters)
        mac = derivations.session_hmac(self.key + secret, digest, self.nonce, asked.nonce, flags)
        auths = [m.Auth(0, b"", 1, b"")] * (len(command.auths) - 1) + [m.Auth(0, self.nonce, flags, mac)]
        return m.Answer(b"", parameters, ()).build(tuple(auths), parameters)


def played() -> tuple[Session, Played]:
    """A session and the TPM that it is with."""
    salt, nonce = b"a salt of 32 bytes, which is 256", b"n" * 32
    start_command(0x80000000, nonce, b"closed")
    answer = struct.pack(">HIII", m.PLAIN, 10 + 4 + 34, 0, HANDLE) + m.with_size(NONCE)
    key = derivations.kdfa(salt, b"ATH", NONCE, nonce, 256)
    return started(answer, salt, nonce), Played(bytes(key))


def plain_command(code: int, handles: tuple[int, ...], parameters: bytes, *passwords: bytes) -> bytes:
    """A command as the library makes it, authorized by passwords."""
    auths = tuple(m.Auth(0x40000009, b"", 0, password) for password in passwords)
    command = m.Command(code, handles, auths, parameters)
    if auths:
        return command.build(auths, parameters)
    body = b"".join(handle.to_bytes(4, "big") for handle in handles) + parameters
    return struct.pack(">HII", m.PLAIN, 10 + len(body), code) + body
