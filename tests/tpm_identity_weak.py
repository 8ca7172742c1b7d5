"""Keys and certificates with known faults, made on purpose."""

from __future__ import annotations

import random
from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from workbench.identity.tpm import der

_RANDOM = random.Random(15361)


@lru_cache(maxsize=1)
def roca_modulus() -> int:
    """2048 bits that look as CVE-2017-15361's do: a power of 65537 modulo every prime up to 167, no small
    factor.
    """
    primorial = 1
    for prime in _primes(168):
        primorial *= prime
    while True:
        value = pow(65537, _RANDOM.getrandbits(200), primorial)
        value += primorial * _RANDOM.getrandbits(2048 - primorial.bit_length())
        if value.bit_length() == 2048 and all(value % prime for prime in _primes(1000)):
            return value


@lru_cache(maxsize=1)
def smooth_modulus() -> int:
    """2048 bits with the factor 7."""
    return ((1 << 2047) + _RANDOM.getrandbits(2040)) // 14 * 14 + 7


def with_padded_serial(certificate: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The certificate with a superfluous zero byte before its serial number, signed again by `key`."""
    tbs, algorithm, _ = der.read(certificate).children()
    parts = list(tbs.children())
    small = b"\x02\x02\x00\x05"
    inner = b"".join([parts[0].raw, small, *(part.raw for part in parts[2:])])
    signed = element(0x30, inner)
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    return element(0x30, signed + algorithm.raw + element(0x03, b"\0" + signature))


def element(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(raw)]) + raw + content


def _primes(limit: int) -> list[int]:
    return [n for n in range(2, limit) if all(n % d for d in range(2, int(n**0.5) + 1))]
