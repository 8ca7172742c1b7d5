"""Keeps secrets out of the ledger, the evidence and their logs: what may be stored is decided here.  Pure.

Names and forms are judged, because a key looks like a hash: an opaque value is taken only under a name that
says it is public, nothing under a name that says it is secret, and a private key under no name at all.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from workbench.errors import Blame, InputError, WorkbenchError

MAX_DEPTH: Final = 8
MAX_NODES: Final = 4000
MAX_TEXT: Final = 16_384
"""Longest text, in characters: a certificate in base64 fits."""
MAX_NAME: Final = 64

_SECRET: Final = """secret secrets private priv password passwd passphrase pin pins seed seeds kek master
    credential credentials plaintext unlock"""
_PUBLIC: Final = """sha1 sha256 sha384 sha512 hash hashes digest digests fingerprint fingerprints name names
    spki public pub certificate certificates cert certs csr csrs der policy policies nonce template templates
    creation ticket signature signatures attest quote id ids uid ueid chip eat serial hardware pcr pcrs kid
    image unique measured measurement evidence log chain root ek idevid iak extra qualifying version versions
    magic"""
SECRET_WORDS: Final = frozenset(_SECRET.split())
"""Under a name with one of these only true, false and null are taken."""
PUBLIC_WORDS: Final = frozenset(_PUBLIC.split())
"""Where a name, or one above it, has one of these, an opaque value is taken."""

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|sha\d+|\d+")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{22,}={0,2}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_=-]{22,}")
_PLAIN: Final = re.compile(r"[A-Z]?[a-z]{0,15}\d{0,4}|[A-Z]{1,12}\d{0,4}|\d{1,8}[TZ]?")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARKS: Final = ("PRIVATE KEY", "AGE-SECRET-KEY", "BEGIN OPENSSH", "BEGIN PGP")


class SecretRefused(WorkbenchError):
    """A value that is or may be a secret was about to be stored; nothing was stored."""

    code = "secret-refused"
    blame = Blame.BUG
    default_cause = "a secret, or an opaque value under a name that does not say that it is public"
    default_action = "report it: the value must not be stored, or must be named as what it is"


class ValueNotStorable(InputError):
    """A value is too large or of a kind that cannot be stored."""

    code = "value-not-storable"
    default_cause = "bytes instead of their hash, or a value that is too large"
    default_action = "store the value's hash instead"


def storable(value: Mapping[str, Any], secrets: Iterable[bytes] = ()) -> dict[str, Any]:
    """A copy of `value` as plain JSON; raises SecretRefused and ValueNotStorable, which never show the value.

    `secrets` are known ones: whatever contains one of them in the open, in hex or in base64 is refused.
    """
    return _Copier(tuple(secret for secret in secrets if len(secret) >= 4)).mapping(value, "", 0)


def storable_text(text: str, secrets: Iterable[bytes] = ()) -> str:
    """`text` for people, if it holds no secret; raises SecretRefused and ValueNotStorable."""
    copied: str = storable({"words": text}, secrets)["words"]
    return copied


class _Copier:
    def __init__(self, secrets: tuple[bytes, ...]) -> None:
        self._secrets = secrets
        self._nodes = 0

    def mapping(self, value: Mapping[str, Any], path: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, item in value.items():
            if not 0 < len(key) <= MAX_NAME or _opaque(key):
                raise ValueNotStorable(f"a name below {path or 'the top'!r} is no short text")
            self._known(key, path)
            made[key] = self.any(item, f"{path}.{key}".lstrip("."), key, depth + 1)
        return made

    def any(self, value: Any, path: str, name: str, depth: int) -> Any:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise ValueNotStorable(f"{path!r} is nested too deep, or the value has too many parts")
        if value is None or isinstance(value, bool):
            return value
        if _words(name) & SECRET_WORDS or _words_in_order(name)[-1:] == ["auth"]:
            raise SecretRefused(f"{path!r} has the name of a secret")
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, int) and abs(value) < 1 << 63:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, Mapping):
            return self.mapping(value, path, depth)
        if isinstance(value, list | tuple):
            return [self.any(item, path, name, depth + 1) for item in value]
        raise ValueNotStorable(f"{path!r} is a {type(value).__name__}")

    def _text(self, value: str, path: str) -> str:
        text = str(value)  # of a StrEnum, the plain text
        if len(text) > MAX_TEXT:
            raise ValueNotStorable(f"{path!r} has {len(text)} characters")
        if "\0" in text or _SURROGATE.search(text):
            raise ValueNotStorable(f"{path!r} holds NUL or a lone surrogate")
        if any(mark in text for mark in _MARKS) or any(_is_private_key(t) for t in _TOKEN.findall(text)):
            raise SecretRefused(f"{path!r} holds a private key")
        self._known(text, path)
        if not _words(path) & PUBLIC_WORDS and any(_opaque(token) for token in _TOKEN.findall(text)):
            raise SecretRefused(
                f"{path!r} holds an opaque value, and its name does not say that it is public"
            )
        return text

    def _known(self, text: str, path: str) -> None:
        if not self._secrets:
            return
        forms = [text.encode()]
        forms += [raw for token in _TOKEN.findall(text) for raw in _decoded(token)]
        forms += [raw for token in re.findall(r"[0-9A-Fa-f]{8,}", text) for raw in _decoded(token)]
        shown = any(repr(secret)[2:-1] in text for secret in self._secrets)  # as a careless message has it
        if shown or any(secret in form for secret in self._secrets for form in forms):
            raise SecretRefused(f"{path or 'a name'!r} holds a known secret")


@lru_cache(maxsize=1024)
def _words_in_order(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


@lru_cache(maxsize=1024)
def _words(name: str) -> frozenset[str]:
    return frozenset(_words_in_order(name)) | frozenset(re.split(r"[^a-z0-9]+", name.lower()))


def _opaque(token: str) -> bool:
    """Whether it looks like 16 bytes or more in hex or base64 rather than like words, a date or a UUID."""
    if _HEX.fullmatch(token):
        return True
    if not _BASE64.fullmatch(token):
        return False
    kinds = (str.isdigit, str.islower, str.isupper)
    return all(any(kind(char) for char in token) for kind in kinds) and not _is_plain(token)


def _is_plain(token: str) -> bool:
    """Whether it is made of words and numbers joined by hyphens, underscores and slashes, as names are."""
    return all(_PLAIN.fullmatch(part) for part in re.split(r"[-_/]+", token))


def _decoded(token: str) -> list[bytes]:
    plain = token.rstrip("=").replace("-", "+").replace("_", "/")
    found = []
    with suppress(ValueError):
        found.append(bytes.fromhex(token))
    with suppress(ValueError):
        found.append(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    return found


def _is_private_key(token: str) -> bool:
    return any(raw[:1] == b"\x30" and len(raw) > 40 and _loads(raw) for raw in _decoded(token))


def _loads(der: bytes) -> bool:
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        load_der_private_key(der, None)
    except TypeError:  # encrypted: a private key all the same
        return True
    except Exception:  # whatever the parser says, it is none that it can read
        return False
    return True
