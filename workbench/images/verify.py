"""Whether an image may be installed: bytes and a policy in, what was found out, or the exact refusal.  Pure.

The order is that of the device: form, flags, key of the payload, hash, MAC, signer, signature, counter,
version, vendor and class, dependencies.  No claim is looked at before hash, MAC and signature hold.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from workbench.errors import InputError
from workbench.images import refusals as no
from workbench.images.certificates import PublicKey
from workbench.images.chain import Signer, shown_time, verify_chain
from workbench.images.compression import MAX_PAYLOAD_BYTES, decompress
from workbench.images.encryption import UnwrapKey, crypt, unwrap
from workbench.images.format import (
    COMPRESSED,
    ENCRYPTED,
    KNOWN_FLAGS,
    PROTECTED_MAGIC,
    Flag,
    Image,
    encode_area,
    parse,
)
from workbench.images.signing import (
    digest_of,
    key_hash,
    public_bytes,
    signature_type,
    verify_mac,
    verify_signature,
)
from workbench.images.tlvs import (
    COMPRESSION,
    HASHES,
    SIGNATURES,
    UNPROTECTED,
    WRAPPED_KEYS,
    Dependency,
    Severity,
    TlvType,
    Version,
)


class PolicyEmpty(InputError):
    """A policy that trusts nothing cannot verify anything."""

    code = "image-policy-empty"
    default_cause = "neither root, public key nor MAC key was given; a hash alone proves no origin"
    default_action = "name what is trusted, or say that the hash is enough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is trusted and demanded.  At least one of the first four; all that are given must hold."""

    root: x509.Certificate | None = None
    """Certificate that the signer's chain must lead to."""
    public_keys: tuple[PublicKey, ...] = ()
    """Keys one of which must have signed, without certificates."""
    mac_key: bytes | None = None
    """Key of the HMAC (tier 1+)."""
    hash_is_enough: bool = False
    """Nobody's authorship is asked for (tier 1)."""
    decrypt_key: UnwrapKey | None = None
    """Key of an encrypted image: a KEK, or a private key."""
    payload_is_plain: bool = False
    """These are the bytes of a slot that runs: its payload is decrypted there, whatever the header says."""
    must_be_encrypted: bool = False
    vid: bytes | None = None
    cid: bytes | None = None
    counter_needed: bool = False
    min_counter: int | None = None
    running_version: Version | None = None
    """No lower version, where the counter is not higher than `min_counter` either."""
    time_floor_s: int | None = None
    """No signing time before it."""
    installed: Mapping[int, Version] | None = None
    """Versions of other images, by number; dependencies are not looked at without it."""
    max_payload_bytes: int = MAX_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An image that the policy accepts.  `image` has its payload decrypted, `payload` is also unpacked."""

    image: Image
    payload: bytes
    digest: bytes
    proofs: tuple[str, ...]
    """What was looked at and held: "hash", "mac", "chain", "signature", "vid", …"""
    signer: Signer | None = None
    counter: int | None = None
    signing_time_s: int | None = None
    severity: Severity | None = None

    @property
    def version(self) -> Version:
        """The image's version."""
        return self.image.header.version


_U32: Final = struct.Struct("<I")


def verify(data: bytes | Image, policy: Policy) -> Verified:
    """The image, if the policy accepts it; else raises the ImageRefused that names the reason."""
    _check_policy(policy)
    found = data if isinstance(data, Image) else parse(data)
    _check_flags(found)
    image = open_payload(found, policy)
    covered = image.covered
    proofs = ["hash"]
    hash_type, digest = verify_hash(image, covered)
    if policy.mac_key is not None:
        verify_mac(policy.mac_key, image.find(TlvType.HMAC), covered)
        proofs.append("mac")
    signer = None
    trusted: PublicKey | None = None
    if policy.root is not None:
        signer = _verify_signer(image, policy, policy.root, hash_type, digest)
        trusted = signer.key
        proofs += ["chain", "signature"]
    if policy.public_keys:
        trusted = _verify_key(image, policy.public_keys, hash_type, digest)
        proofs.append("signature")
    proofs += _verify_claims(image, policy)
    payload = unpack(image, policy.max_payload_bytes)
    if trusted is not None and image.has_flag(COMPRESSED):
        _verify_unpacked(image, payload, trusted, hash_type)
        proofs.append("unpacked-signature")
    return Verified(
        image=image,
        payload=payload,
        digest=digest,
        proofs=tuple(dict.fromkeys(proofs)),
        signer=signer,
        counter=counter_of(image),
        signing_time_s=signing_time_of(image),
        severity=severity_of(image),
    )


