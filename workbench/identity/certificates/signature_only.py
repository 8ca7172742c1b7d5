"""Certificates that were linted under a throw-away signature: the real one changes nothing but the signature,
so that the second lint need not find out about all other bytes again.

A certificate is recognised by its bytes: what is signed and the algorithm beside it are the same, byte by
byte, and nothing else is there but a BIT STRING; profile, issuer and time are the same too.  Anything else is
linted whole.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Final

from workbench.identity.certificates.finding import Finding
from workbench.identity.certificates.view import View

KEPT: Final = 32
"""Certificates that wait for their signature; a worker signs within the same request or the next."""
SEQUENCE: Final = 0x30
BIT_STRING: Final = 0x03

_LOCK: Final = Lock()
_known: Final[OrderedDict[bytes, Known]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Known:
    """What was found; `view` is of the certificate as it was then, or as it is now."""

    view: View
    about: tuple[Any, ...]
    findings: tuple[Finding, ...]


def remember(view: View, about: tuple[Any, ...], findings: Sequence[Finding]) -> None:
    """The findings about a certificate under a throw-away signature; `about`: what they depend on besides."""
    with _LOCK:
        _known[view.tbs] = Known(view, about, tuple(findings))
        while len(_known) > KEPT:
            _known.popitem(last=False)


def recall(der: bytes, about: tuple[Any, ...]) -> Known | None:
    """The findings about the same certificate with another signature, its view with this one; else None."""
    try:
        tbs, algorithm, signature = split(der)
    except ValueError:
        return None
    with _LOCK:
        known = _known.get(tbs)
    if known is None or known.about != about or known.view.outer_algorithm != algorithm:
        return None
    return replace(known, view=replace(known.view, der=der, signature=signature, reencoded=der))


def forget() -> None:
    """Nothing was linted yet."""
    with _LOCK:
        _known.clear()


def split(der: bytes) -> tuple[bytes, bytes, bytes]:
    """What is signed, the algorithm, both in DER, and the signature.  Raises ValueError unless the bytes are
    exactly these three in DER.
    """
    content, rest = _take(der, SEQUENCE)
    tbs, behind = _element(content)
    algorithm, behind = _element(behind)
    bits, behind = _take(behind, BIT_STRING)
    if rest or behind or bits[:1] != b"\0":
        raise ValueError("these are not the three parts of a certificate")
    return tbs, algorithm, bits[1:]


def _element(data: bytes) -> tuple[bytes, bytes]:
    _, rest = _take(data, SEQUENCE)
    return data[: len(data) - len(rest)], rest


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Content of the element at the beginning, its length in the shortest form, and what follows."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError(f"no element with the tag {tag:#x}")
    size, start = data[1], 2
    if size & 0x80:
        count = size & 0x7F
        start, size = 2 + count, int.from_bytes(data[2 : 2 + count], "big")
        if not 1 <= count <= 3 or size < 0x80 or size >> (8 * (count - 1)) == 0:
            raise ValueError("a length that is not DER")
    if start + size > len(data):
        raise ValueError("an element ends early")
    return data[start : start + size], data[start + size :]
