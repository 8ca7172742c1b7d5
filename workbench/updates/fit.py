"""Whether a security profile fits a kind of board.  Pure: plain data in, findings with reasons out.

remarks = refuse_misfits(load_profile("tier-2-rsa"), carrier_of(load_target("microbit-v1")))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from workbench.boards.target import Target
from workbench.errors import InputError
from workbench.images.profile import Profile

SIGNATURE_FLASH: Final = {
    "ecdsa-p256": 13 << 10, "rsa-2048": 7 << 10, "rsa-3072": 7 << 10, "ed25519": 12 << 10,
}  # fmt: skip
"""Bytes of flash that checking a signature takes in a small bootloader, roughly."""
BASE_FLASH: Final = 14 << 10
"""Bytes of flash of a bootloader that swaps, reverts and checks a hash; MCUboot on nRF51 has 21 KB."""
X509_FLASH: Final = 8 << 10
UNWRAP_FLASH: Final = {
    "none": 0, "aes-kw": 4 << 10, "ecies-p256": 6 << 10, "ecies-x25519": 8 << 10, "rsa-oaep-2048": 14 << 10,
}  # fmt: skip

OAEP_RAM: Final = 20 << 10
"""RSA-2048 with a private key: the key's five parts and the temporaries of a constant-time exponentiation,
beside what swapping needs.
"""
LZMA_RAM: Final = 48 << 10
"""LZMA2: probabilities (16 KiB) and a dictionary that is worth having, beside what swapping needs."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What a kind of board offers to a profile.  Sizes in bytes; `boot_bytes` None: no place for a
    bootloader.
    """

    name: str
    capabilities: frozenset[str]
    ram_bytes: int
    boot_bytes: int | None
    slot_bytes: tuple[int, ...]
    max_image_bytes: int
    page: int | None
    counter: Literal["none", "write-once", "emulated", "tpm"]
    algorithms: frozenset[str]
    chip_id_bytes: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit (`refused`) or that one should know (`remark`): `key` is the profile's."""

    level: Literal["refused", "remark"]
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class ProfileMisfit(InputError):
    """A target cannot carry a profile."""

    code = "profile-misfit"
    default_cause = "the chip lacks what the profile asks for, or the target file does not name it"
    default_action = (
        "choose another profile or target; `workbench profile check NAME --target TARGET` explains"
    )

    def __init__(self, profile: str, target: str, findings: Sequence[Finding]) -> None:
        lines = "; ".join(str(finding) for finding in findings)
        super().__init__(f"{target} cannot carry profile {profile}: {lines}")
        self.findings = tuple(findings)


def carrier_of(target: Target) -> Carrier:
    """What the target's file says of it."""
    update = target.update
    by_name = {slot.name: slot.size for slot in target.image_slots}
    return Carrier(
        name=target.name,
        capabilities=target.capabilities,
        ram_bytes=sum(m.size for m in target.memory if m.kind == "ram"),
        boot_bytes=by_name[update.boot] if update else None,
        slot_bytes=(by_name[update.primary], by_name[update.secondary]) if update else (),
        max_image_bytes=update.max_image if update else 0,
        page=target.provisioning_page,
        counter=update.counter if update else "none",
        algorithms=frozenset(update.algorithms) if update else frozenset(),
        chip_id_bytes=4 * len(target.chip.id.words) if target.chip.id else 0,
    )


def fit(profile: Profile, carrier: Carrier, image_bytes: int | None = None) -> list[Finding]:
    """All that does not fit and all that one should know; `image_bytes` is the size of a release, if there is
    one.
    """
    if carrier.boot_bytes is None:
        reason = f"{carrier.name} has no [update] section: nothing says where a bootloader and two images go"
        return [Finding("refused", "profile", reason)]
    return [
        *_storage(profile, carrier),
        *_algorithms(profile, carrier),
        *_ram(profile, carrier),
        *_flash(profile, carrier, image_bytes),
        *_counter(profile, carrier),
    ]