def verify_hash(image: Image, covered: bytes | None = None) -> tuple[TlvType, bytes]:
    """Type and value of the image's hash; its payload must be decrypted.  Raises HashMismatch, TlvMissing."""
    found = [TlvType(tlv.type) for tlv in image.tlvs if tlv.type in HASHES]
    if not found:
        raise no.TlvMissing("the image has no hash")
    if len(found) > 1:
        raise no.TlvDuplicated("the image has several hashes")
    digest = digest_of(found[0], image.covered if covered is None else covered)
    if digest != image.need(found[0]):
        raise no.HashMismatch("the image's bytes do not give the hash that it carries")
    return found[0], digest


def open_payload(image: Image, policy: Policy) -> Image:
    """The image with its payload decrypted, where it is encrypted.

    The header's flag and the wrapped key go together.
    """
    wrapped = [tlv for tlv in image.tlvs if tlv.type in WRAPPED_KEYS]
    flags = image.header.flags & ENCRYPTED
    if flags == ENCRYPTED:
        raise no.Unsupported("the header says AES-128 and AES-256 at once")
    if len(wrapped) > 1:
        raise no.TlvDuplicated("the payload's key is wrapped twice")
    if policy.payload_is_plain:
        return image
    if wrapped and not flags:
        raise no.TlvMalformed("a wrapped key in an image whose header does not say that it is encrypted")
    if flags and not wrapped:
        raise no.TlvMissing("the header says that the image is encrypted, and it has no wrapped key")
    if not flags:
        if policy.must_be_encrypted:
            raise no.NotEncrypted("the image is not encrypted")
        return image
    if policy.decrypt_key is None:
        raise no.KeyNeeded("the image is encrypted, and no key was given")
    bits = 128 if flags == Flag.ENCRYPTED_AES128 else 256
    key = unwrap(wrapped[0], policy.decrypt_key, bits)
    return replace(image, payload=crypt(key, image.payload))


def unpack(image: Image, max_bytes: int = MAX_PAYLOAD_BYTES) -> bytes:
    """The payload of a decrypted image, decompressed and held against its own hash if it is compressed."""
    if not image.has_flag(COMPRESSED):
        return image.payload
    if not image.has_flag(Flag.COMPRESSED_LZMA2):
        raise no.Unsupported("only LZMA2 compression is understood")
    thumb = image.has_flag(Flag.COMPRESSED_ARM_THUMB)
    size = _U32.unpack(image.need(TlvType.DECOMP_SIZE))[0]
    plain = decompress(_compressed(image), thumb=thumb, size_bytes=size, max_bytes=max_bytes)
    wanted = image.need(TlvType.DECOMP_SHA)
    covered = unpacked_covered(image, plain)
    if all(digest_of(TlvType(tlv.type), covered) != wanted for tlv in image.tlvs if tlv.type in HASHES):
        raise no.HashMismatch("the unpacked image does not give the hash that the image carries for it")
    return plain


def unpacked_covered(image: Image, plain: bytes) -> bytes:
    """What the hash of the unpacked image is over: no compression flags and TLVs, and the plain payload."""
    protected = [tlv for tlv in image.protected if tlv.type not in COMPRESSION]
    area = encode_area(protected, PROTECTED_MAGIC)
    header = replace(
        image.header,
        flags=image.header.flags & ~int(COMPRESSED),
        image_size=len(plain),
        protected_size=len(area),
    )
    return header.encode() + image.header_padding + plain + area


def counter_of(image: Image) -> int | None:
    """The security counter."""
    value = image.find(TlvType.SEC_CNT)
    return None if value is None else int(_U32.unpack(value)[0])


def signing_time_of(image: Image) -> int | None:
    """Seconds since 1970 UTC."""
    value = image.find(TlvType.SIGNING_TIME)
    return None if value is None else int.from_bytes(value, "little")


def severity_of(image: Image) -> Severity | None:
    """How much the update presses."""
    value = image.find(TlvType.SEVERITY)
    return None if value is None else Severity(value[0])


def dependencies_of(image: Image) -> list[Dependency]:
    """Other images that this one needs."""
    return [Dependency.decode(tlv.value) for tlv in image.protected if tlv.type == TlvType.DEPENDENCY]


def _compressed(image: Image) -> bytes:
    size = image.find(TlvType.COMP_DEC_SIZE)
    if size is None:
        return image.payload
    length = _U32.unpack(size)[0]
    if length > len(image.payload):
        raise no.LengthLies(f"COMP_DEC_SIZE tells of {length} bytes, the payload has {len(image.payload)}")
    return image.payload[:length]


def _check_policy(policy: Policy) -> None:
    trusted = policy.root is not None or policy.public_keys or policy.mac_key is not None
    if not trusted and not policy.hash_is_enough:
        raise PolicyEmpty("nothing is trusted")


