"""TPM 2.0 structures as bytes: TPMT_PUBLIC (RSA, ECC), TPMS_ATTEST, TPMT_SIGNATURE and TPM2B (TPM 2.0
Library, Part 2).

Bounded and exact: a parser takes the whole of its bytes or raises TpmStructureMalformed, and nothing else.
What parsed is built again to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from workbench.identity.tpm.errors import TpmStructureMalformed
from workbench.identity.tpm.wire import Reader, tpm2b, u8, u16, u32, u64

GENERATED: Final = 0xFF544347
"""TPM_GENERATED_VALUE: what a TPM itself made begins with it, and a restricted key signs nothing else that
does.
"""
MAX_BYTES: Final = 4096
MAX_PCR_BANKS: Final = 16
MAX_RSA_BITS: Final = 4096


class Alg(IntEnum):
    """TPM_ALG_ID, those that are used here."""

    RSA = 0x0001
    AES = 0x0006
    SHA1 = 0x0004
    SHA256 = 0x000B
    SHA384 = 0x000C
    SHA512 = 0x000D
    NULL = 0x0010
    RSASSA = 0x0014
    RSAPSS = 0x0016
    ECDSA = 0x0018
    ECC = 0x0023
    CFB = 0x0043


class Curve(IntEnum):
    """TPM_ECC_CURVE."""

    P256 = 0x0003
    P384 = 0x0004
    P521 = 0x0005


class Attribute(IntFlag):
    """TPMA_OBJECT."""

    FIXED_TPM = 1 << 1
    ST_CLEAR = 1 << 2
    FIXED_PARENT = 1 << 4
    SENSITIVE_DATA_ORIGIN = 1 << 5
    USER_WITH_AUTH = 1 << 6
    ADMIN_WITH_POLICY = 1 << 7
    NO_DA = 1 << 10
    ENCRYPTED_DUPLICATION = 1 << 11
    RESTRICTED = 1 << 16
    DECRYPT = 1 << 17
    SIGN = 1 << 18


class AttestType(IntEnum):
    """TPM_ST_ATTEST_*, those that are used here."""

    CERTIFY = 0x8017
    QUOTE = 0x8018
    CREATION = 0x801A


@dataclass(frozen=True, slots=True)
class Symmetric:
    """TPMT_SYM_DEF_OBJECT other than NULL: `alg` and `mode` are TPM_ALG_ID, `bits` the key's size."""

    alg: int
    bits: int
    mode: int


@dataclass(frozen=True, slots=True)
class Scheme:
    """TPMT_RSA_SCHEME, TPMT_ECC_SCHEME or TPMT_KDF_SCHEME other than NULL, with its hash."""

    alg: int
    hash_alg: int


@dataclass(frozen=True, slots=True)
class RsaKey:
    """Parameters and unique of an RSA key: exponent 0 stands for 65537; modulus big-endian, empty in a
    template.
    """

    bits: int
    exponent: int
    modulus: bytes


@dataclass(frozen=True, slots=True)
class EccKey:
    """Parameters and unique of an ECC key: coordinates big-endian, as the TPM gives them."""

    curve: int
    kdf: Scheme | None
    x: bytes
    y: bytes


@dataclass(frozen=True, slots=True)
class PublicArea:
    """TPMT_PUBLIC of an asymmetric key; `symmetric` and `scheme` None stand for TPM_ALG_NULL."""

    name_alg: int
    attributes: Attribute
    auth_policy: bytes
    symmetric: Symmetric | None
    scheme: Scheme | None
    key: RsaKey | EccKey


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """TPMS_CLOCK_INFO: `clock_ms` in ms; `safe` False means that the clock may have gone backwards."""

    clock_ms: int
    reset_count: int
    restart_count: int
    safe: bool


@dataclass(frozen=True, slots=True)
class Certified:
    """TPMS_CERTIFY_INFO."""

    name: bytes
    qualified_name: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """TPMS_CREATION_INFO."""

    name: bytes
    creation_hash: bytes


