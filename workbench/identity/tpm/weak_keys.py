"""Public keys that cannot be trusted to be secret: known weaknesses that show in the public key alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from workbench.identity.tpm.public_key import CURVES
from workbench.identity.tpm.structures import EccKey, PublicArea, RsaKey

TRIVIAL_SCALARS: Final = 16
_MIN_DISTINCT_BYTES: Final = 8
"""Of 32 random bytes fewer than this many are distinct with a probability below 2^-100."""
_GENERATOR: Final = 65537


def weakness(public: PublicArea) -> str | None:
    """What is wrong with a key, as text; None where nothing is known to be."""
    key = public.key
    return _rsa_weakness(key) if isinstance(key, RsaKey) else _ecc_weakness(key)


def _rsa_weakness(key: RsaKey) -> str | None:
    modulus = int.from_bytes(key.modulus, "big")
    if key.exponent not in (0, _GENERATOR):
        return f"the exponent is {key.exponent}, not 65537"
    if len(set(key.modulus)) < _MIN_DISTINCT_BYTES:
        return "the modulus has a pattern"
    if any(modulus % prime == 0 for prime in _primes()):
        return "the modulus has a small factor"
    if _is_roca(modulus):
        return "the modulus is of the form of CVE-2017-15361 (ROCA): its factors can be computed"
    return None


def _is_roca(modulus: int) -> bool:
    """Whether the modulus is a power of 65537 modulo each of the first primes, as those keys are by
    construction.
    """
    return all(modulus % prime in powers for prime, powers in _power_sets())


def _ecc_weakness(key: EccKey) -> str | None:
    if len(set(key.x)) < _MIN_DISTINCT_BYTES:
        return "the point has a pattern"
    if int.from_bytes(key.x, "big") in _trivial_points(key.curve):
        return f"the private key is a number up to {TRIVIAL_SCALARS}"
    return None


@lru_cache(maxsize=4)
def _trivial_points(curve: int) -> frozenset[int]:
    known = CURVES.get(curve)
    if known is None:
        return frozenset()
    keys = (ec.derive_private_key(scalar, known) for scalar in range(1, TRIVIAL_SCALARS + 1))
    return frozenset(key.public_key().public_numbers().x for key in keys)


@lru_cache(maxsize=1)
def _primes() -> tuple[int, ...]:
    sieve = bytearray([1]) * 1000
    for n in range(2, 32):
        if sieve[n]:
            sieve[n * n :: n] = bytes(len(sieve[n * n :: n]))
    return tuple(n for n in range(2, 1000) if sieve[n])


@lru_cache(maxsize=1)
def _power_sets() -> tuple[tuple[int, frozenset[int]], ...]:
    sets = []
    for prime in (p for p in _primes() if 2 < p <= 167):
        powers, value = set(), 1
        while value not in powers:
            powers.add(value)
            value = value * _GENERATOR % prime
        sets.append((prime, frozenset(powers)))
    return tuple(sets)