def _check_flags(image: Image) -> None:
    unknown = image.header.flags & ~KNOWN_FLAGS
    if unknown:
        raise no.Unsupported(f"the header has flags that are not known: {unknown:#x}")
    if image.has_flag(Flag.NON_BOOTABLE):
        raise no.NotBootable("the header says that the image is not to be booted")
    for tlv in image.tlvs:
        if tlv.type not in UNPROTECTED or tlv.type == TlvType.SIG_PURE:
            raise no.Unsupported(f"a {tlv.name} TLV, which is not understood, and nothing protects it")


def _verify_signer(
    image: Image, policy: Policy, root: x509.Certificate, hash_type: TlvType, digest: bytes
) -> Signer:
    """Certificates, time and signature of an image with a chain."""
    chain = image.need(TlvType.SIGNER_CHAIN)
    signed_at_s = int.from_bytes(image.need(TlvType.SIGNING_TIME), "little")
    if policy.time_floor_s is not None and signed_at_s < policy.time_floor_s:
        raise no.SigningTimeEarly(
            f"signed {shown_time(signed_at_s)}, before {shown_time(policy.time_floor_s)}"
        )
    signer = verify_chain(chain, root, signed_at_s)
    image.need(TlvType.KEYHASH)
    _verify_key(image, (signer.key,), hash_type, digest)
    return signer


def _verify_key(image: Image, keys: tuple[PublicKey, ...], hash_type: TlvType, digest: bytes) -> PublicKey:
    """The key that signed; the image may name which."""
    key = _with_signature(image, keys)
    named = image.find(TlvType.KEYHASH)
    full = image.find(TlvType.PUBKEY)
    chosen = [
        key
        for key in keys
        if (named is None or key_hash(key, hash_type) == named) and full in (None, public_bytes(key))
    ]
    if not chosen:
        raise no.SignatureInvalid("the image names another key than those that are trusted")
    if key not in chosen:
        key = _with_signature(image, chosen)
    kind = signature_type(key)
    verify_signature(key, kind, image.need(kind), digest)
    return key


def _verify_unpacked(image: Image, payload: bytes, key: PublicKey, hash_type: TlvType) -> None:
    """The signature that the image will have once it is unpacked in its slot."""
    digest = digest_of(hash_type, unpacked_covered(image, payload))
    verify_signature(key, signature_type(key), image.need(TlvType.DECOMP_SIGNATURE), digest)


def _with_signature(image: Image, keys: Sequence[PublicKey]) -> PublicKey:
    """A key of whose type there is a signature."""
    for key in keys:
        if image.find(signature_type(key)) is not None:
            return key
    others = [tlv.name for tlv in image.tlvs if tlv.type in SIGNATURES]
    if others:
        raise no.Unsupported(f"no signature of a trusted key's type, but {', '.join(others)}")
    raise no.TlvMissing("the image is not signed")


def _verify_claims(image: Image, policy: Policy) -> list[str]:
    """What the image says of itself, which hash and signature cover."""
    held = []
    if policy.counter_needed or policy.min_counter is not None:
        counter = int(_U32.unpack(image.need(TlvType.SEC_CNT))[0])
        if counter < (policy.min_counter or 0):
            raise no.CounterLow(f"security counter {counter} is lower than {policy.min_counter}")
        held.append("counter")
    if policy.running_version is not None:
        _verify_version(image, policy.running_version, policy.min_counter)
        held.append("version")
    if policy.vid is not None:
        _verify_id(image, policy.vid, TlvType.UUID_VID, no.VidWrong)
        held.append("vid")
    if policy.cid is not None:
        _verify_id(image, policy.cid, TlvType.UUID_CID, no.CidWrong)
        held.append("cid")
    if policy.installed is not None:
        _verify_dependencies(image, policy.installed)
        held.append("dependencies")
    return held


def _verify_id(image: Image, wanted: bytes, kind: TlvType, refusal: type[no.ImageRefused]) -> None:
    value = image.need(kind)
    if value != wanted:
        raise refusal(f"{kind.name} is {value.hex()} instead of {wanted.hex()}")


def _verify_version(image: Image, running: Version, min_counter: int | None) -> None:
    counter = counter_of(image)
    if counter is not None and min_counter is not None and counter > min_counter:
        return
    if image.header.version < running:
        raise no.VersionLow(f"version {image.header.version} is lower than {running}, which runs")


def _verify_dependencies(image: Image, installed: Mapping[int, Version]) -> None:
    for needed in dependencies_of(image):
        found = installed.get(needed.image)
        if found is None or found < needed.version:
            there = found or "not there"
            raise no.DependencyUnmet(f"image {needed.image} must be {needed.version}, and is {there}")