@dataclass(frozen=True, slots=True)
class PcrSelection:
    """TPMS_PCR_SELECTION: the bitmap's bytes, bit n of byte m selects PCR 8*m+n."""

    hash_alg: int
    bitmap: bytes

    @property
    def indices(self) -> tuple[int, ...]:
        """The PCRs that are selected, ascending."""
        return tuple(n for n in range(8 * len(self.bitmap)) if self.bitmap[n // 8] >> n % 8 & 1)


@dataclass(frozen=True, slots=True)
class Quoted:
    """TPMS_QUOTE_INFO."""

    selection: tuple[PcrSelection, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """TPMS_ATTEST; `signer` is the qualified Name of the key that signed, `extra` the qualifying data."""

    magic: int
    signer: bytes
    extra: bytes
    clock: ClockInfo
    firmware: int
    attested: Certified | Created | Quoted


@dataclass(frozen=True, slots=True)
class EcdsaSignature:
    """TPMT_SIGNATURE of ECDSA: r and s big-endian."""

    hash_alg: int
    r: bytes
    s: bytes


@dataclass(frozen=True, slots=True)
class RsaSignature:
    """TPMT_SIGNATURE of RSASSA or RSAPSS (`scheme`)."""

    scheme: int
    hash_alg: int
    value: bytes


Signature = EcdsaSignature | RsaSignature


def parse_public(data: bytes) -> PublicArea:
    """TPMT_PUBLIC, without the outer size, from exactly these bytes; raises TpmStructureMalformed."""
    reader = Reader(data, "TPMT_PUBLIC", MAX_BYTES)
    kind = reader.one_of((Alg.RSA, Alg.ECC), "type")
    name_alg = reader.u16("nameAlg")
    attributes = Attribute(reader.u32("objectAttributes"))
    policy = reader.tpm2b("authPolicy", 64)
    symmetric = _symmetric(reader)
    scheme = _scheme(reader, "scheme")
    key = _rsa(reader) if kind == Alg.RSA else _ecc(reader)
    reader.end()
    return PublicArea(name_alg, attributes, policy, symmetric, scheme, key)


def build_public(public: PublicArea) -> bytes:
    """TPMT_PUBLIC without the outer size."""
    key = public.key
    kind = Alg.RSA if isinstance(key, RsaKey) else Alg.ECC
    head = u16(kind) + u16(public.name_alg) + u32(public.attributes) + tpm2b(public.auth_policy)
    head += _build_symmetric(public.symmetric) + _build_scheme(public.scheme)
    if isinstance(key, RsaKey):
        return head + u16(key.bits) + u32(key.exponent) + tpm2b(key.modulus)
    return head + u16(key.curve) + _build_scheme(key.kdf) + tpm2b(key.x) + tpm2b(key.y)


def parse_attest(data: bytes, *, any_magic: bool = False) -> Attest:
    """TPMS_ATTEST of type certify, creation or quote, from exactly these bytes; raises TpmStructureMalformed.

    any_magic: let another magic pass, for one who says itself what is wrong with it.
    """
    reader = Reader(data, "TPMS_ATTEST", MAX_BYTES)
    magic = reader.u32("magic")
    if magic != GENERATED and not any_magic:
        raise TpmStructureMalformed(f"TPMS_ATTEST: magic is {magic:#010x}, a TPM writes {GENERATED:#010x}")
    kind = reader.one_of(tuple(AttestType), "type")
    signer = reader.tpm2b("qualifiedSigner", 66)
    extra = reader.tpm2b("extraData", 66)
    clock = ClockInfo(
        reader.u64("clock"), reader.u32("resetCount"), reader.u32("restartCount"), reader.yes_no("safe")
    )
    firmware = reader.u64("firmwareVersion")
    attested = _ATTESTED[AttestType(kind)](reader)
    reader.end()
    return Attest(magic, signer, extra, clock, firmware, attested)


def build_attest(attest: Attest) -> bytes:
    """TPMS_ATTEST without an outer size; a TPM builds its own, tests build others."""
    clock = attest.clock
    return (
        u32(attest.magic)
        + u16(_type_of(attest.attested))
        + tpm2b(attest.signer)
        + tpm2b(attest.extra)
        + u64(clock.clock_ms)
        + u32(clock.reset_count)
        + u32(clock.restart_count)
        + u8(int(clock.safe))
        + u64(attest.firmware)
        + _build_attested(attest.attested)
    )


def parse_signature(data: bytes) -> Signature:
    """TPMT_SIGNATURE of ECDSA, RSASSA or RSAPSS, from exactly these bytes; raises TpmStructureMalformed."""
    reader = Reader(data, "TPMT_SIGNATURE", MAX_BYTES)
    scheme = reader.one_of((Alg.ECDSA, Alg.RSASSA, Alg.RSAPSS), "sigAlg")
    hash_alg = reader.u16("hash")
    signature: Signature
    if scheme == Alg.ECDSA:
        signature = EcdsaSignature(hash_alg, reader.tpm2b("signatureR", 66), reader.tpm2b("signatureS", 66))
    else:
        signature = RsaSignature(scheme, hash_alg, reader.tpm2b("sig", MAX_RSA_BITS // 8))
    reader.end()
    return signature


def build_signature(signature: Signature) -> bytes:
    """TPMT_SIGNATURE."""
    if isinstance(signature, EcdsaSignature):
        return u16(Alg.ECDSA) + u16(signature.hash_alg) + tpm2b(signature.r) + tpm2b(signature.s)
    return u16(signature.scheme) + u16(signature.hash_alg) + tpm2b(signature.value)


def parse_tpm2b(data: bytes, what: str = "TPM2B", limit: int = MAX_BYTES) -> bytes:
    """What a TPM2B holds, from exactly these bytes; raises TpmStructureMalformed."""
    reader = Reader(data, what, limit + 2)
    content = reader.tpm2b("buffer", limit)
    reader.end()
    return content


def _symmetric(reader: Reader) -> Symmetric | None:
    alg = reader.u16("symmetric")
    if alg == Alg.NULL:
        return None
    return Symmetric(alg, reader.u16("symmetric keyBits"), reader.u16("symmetric mode"))


def _scheme(reader: Reader, what: str) -> Scheme | None:
    alg = reader.u16(what)
    return None if alg == Alg.NULL else Scheme(alg, reader.u16(f"{what} hash"))


def _rsa(reader: Reader) -> RsaKey:
    bits = reader.u16("keyBits")
    return RsaKey(bits, reader.u32("exponent"), reader.tpm2b("unique", MAX_RSA_BITS // 8))


def _ecc(reader: Reader) -> EccKey:
    curve, kdf = reader.u16("curveID"), _scheme(reader, "kdf")
    return EccKey(curve, kdf, reader.tpm2b("unique x", 66), reader.tpm2b("unique y", 66))


def _build_symmetric(symmetric: Symmetric | None) -> bytes:
    if symmetric is None:
        return u16(Alg.NULL)
    return u16(symmetric.alg) + u16(symmetric.bits) + u16(symmetric.mode)


def _build_scheme(scheme: Scheme | None) -> bytes:
    return u16(Alg.NULL) if scheme is None else u16(scheme.alg) + u16(scheme.hash_alg)


def _certified(reader: Reader) -> Certified:
    return Certified(reader.tpm2b("name", 66), reader.tpm2b("qualifiedName", 66))


def _created(reader: Reader) -> Created:
    return Created(reader.tpm2b("objectName", 66), reader.tpm2b("creationHash", 64))


def _quoted(reader: Reader) -> Quoted:
    count = reader.u32("pcrSelect count")
    if count > MAX_PCR_BANKS:
        raise TpmStructureMalformed(f"TPMS_ATTEST: {count} PCR banks, at most {MAX_PCR_BANKS} are possible")
    selection = tuple(
        PcrSelection(reader.u16("pcrSelect hash"), reader.take(reader.u8("sizeofSelect"), "pcrSelect"))
        for _ in range(count)
    )
    return Quoted(selection, reader.tpm2b("pcrDigest", 64))


_ATTESTED: Final[dict[AttestType, Callable[[Reader], Certified | Created | Quoted]]] = {
    AttestType.CERTIFY: _certified,
    AttestType.CREATION: _created,
    AttestType.QUOTE: _quoted,
}


def _type_of(attested: Certified | Created | Quoted) -> AttestType:
    if isinstance(attested, Certified):
        return AttestType.CERTIFY
    return AttestType.CREATION if isinstance(attested, Created) else AttestType.QUOTE


def _build_attested(attested: Certified | Created | Quoted) -> bytes:
    if isinstance(attested, Certified):
        return tpm2b(attested.name) + tpm2b(attested.qualified_name)
    if isinstance(attested, Created):
        return tpm2b(attested.name) + tpm2b(attested.creation_hash)
    banks = b"".join(u16(s.hash_alg) + u8(len(s.bitmap)) + s.bitmap for s in attested.selection)
    return u32(len(attested.selection)) + banks + tpm2b(attested.digest)