def refuse_misfits(profile: Profile, carrier: Carrier, image_bytes: int | None = None) -> list[Finding]:
    """The remarks; raises ProfileMisfit where something does not fit."""
    findings = fit(profile, carrier, image_bytes)
    if refused := refused_only(findings):
        raise ProfileMisfit(profile.name, carrier.name, refused)
    return findings


def _storage(profile: Profile, carrier: Carrier) -> Iterator[Finding]:
    if profile.keys.storage == "tpm" and "tpm" not in carrier.capabilities:
        yield Finding("refused", "keys.storage", "keys are to live in a TPM, and the board has none")
    if profile.keys.storage == "flash" and carrier.page is None:
        yield Finding(
            "refused", "keys.storage", "there is no place for keys: no identity area, no update.page"
        )
    if profile.keys.storage == "flash" and "lock" not in carrier.capabilities:
        reason = "the chip has no read-back protection: a debug probe reads the keys"
        yield Finding("remark", "keys.storage", reason)
    if profile.per_unit and carrier.chip_id_bytes != 8:
        has = carrier.chip_id_bytes
        reason = f"a secret for each unit is derived from a chip ID of 8 bytes; the chip's has {has}"
        yield Finding("refused", "keys.symmetric", reason)


def _algorithms(profile: Profile, carrier: Carrier) -> Iterator[Finding]:
    wanted: list[tuple[str, str]] = []
    if profile.signer:
        wanted.append(("authenticity.algorithm", profile.signer))
    if profile.authenticity.chain:
        wanted.append(("authenticity.chain", "x509"))
    if profile.authenticity.method == "mac":
        wanted.append(("authenticity.method", "hmac-sha256"))
    if profile.encryption.method != "none":
        wanted.append(("encryption.method", profile.encryption.method))
        if profile.encryption.bits == 256:
            wanted.append(("encryption.bits", "aes-256"))
    if profile.compression != "none":
        wanted.append(("compression.method", profile.compression))
    for key, name in wanted:
        if name not in carrier.algorithms:
            known = ", ".join(sorted(carrier.algorithms)) or "nothing"
            yield Finding("refused", key, f"the bootloader has no {name}; it has {known}")


def _ram(profile: Profile, carrier: Carrier) -> Iterator[Finding]:
    needs = []
    if profile.encryption.method.startswith("rsa-oaep"):
        needs.append(("encryption.method", "RSA-OAEP decryption", OAEP_RAM))
    if profile.compression != "none":
        needs.append(("compression.method", "LZMA decompression", LZMA_RAM))
    for key, what, size in needs:
        if carrier.ram_bytes < size:
            reason = f"{what} needs about {size >> 10} KiB of RAM, and the chip has {carrier.ram_bytes >> 10}"
            yield Finding("refused", key, reason)


def _flash(profile: Profile, carrier: Carrier, image_bytes: int | None) -> Iterator[Finding]:
    size = BASE_FLASH + UNWRAP_FLASH[profile.encryption.method]
    size += SIGNATURE_FLASH[profile.signer] if profile.signer else 0
    size += X509_FLASH if profile.authenticity.chain else 0
    room = carrier.boot_bytes or 0
    if size > room:
        reason = f"its bootloader takes about {size >> 10} KiB, and there are {room >> 10} KiB for it"
        yield Finding("refused", "profile", reason)
    if image_bytes is not None and image_bytes > carrier.max_image_bytes:
        reason = f"the image has {image_bytes} bytes, and at most {carrier.max_image_bytes} fit a slot"
        yield Finding("refused", "profile", reason)


def _counter(profile: Profile, carrier: Carrier) -> Iterator[Finding]:
    wanted = profile.rollback.counter
    if wanted == "none" or wanted == carrier.counter:
        return
    if wanted == "write-once" and carrier.counter == "emulated":
        reason = "the counter is emulated in memory that can be written again: for tries, not for the field"
        yield Finding("remark", "rollback.counter", reason)
    else:
        reason = f"the security counter is to be {wanted}, and the board offers {carrier.counter}"
        yield Finding("refused", "rollback.counter", reason)


def refused_only(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep the profile from the board."""
    return [finding for finding in findings if finding.level == "refused"]
