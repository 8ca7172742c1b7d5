"""TCG-CSR-IDEVID, the request for an IDevID (TCG "TPM 2.0 Keys for Device Identity and Attestation" 13.1):
build, parse.

Outside: structVer, size of the contents, size of the signature, contents, signature (TPMT_SIGNATURE by the
IDevID over the contents).  Inside, every number a big-endian u32: structVer, hashAlgoId, hashSz, hash,
thirteen sizes, the twelve fields that they tell, padding to a multiple of 16 bytes.  `hash` covers all that
follows it, padding included.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from workbench.identity.tpm.errors import CsrMalformed
from workbench.identity.tpm.names import HASHES, digest, digest_size
from workbench.identity.tpm.structures import Alg
from workbench.identity.tpm.wire import u32

OUTER_VERSION: Final = 0x01000100
CONTENT_VERSION: Final = 0x00000100
MAX_CSR_BYTES: Final = 65536
PAD_TO: Final = 16
OUTER_HEADER_BYTES: Final = 12
MAX_HASH_BYTES: Final = 64
CSR_HASHES: Final = (Alg.SHA256, Alg.SHA384, Alg.SHA512)


@dataclass(frozen=True, slots=True)
class CsrFields:
    """The twelve fields in their order in the CSR, without outer sizes; empty bytes where one is absent."""

    model: bytes
    """prodModel, text."""
    serial: bytes
    """prodSerial, text."""
    ca_data: bytes
    """prodCaData."""
    boot_log: bytes
    """bootEvntLog."""
    ek_cert: bytes
    """ekCert, DER."""
    iak_public: bytes
    """attestPub, TPMT_PUBLIC."""
    iak_ticket: bytes
    """atCreateTkt."""
    iak_attest: bytes
    """atCertifyInfo, TPMS_ATTEST."""
    iak_attest_signature: bytes
    """Its TPMT_SIGNATURE."""
    idevid_public: bytes
    """signingPub, TPMT_PUBLIC."""
    idevid_attest: bytes
    """sgnCertifyInfo, TPMS_ATTEST."""
    idevid_attest_signature: bytes
    """Its TPMT_SIGNATURE, by the IAK."""


FIELD_NAMES: Final = tuple(field.name for field in fields(CsrFields))
SIZES_COUNT: Final = len(FIELD_NAMES) + 1


@dataclass(frozen=True, slots=True)
class CsrParts:
    """A CSR cut at the places that its sizes tell; nothing is believed yet, `verify_form` says what is
    wrong.
    """

    outer_version: int
    signature: bytes
    trailing: bytes
    """What follows the signature."""
    missing: int
    """How many bytes the outer sizes tell that are not there."""
    contents: bytes
    """As signed."""
    version: int
    hash_alg: int
    hash: bytes
    hashed: bytes
    """What `hash` covers."""
    sizes: tuple[int, ...]
    """All thirteen, the padding's last."""
    fields: CsrFields
    padding: bytes
    """What follows the fields."""


def build_contents(content: CsrFields, hash_alg: int) -> bytes:
    """The contents, to be signed by the IDevID; `hash_alg` is a TPM_ALG_ID (the IDevID's nameAlg)."""
    values = [getattr(content, name) for name in FIELD_NAMES]
    payload = b"".join(values)
    head_bytes = 12 + digest_size(hash_alg) + 4 * SIZES_COUNT
    pad = -(head_bytes + len(payload)) % PAD_TO
    hashed = b"".join(u32(len(value)) for value in values) + u32(pad) + payload + bytes(pad)
    hashes = digest(hash_alg, hashed)
    return u32(CONTENT_VERSION) + u32(hash_alg) + u32(len(hashes)) + hashes + hashed


def build_csr(contents: bytes, signature: bytes) -> bytes:
    """The whole CSR; `signature` is a TPMT_SIGNATURE over `contents`."""
    return u32(OUTER_VERSION) + u32(len(contents)) + u32(len(signature)) + contents + signature


def parse_csr(data: bytes) -> CsrParts:
    """A CSR of the exact form, its hash right; whose signature it has is not asked.  Raises CsrMalformed."""
    parts = split_csr(data)
    verify_form(parts)
    return parts


