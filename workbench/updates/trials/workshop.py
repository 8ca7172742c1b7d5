"""Where forgeries are made: the good release, its parts, and the keys that its makers and attackers have.

Pure, but for random keys and the keys' files.  Nothing here is refused: a forgery is wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from workbench.images.build import Seal, seal_image
from workbench.images.derive import kek_of, mac_key_of, unit_secret
from workbench.images.encryption import Encryption, crypt, unwrap
from workbench.images.format import ENCRYPTED, PROTECTED_MAGIC, Image, encode_area, parse
from workbench.images.keys import KeyFolder
from workbench.images.profile import Profile
from workbench.images.release import build_release, policy_for
from workbench.images.tlvs import WRAPPED_KEYS, Tlv, Version
from workbench.images.verify import Policy, open_payload

HARMLESS: Final = b"Nothing reads this text: 64 bytes that a trial changes at will.\n"
"""Behind the application; a change in it leaves a program that runs."""


@dataclass(frozen=True)
class Workshop:
    """A unit, what it runs, and what its makers have.

    `running` is the version in slot 0, which was signed at `running_signed_s`; `next` is higher.  `counter`
    is the unit's security counter, which the good release has too.  Times are seconds since 1970 UTC.
    """

    profile: Profile
    keys: KeyFolder
    device: str
    chip_id: bytes | None
    application: bytes
    running: Version
    next: Version
    counter: int
    running_signed_s: int
    signed_s: int

    @property
    def payload(self) -> bytes:
        """The application, padded to 16 bytes, and the harmless text."""
        return self.application + b"\xff" * (-len(self.application) % 16) + HARMLESS

    @cached_property
    def good(self) -> bytes:
        """The release that every board must take."""
        return self.release()

    @cached_property
    def plain(self) -> Image:
        """The good release with its payload decrypted, without the TLVs that seal it."""
        return self.opened(self.good)

    def release(self, **more: Any) -> bytes:
        """A release as the makers make it; `more` as for `build_release`."""
        given: dict[str, Any] = {
            "version": self.next,
            "counter": self.counter,
            "device": self.device,
            "chip_id": self.chip_id,
            "signing_time_s": self.signed_s,
        }
        return build_release(more.pop("payload", self.payload), self.profile, self.keys, **(given | more))

    def opened(self, image: bytes) -> Image:
        """The image with its payload in the clear."""
        return open_payload(parse(image), self.policy)

    @cached_property
    def policy(self) -> Policy:
        """What the unit accepts."""
        policy = policy_for(
            self.profile,
            self.keys,
            device=self.device,
            chip_id=self.chip_id,
            min_counter=self.counter,
            running=self.running,
            time_floor_s=self.running_signed_s if self.profile.authenticity.chain else None,
        )
        return replace(policy, installed={0: self.running})

    @property
    def encrypted(self) -> bool:
        """Whether the good release is."""
        return bool(parse(self.good).header.flags & ENCRYPTED)

    # -- keys

    @cached_property
    def seal(self) -> Seal:
        """Who vouches for releases, and for whom they are encrypted."""
        mac = None
        if self.profile.authenticity.method == "mac":
            mac = mac_key_of(self.unit_secret)
        return Seal(
            signing_key=self.keys.signer_key if self.profile.signer else None,
            mac_key=mac,
            encryption=Encryption(self.wrapping_key) if self.encrypted else None,
        )

    @property
    def unit_secret(self) -> bytes:
        """The unit's own secret (tier 1+)."""
        assert self.chip_id is not None
        return unit_secret(self.keys.master, self.chip_id)

    @property
    def wrapping_key(self) -> Any:
        """Key that wraps payloads' keys for this unit."""
        if self.profile.encryption.method == "aes-kw":
            return kek_of(self.unit_secret) if self.profile.per_unit else self.keys.kek
        return self.keys.encryption_public

    # -- tools

    def sealed(self, image: Image, seal: Seal | None = None) -> bytes:
        """A plain image with sizes put right and sealed: what somebody with the keys of `seal` makes."""
        return seal_image(fitted(image), seal or self.seal).encode()

    def with_protected(self, tlvs: Sequence[Tlv], seal: Seal | None = None) -> bytes:
        """The good release with other protected TLVs, sealed by its makers."""
        return self.sealed(replace(self.plain, protected=tuple(tlvs)), seal)

    def replacing(self, *tlvs: Tlv, seal: Seal | None = None) -> bytes:
        """The same, with these in the place of those of their types, or added."""
        return self.with_protected(replaced(self.plain.protected, *tlvs), seal)

    def without(self, kind: int) -> bytes:
        """The same, without those of that type."""
        return self.with_protected([t for t in self.plain.protected if t.type != kind])

    def with_tlvs(self, change: Callable[[tuple[Tlv, ...]], Sequence[Tlv]]) -> bytes:
        """The good release with other unprotected TLVs."""
        image = parse(self.good)
        return replace(image, tlvs=tuple(change(image.tlvs))).encode()

    def recomputed(self, image: Image) -> bytes:
        """What an attacker without keys makes of a changed plain image.

        The hash is right; payload's key, signature and MAC are those of the good release.  An encrypted
        payload is changed as its plaintext was: in counter mode that needs no key, only the old plaintext.
        """
        image = fitted(image)
        old = parse(self.good)
        new = Seal()
        hashed = seal_image(image, new).tlvs[0]
        payload = image.payload
        if self.encrypted:
            payload = crypt(self.payload_key, image.payload)
        tlvs = replaced(old.tlvs, hashed)
        return replace(image, payload=payload, tlvs=tlvs).encode()

    @cached_property
    def payload_key(self) -> bytes:
        """Key of the good release's payload; an attacker needs its keystream only, see `recomputed`."""
        wrapped = next(tlv for tlv in parse(self.good).tlvs if tlv.type in WRAPPED_KEYS)
        assert self.policy.decrypt_key is not None
        return unwrap(wrapped, self.policy.decrypt_key, self.profile.encryption.bits)


def fitted(image: Image) -> Image:
    """The image with the sizes in its header as they are."""
    size = len(encode_area(image.protected, PROTECTED_MAGIC))
    header = replace(image.header, image_size=len(image.payload), protected_size=size)
    return replace(image, header=header, trailer=b"")


def replaced(old: Sequence[Tlv], *new: Tlv) -> tuple[Tlv, ...]:
    """TLVs with the new ones in the place of those of their types, or at the end."""
    kinds = {tlv.type: tlv for tlv in new}
    kept = [kinds.pop(tlv.type, tlv) for tlv in old]
    return (*kept, *kinds.values())


def harmless_change(image: Image) -> Image:
    """A plain image whose program still runs, with one bit changed in its text."""
    at = image.payload.rindex(HARMLESS[:16])
    payload = bytearray(image.payload)
    payload[at] ^= 0x20
    return replace(image, payload=bytes(payload))
