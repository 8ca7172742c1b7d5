"""Proof of a lock by trying to break it: every known way of reading, against bytes whose place is known.

What is looked for is public: the first bytes of the provisioning page, and the public half of the unit's key,
which lies beside the private one.  Whoever can read the one can read the other; the station never does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from workbench.errors import Blame, WorkbenchError
from workbench.identity.attest.cose import Key
from workbench.identity.evidence.content import Outcome, Tried
from workbench.probes import lock
from workbench.probes.session import Debug

GADGET: Final = "read-gadget"
RESIDUE: Final = "read-ram-residue"
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SCALAR_BYTES: Final = 32
ORDINARY: Final[tuple[tuple[str, Callable[[Debug, int, int], lock.Tried]], ...]] = (
    ("read-block", lock.read_block),
    ("read-words", lock.read_words),
    ("read-halfwords", lock.read_halfwords),
    ("read-bytes", lock.read_single_bytes),
    ("read-ram-code", lock.read_by_ram_code),
)


class LockBroken(WorkbenchError):
    """A locked unit can be read."""

    code = "lock-broken"
    blame = Blame.TRUST
    default_cause = "read-back protection is not on, or does not hold on this chip"
    default_action = "keep the unit for analysis; its key must be taken for known"


@dataclass(frozen=True, slots=True)
class Canary:
    """Bytes that lie in the unit at an address, a multiple of 4: whoever reads them has broken the lock."""

    name: str
    address: int
    data: bytes


def prove_lock(
    debug: Debug,
    canaries: tuple[Canary, ...],
    key: Key,
    weaknesses: Mapping[str, str],
) -> tuple[Tried, ...]:
    """Tries each way on the attached unit and tells what came of it; the unit is reset afterwards.

    `key` is the unit's public key, whose private half is looked for in RAM as the unit left it, or the secret
    with which it answers challenges, which is looked for itself.
    `weaknesses`: ways that are published for this chip.  Raises what the probe raises.
    """
    found = [judge_ram(lock.read_ram(debug).data, key, weaknesses)]
    with lock.left_running(debug):
        debug.halt()
        for act, read in ORDINARY:
            tried = [(canary, read(debug, canary.address, len(canary.data))) for canary in canaries]
            found.append(judge(act, tried, weaknesses))
        found.append(_gadget(debug, canaries, weaknesses))
    return tuple(found)


def judge(act: str, tried: list[tuple[Canary, lock.Tried]], weaknesses: Mapping[str, str]) -> Tried:
    """What attempts of one kind amount to: held where none of them brought anything.  Pure."""
    got = [canary.name for canary, one in tried if one.data == canary.data]
    odd = [canary.name for canary, one in tried if one.data not in (None, canary.data) and any(_odd(one))]
    details = {canary.name: _words(canary, one) for canary, one in tried}
    if got or odd:
        what = f"read: {', '.join(got)}" if got else f"read something else: {', '.join(odd)}"
        return _failed(act, what, details, weaknesses)
    return Tried(act, "refused", "; ".join(sorted(set(details.values()))), "held", details)


def judge_ram(ram: bytes | None, key: Key, weaknesses: Mapping[str, str]) -> Tried:
    """Whether the private half of `key` lies in RAM, as a number in either byte order at a word's border; or
    the key itself, where it is a secret one.
    """
    expected = "RAM can be read on this kind of chip; the unit's key is not in it"
    if ram is None:
        return Tried(RESIDUE, expected, "the chip refused to read RAM", "held")
    if key in ram if isinstance(key, bytes) else holds_private_key(ram, key):
        return _failed(RESIDUE, "the unit's key lies in RAM", {"bytes": len(ram)}, weaknesses)
    return Tried(RESIDUE, expected, f"not in {len(ram)} bytes of RAM", "held", {"bytes": len(ram)})


def holds_private_key(memory: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether 32 bytes at a multiple of 4 are the private half of `key`, in either byte order."""
    x = key.public_numbers().x
    for at in range(0, len(memory) - SCALAR_BYTES + 1, 4):
        window = memory[at : at + SCALAR_BYTES]
        if len(set(window)) < 8:
            continue  # no random number: fewer than one in 10**30 has so few different bytes
        for number in (int.from_bytes(window, "big"), int.from_bytes(window, "little")):
            if not 0 < number < P256_ORDER:
                continue
            made = ec.derive_private_key(number, ec.SECP256R1()).public_key()
            if made.public_numbers().x == x:
                return True
    return False


def refuse_broken(tried: tuple[Tried, ...]) -> None:
    """Raises LockBroken unless every way held or is published for this chip, and one was tried at least."""
    broken = [one.act for one in tried if one.outcome == "broken"]
    if broken or not any(one.outcome == "held" for one in tried):
        raise LockBroken(f"the locked unit can be read: {', '.join(broken) or 'nothing held'}")


def _gadget(debug: Debug, canaries: tuple[Canary, ...], weaknesses: Mapping[str, str]) -> Tried:
    register = debug.target.lock
    if register is None:
        return Tried(GADGET, "refused", "there is no lock whose word would be known", "not-tried")
    debug.reset(halt=True)
    gadget = lock.find_gadget(debug, register.register_, debug.read_word(register.register_))
    if gadget is None:
        return Tried(GADGET, "refused", "no load instruction was found", "held")
    tried = [(c, lock.read_by_gadget(debug, gadget, c.address, len(c.data))) for c in canaries]
    found = judge(GADGET, tried, weaknesses)
    how = {"instruction": f"{gadget.pc:#x}", "from": gadget.source, "to": gadget.destination}
    return Tried(found.act, found.expected, found.observed, found.outcome, {**found.details, **how})


def _failed(act: str, observed: str, details: Mapping[str, object], weaknesses: Mapping[str, str]) -> Tried:
    outcome: Outcome = "shown" if act in weaknesses else "broken"
    why = {"published": weaknesses[act]} if act in weaknesses else {}
    return Tried(act, "refused", observed, outcome, {**details, **why})


def _odd(one: lock.Tried) -> bytes:
    """What came, unless it is what a chip gives instead of its content: only zeros, or only ones."""
    data = one.data or b""
    return data if len(set(data)) > 1 else bytes(len(data))


def _words(canary: Canary, one: lock.Tried) -> str:
    if one.data is None:
        return one.words
    if one.data == canary.data:
        return "its content was read"
    return "the chip gave other bytes" if any(_odd(one)) else f"the chip gave only {one.data[:1].hex()}"