def split_csr(data: bytes) -> CsrParts:
    """Cuts a CSR by its sizes, as far as there are bytes; raises CsrMalformed where not even the sizes are
    there.
    """
    if len(data) > MAX_CSR_BYTES:
        raise CsrMalformed(f"CSR of {len(data)} bytes; at most {MAX_CSR_BYTES} are taken")
    outer_version, size, signature_size = _numbers(data, 3, "the outer header")
    contents = data[OUTER_HEADER_BYTES : OUTER_HEADER_BYTES + size]
    rest = data[OUTER_HEADER_BYTES + size :]
    version, hash_alg, hash_size = _numbers(contents, 3, "the inner header")
    if hash_size > MAX_HASH_BYTES:
        raise CsrMalformed(f"CSR: hashSz is {hash_size}, no hash is longer than {MAX_HASH_BYTES} bytes")
    hashed = contents[12 + hash_size :]
    sizes = _numbers(hashed, SIZES_COUNT, "the sizes")
    content, padding = _cut(hashed[4 * SIZES_COUNT :], sizes)
    return CsrParts(
        outer_version=outer_version,
        signature=rest[:signature_size],
        trailing=rest[signature_size:],
        missing=max(0, OUTER_HEADER_BYTES + size + signature_size - len(data)),
        contents=contents,
        version=version,
        hash_alg=hash_alg,
        hash=contents[12 : 12 + hash_size],
        hashed=hashed,
        sizes=sizes,
        fields=content,
        padding=padding,
    )


def verify_form(parts: CsrParts) -> None:
    """Raises CsrMalformed unless versions, sizes, padding and hash are what they must be."""
    for verify in FORM:
        verify(parts)


def verify_outer_version(parts: CsrParts) -> None:
    """structVer outside."""
    if parts.outer_version != OUTER_VERSION:
        raise CsrMalformed(f"CSR: outer structVer is {parts.outer_version:#010x}, not {OUTER_VERSION:#010x}")


def verify_whole(parts: CsrParts) -> None:
    """All bytes that the outer sizes tell are there."""
    if parts.missing:
        raise CsrMalformed(f"CSR: {parts.missing} bytes are missing at its end")


def verify_end(parts: CsrParts) -> None:
    """Nothing follows the signature."""
    if parts.trailing:
        raise CsrMalformed(f"CSR: {len(parts.trailing)} bytes follow its signature")


def verify_version(parts: CsrParts) -> None:
    """structVer of the contents."""
    if parts.version != CONTENT_VERSION:
        raise CsrMalformed(f"CSR: structVer is {parts.version:#010x}, not {CONTENT_VERSION:#010x}")


def verify_hash_algorithm(parts: CsrParts) -> None:
    """A hash that is strong enough, and of its size."""
    if parts.hash_alg not in CSR_HASHES:
        raise CsrMalformed(f"CSR: hashAlgoId {parts.hash_alg:#06x} is none of {', '.join(_hash_names())}")
    if len(parts.hash) != digest_size(parts.hash_alg):
        raise CsrMalformed(f"CSR: hashSz is {len(parts.hash)}, not {digest_size(parts.hash_alg)}")


def verify_sizes(parts: CsrParts) -> None:
    """The thirteen sizes tell exactly the bytes that there are."""
    told, there = sum(parts.sizes), len(parts.hashed) - 4 * SIZES_COUNT
    if told != there:
        raise CsrMalformed(f"CSR: its sizes tell {told} bytes of payload, there are {there}")


def verify_padding(parts: CsrParts) -> None:
    """padSz fills up to a multiple of 16 and no further; its bytes are free (real TPMs' makers leave anything
    there).
    """
    if parts.sizes[-1] >= PAD_TO or len(parts.contents) % PAD_TO:
        raise CsrMalformed(
            f"CSR: padSz {parts.sizes[-1]} makes no multiple of {PAD_TO} of {len(parts.contents)} bytes"
        )


def verify_hash(parts: CsrParts) -> None:
    """`hash` is over sizes, fields and padding."""
    if digest(parts.hash_alg, parts.hashed) != parts.hash:
        raise CsrMalformed("CSR: its hash is not that of its sizes and fields")


FORM: Final = (
    verify_outer_version,
    verify_whole,
    verify_end,
    verify_version,
    verify_hash_algorithm,
    verify_sizes,
    verify_padding,
    verify_hash,
)


def _numbers(data: bytes, count: int, what: str) -> tuple[int, ...]:
    if len(data) < 4 * count:
        raise CsrMalformed(f"CSR: it ends within {what}")
    return tuple(int.from_bytes(data[4 * n : 4 * n + 4], "big") for n in range(count))


def _cut(payload: bytes, sizes: tuple[int, ...]) -> tuple[CsrFields, bytes]:
    values, at = [], 0
    for size in sizes[:-1]:
        values.append(payload[at : at + size])
        at += size
    return CsrFields(*values), payload[at:]


def _hash_names() -> list[str]:
    return [HASHES[alg] for alg in CSR_HASHES]
