"""Images from binaries: header, TLVs, hash, signature, MAC, encryption, compression.  Pure.

`build` makes a whole image, `seal` the part behind the protected TLVs, which `sign` and `encrypt` make anew.
The order of TLVs is imgtool's.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from workbench.errors import InputError
from workbench.images import cbor
from workbench.images.certificates import PrivateKey
from workbench.images.chain import certificates_of
from workbench.images.compression import Compression, compress
from workbench.images.encryption import Encryption, crypt, new_payload_key, wrap
from workbench.images.format import (
    COMPRESSED,
    ENCRYPTED,
    HEADER_BYTES,
    PROTECTED_MAGIC,
    Flag,
    Header,
    Image,
    encode_area,
    erased,
)
from workbench.images.signing import digest_of, key_hash, make_mac, public_bytes, sign_digest, signature_type
from workbench.images.tlvs import WRAPPED_KEYS, Dependency, Severity, Tlv, TlvType, Version
from workbench.images.verify import verify_hash

ENCRYPTION_BLOCK: Final = 16
MAX_SW_TYPE_CHARS: Final = 12
_SW_TYPE, _MEASUREMENT, _SW_VERSION, _SIGNER_ID, _MEASURED_BY = 1, 2, 4, 5, 6
"""Keys of a boot record (PSA Attestation API, software components)."""


class OptionsInvalid(InputError):
    """An image cannot be built like that."""

    code = "image-options-invalid"
    default_cause = "options that contradict each other, or that no image can have"
    default_action = "see `workbench image build --help`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """Who vouches for an image, and for whom it is encrypted.  Nothing of it: only a hash."""

    signing_key: PrivateKey | None = None
    mac_key: bytes | None = None
    encryption: Encryption | None = None
    hash_type: Literal[TlvType.SHA256, TlvType.SHA384, TlvType.SHA512] = TlvType.SHA256
    whole_public_key: bool = False
    """PUBKEY instead of KEYHASH."""


ONLY_HASH: Final = Seal()


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, by certificates (DER, the signer's first, without the root), and when (s since 1970 UTC)."""

    chain: tuple[bytes, ...]
    signing_time_s: int

    def tlvs(self) -> list[Tlv]:
        """As they lie among the protected TLVs."""
        return [
            Tlv(TlvType.SIGNER_CHAIN, b"".join(self.chain)),
            Tlv(TlvType.SIGNING_TIME, struct.pack("<Q", self.signing_time_s)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an image says of itself.  Numbers and texts as the TLVs of the same names hold them."""

    version: Version
    header_size: int = 0x100
    payload_has_header: bool = False
    """The binary begins with `header_size` bytes of zeros or erased flash, where the header goes."""
    load_address: int = 0
    flags: int = 0
    """Flags besides those that encryption and compression set, see `format.Flag`."""
    counter: int | None = None
    dependencies: tuple[Dependency, ...] = ()
    boot_record: str | None = None
    """Role of the software, at most 12 characters."""
    vid: bytes | None = None
    cid: bytes | None = None
    imgtool_ids: bool = False
    """Vendor and class in the TLVs that imgtool 2.5 writes (0x74, 0x75)."""
    signer_chain: tuple[bytes, ...] = ()
    """DER certificates, the signer's first, without the root."""
    signing_time_s: int | None = None
    """Seconds since 1970 UTC; needed with a chain."""
    severity: Severity | None = None
    max_deferrals: int | None = None
    compression: Compression | None = None
    """Left out where it makes the image no smaller."""
    more: tuple[Tlv, ...] = ()
    """Other protected TLVs."""
    for_encryption: int = 0
    """128 or 256: in the clear, but with the flag, so that no key is needed to encrypt it later."""


def build(payload: bytes, options: Options, seal: Seal = ONLY_HASH) -> bytes:
    """An image's bytes; raises OptionsInvalid."""
    if options.payload_has_header:
        payload = without_header(payload, options.header_size)
    _check(payload, options, seal)
    plain = _image(payload, options, seal, ())
    if options.compression is not None:
        plain = _compressed(plain, options, seal)
    return seal_image(_padded(plain, seal), seal).encode()


def seal_image(image: Image, seal: Seal) -> Image:
    """The image, whose payload is plain, with new TLVs behind the protected ones, and encrypted if wanted."""
    encrypting = seal.encryption
    if encrypting is not None and not image.header.flags & encrypting.flag:
        raise OptionsInvalid(
            f"the header does not say that it is encrypted with {encrypting.bits} bits",
            cause="the header is signed; the image was built without encryption in mind",
        )
    covered = image.covered
    digest = digest_of(seal.hash_type, covered)
    tlvs = [Tlv(seal.hash_type, digest), *_signature(seal, digest)]
    if seal.mac_key is not None:
        tlvs.append(Tlv(TlvType.HMAC, make_mac(seal.mac_key, covered)))
    sealed = replace(image, tlvs=tuple(tlvs), trailer=b"")
    return sealed if encrypting is None else encrypt_image(sealed, encrypting)


def encrypt_image(image: Image, how: Encryption) -> Image:
    """The plain image, whose header has the flag, with its payload encrypted and the key's TLV added."""
    if image.header.flags & ENCRYPTED != how.flag:
        raise OptionsInvalid(
            f"the header does not say that it is encrypted with {how.bits} bits",
            cause="hash and signature cover the header, and the image was built without encryption in mind",
            action="build it with --for-encryption, or sign it again while encrypting",
        )
    if any(tlv.type in WRAPPED_KEYS for tlv in image.tlvs):
        raise OptionsInvalid("the image is encrypted already", cause="its TLVs hold a wrapped key")
    key = new_payload_key(how)
    return replace(image, payload=crypt(key, image.payload), tlvs=(*image.tlvs, wrap(key, how.key)))


def reseal(image: Image, seal: Seal, signer: Signer | None = None) -> bytes:
    """An image that is plain, signed, MACed and encrypted anew; `signer` replaces chain and signing time.

    Raises HashMismatch where the image is damaged: nobody signs that.
    """
    verify_hash(image)
    if signer is not None:
        _check_signer(signer.chain, seal.signing_key)
    if seal.encryption is not None:
        flags = image.header.flags & ~int(ENCRYPTED) | seal.encryption.flag
        image = _padded(replace(image, header=replace(image.header, flags=flags)), seal)
    if signer is not None:
        image = _with_signer(image, signer)
    if image.has_flag(COMPRESSED):
        raise OptionsInvalid(
            "a compressed image holds a hash of what it unpacks to, and is built anew instead",
            action="build it from its binary: `workbench image build`",
        )
    return seal_image(image, seal).encode()


def protected_tlvs(options: Options, seal: Seal, compression: Sequence[Tlv] = ()) -> tuple[Tlv, ...]:
    """The protected TLVs that the options make."""
    tlvs = []
    if options.counter is not None:
        tlvs.append(Tlv(TlvType.SEC_CNT, struct.pack("<I", options.counter)))
    if options.boot_record is not None:
        tlvs.append(Tlv(TlvType.BOOT_RECORD, boot_record(options.boot_record, options.version, seal)))
    tlvs += [Tlv(TlvType.DEPENDENCY, needed.encode()) for needed in options.dependencies]
    tlvs += compression
    if options.vid is not None:
        tlvs.append(Tlv(TlvType.IMGTOOL_VID if options.imgtool_ids else TlvType.UUID_VID, options.vid))
    if options.cid is not None:
        tlvs.append(Tlv(TlvType.IMGTOOL_CID if options.imgtool_ids else TlvType.UUID_CID, options.cid))
    return (*tlvs, *_own_tlvs(options), *options.more)


def boot_record(sw_type: str, version: Version, seal: Seal) -> bytes:
    """CBOR of a software component; the bootloader puts the measurement in place of the zeros at its end."""
    key = seal.signing_key
    size = len(digest_of(seal.hash_type, b""))
    signer = bytes(32) if key is None else key_hash(key.public_key(), seal.hash_type)
    return cbor.encode_map(
        {
            _SW_TYPE: sw_type,
            _SW_VERSION: f"{version.major}.{version.minor}.{version.revision}",
            _SIGNER_ID: signer,
            _MEASURED_BY: seal.hash_type.name,
            _MEASUREMENT: bytes(size),
        }
    )


def _own_tlvs(options: Options) -> list[Tlv]:
    tlvs = []
    if options.signer_chain and options.signing_time_s is not None:
        tlvs += Signer(options.signer_chain, options.signing_time_s).tlvs()
    elif options.signing_time_s is not None:
        tlvs.append(Tlv(TlvType.SIGNING_TIME, struct.pack("<Q", options.signing_time_s)))
    if options.severity is not None:
        tlvs.append(Tlv(TlvType.SEVERITY, bytes((options.severity,))))
    if options.max_deferrals is not None:
        tlvs.append(Tlv(TlvType.MAX_DEFERRALS, struct.pack("<H", options.max_deferrals)))
    return tlvs


def _signature(seal: Seal, digest: bytes) -> list[Tlv]:
    if seal.signing_key is None:
        return []
    key = seal.signing_key.public_key()
    if seal.whole_public_key:
        named = Tlv(TlvType.PUBKEY, public_bytes(key))
    else:
        named = Tlv(TlvType.KEYHASH, key_hash(key, seal.hash_type))
    return [named, Tlv(signature_type(key), sign_digest(seal.signing_key, digest))]


def _image(payload: bytes, options: Options, seal: Seal, compression: Sequence[Tlv]) -> Image:
    """Header, payload and protected TLVs; the payload is plain."""
    protected = protected_tlvs(options, seal, compression)
    flags = options.flags
    if seal.encryption is not None:
        flags |= seal.encryption.flag
    elif options.for_encryption:
        flags |= Flag.ENCRYPTED_AES128 if options.for_encryption == 128 else Flag.ENCRYPTED_AES256
    header = Header(
        version=options.version,
        header_size=options.header_size,
        image_size=len(payload),
        protected_size=len(encode_area(protected, PROTECTED_MAGIC)),
        flags=int(flags),
        load_address=options.load_address,
    )
    return Image(header, payload, protected, header_padding=erased(options.header_size - HEADER_BYTES))


def _compressed(plain: Image, options: Options, seal: Seal) -> Image:
    """The image with its payload compressed, or as it was if that is no smaller."""
    thumb = options.compression == "lzma2-thumb"
    packed = compress(plain.payload, thumb=thumb)
    digest = digest_of(seal.hash_type, plain.covered)
    tlvs = [Tlv(TlvType.DECOMP_SIZE, struct.pack("<I", len(plain.payload))), Tlv(TlvType.DECOMP_SHA, digest)]
    if seal.signing_key is not None:
        tlvs.append(Tlv(TlvType.DECOMP_SIGNATURE, sign_digest(seal.signing_key, digest)))
    if len(packed) + sum(len(tlv.encode()) for tlv in tlvs) >= len(plain.payload):
        return plain
    if seal.encryption is not None:
        tlvs.append(Tlv(TlvType.COMP_DEC_SIZE, struct.pack("<I", len(packed))))
    flags = Flag.COMPRESSED_LZMA2 | (Flag.COMPRESSED_ARM_THUMB if thumb else Flag(0))
    made = _image(packed, options, seal, tlvs)
    return replace(made, header=replace(made.header, flags=made.header.flags | flags))


def _padded(image: Image, seal: Seal) -> Image:
    """With zeros to a multiple of the cipher's block, where the image is going to be encrypted."""
    if not image.header.flags & ENCRYPTED and seal.encryption is None:
        return image
    payload = image.payload + bytes(-(image.header.header_size + len(image.payload)) % ENCRYPTION_BLOCK)
    return replace(image, payload=payload, header=replace(image.header, image_size=len(payload)))


def _with_signer(image: Image, signer: Signer) -> Image:
    """The image with that signer in place of the one it may have."""
    others = [tlv for tlv in image.protected if tlv.type not in (TlvType.SIGNER_CHAIN, TlvType.SIGNING_TIME)]
    protected = (*others, *signer.tlvs())
    size = len(encode_area(protected, PROTECTED_MAGIC))
    return replace(image, protected=protected, header=replace(image.header, protected_size=size))


def without_header(binary: bytes, header_size: int) -> bytes:
    """The binary without the room for a header; raises OptionsInvalid where there is none."""
    room = binary[:header_size]
    if len(room) < header_size or len(set(room)) != 1 or room[0] not in (0x00, 0xFF):
        raise OptionsInvalid(
            f"the binary does not begin with {header_size} bytes of zeros or erased flash",
            cause="it was linked without room for the header",
        )
    return binary[header_size:]


def _check(payload: bytes, options: Options, seal: Seal) -> None:
    if not payload:
        raise OptionsInvalid("an image needs a payload", cause="an empty file")
    if not HEADER_BYTES <= options.header_size <= 0xFFFF or options.header_size % 4:
        raise OptionsInvalid(f"a header has 32 to 65535 bytes, a multiple of 4, not {options.header_size}")
    if options.counter is not None and not 0 <= options.counter <= 0xFFFFFFFF:
        raise OptionsInvalid(f"a security counter has 32 bits, and {options.counter} has not")
    if options.boot_record is not None and len(options.boot_record.encode()) > MAX_SW_TYPE_CHARS:
        raise OptionsInvalid(f"a boot record's type has at most {MAX_SW_TYPE_CHARS} characters")
    if options.max_deferrals is not None and not 0 <= options.max_deferrals <= 0xFFFF:
        raise OptionsInvalid(f"deferrals are counted to 65535, not to {options.max_deferrals}")
    if options.signing_time_s is not None and not 0 <= options.signing_time_s < 1 << 64:
        raise OptionsInvalid("a signing time is a number of seconds since 1970")
    if options.signer_chain:
        if options.signing_time_s is None:
            raise OptionsInvalid("a signer chain needs a signing time")
        _check_signer(options.signer_chain, seal.signing_key)


def _check_signer(chain: Sequence[bytes], key: PrivateKey | None) -> None:
    """That the first certificate is the signing key's."""
    certified = certificates_of(b"".join(chain))[0].public_key()
    if key is None or certified != key.public_key():
        raise OptionsInvalid(
            "the first certificate of the signer chain is not the signing key's",
            cause="key and certificates of two different signers",
            action="name the signer's own key and chain",
        )
