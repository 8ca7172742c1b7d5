"""What a station sends to the certificate authority for a unit with a TPM, and what the nonce is bound to.

Only shapes here; whether a request is to be believed is decided in `checks`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from workbench.errors import Blame, WorkbenchError

NONCE_BYTES: Final = 32
MAX_TEXT_BYTES: Final = 200
MAX_CERTIFICATE_BYTES: Final = 8192
MAX_CHAIN: Final = 8
MAX_PUBLIC_BYTES: Final = 1024
MAX_CSR_BYTES: Final = 65536


class TpmRequestMalformed(WorkbenchError):
    """A request has fields that are missing, of the wrong type, or too long."""

    code = "tpm-request-malformed"
    blame = Blame.INPUT
    default_cause = "a station whose workbench is of another version, or a message that was changed"
    default_action = "bring station and certificate authority to the same version and enrol again"


@dataclass(frozen=True, slots=True)
class TpmFacts:
    """What the TPM said of itself in the preflight (TPM2_GetCapability, TPM2_ReadClock).

    manufacturer: four characters as in TPM_PT_MANUFACTURER, `IBM `; vendor: the vendor string.
    firmware: TPM_PT_FIRMWARE_VERSION_1 << 32 | _2, as it also stands in every TPMS_ATTEST.
    """

    manufacturer: str
    vendor: str
    firmware: int
    reset_count: int
    restart_count: int


@dataclass(frozen=True, slots=True)
class TpmRequest:
    """One unit's request for its IDevID and IAK certificates.

    ek_cert: DER as read from NV (trailing padding allowed), None where the TPM has none.
    ek_chain: certificates from NV 0x01C00100–0x01C001FF, DER, in any order.
    ek_public: TPMT_PUBLIC of the EK, without the outer size.  csr: TCG-CSR-IDEVID with its signature.
    station_time: Unix time in s by the station's clock.
    """

    request_id: str
    serial: str
    model: str
    station: str
    ek_cert: bytes | None
    ek_public: bytes
    csr: bytes
    properties: TpmFacts
    station_time: int
    ek_chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class NonceState:
    """What the authority knows of the nonce that it gave for a request.

    value: 32 bytes; expires: Unix time in s; used: whether a certificate was issued for it.
    """

    value: bytes
    expires: int
    used: bool = False


def qualifying_data(nonce: bytes, serial: str, station: str) -> bytes:
    """Qualifying data of TPM2_Certify, 32 bytes: SHA-256(nonce ‖ u16 length ‖ serial ‖ u16 length ‖ station).

    Lengths are big-endian and count UTF-8 bytes, so that no two pairs of texts run into each other.
    """
    digest = hashlib.sha256(nonce)
    for text in (serial, station):
        raw = text.encode()
        digest.update(len(raw).to_bytes(2, "big") + raw)
    return digest.digest()


def request_to_map(request: TpmRequest) -> dict[str, Any]:
    """A request as plain values (text, bytes, int, list, map, None) for CBOR."""
    facts = request.properties
    return {
        "request_id": request.request_id,
        "serial": request.serial,
        "model": request.model,
        "station": request.station,
        "ek_cert": request.ek_cert,
        "ek_chain": list(request.ek_chain),
        "ek_public": request.ek_public,
        "csr": request.csr,
        "properties": {
            "manufacturer": facts.manufacturer,
            "vendor": facts.vendor,
            "firmware": facts.firmware,
            "reset_count": facts.reset_count,
            "restart_count": facts.restart_count,
        },
        "station_time": request.station_time,
    }


def request_from_map(value: object) -> TpmRequest:
    """The request that `request_to_map` wrote; raises TpmRequestMalformed for anything else."""
    fields = _exactly(value, _FIELDS)
    facts = _exactly(fields["properties"], _FACTS)
    chain = fields["ek_chain"]
    if not isinstance(chain, list | tuple) or len(chain) > MAX_CHAIN:
        raise TpmRequestMalformed(f"'ek_chain' is not a list of at most {MAX_CHAIN} certificates")
    certificate = fields["ek_cert"]
    return TpmRequest(
        request_id=_text(fields, "request_id"),
        serial=_text(fields, "serial"),
        model=_text(fields, "model"),
        station=_text(fields, "station"),
        ek_cert=None if certificate is None else _bytes("ek_cert", certificate, MAX_CERTIFICATE_BYTES),
        ek_chain=tuple(_bytes("ek_chain", item, MAX_CERTIFICATE_BYTES) for item in chain),
        ek_public=_bytes("ek_public", fields["ek_public"], MAX_PUBLIC_BYTES),
        csr=_bytes("csr", fields["csr"], MAX_CSR_BYTES),
        properties=TpmFacts(
            manufacturer=_text(facts, "manufacturer"),
            vendor=_text(facts, "vendor"),
            firmware=_count(facts, "firmware", 64),
            reset_count=_count(facts, "reset_count", 32),
            restart_count=_count(facts, "restart_count", 32),
        ),
        station_time=_count(fields, "station_time", 40),
    )


_FIELDS: Final = frozenset(
    [
        "request_id",
        "serial",
        "model",
        "station",
        "ek_cert",
        "ek_chain",
        "ek_public",
        "csr",
        "properties",
        "station_time",
    ]
)
_FACTS: Final = frozenset(["manufacturer", "vendor", "firmware", "reset_count", "restart_count"])


def _exactly(value: object, names: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != names:
        raise TpmRequestMalformed(f"a map with exactly these names is needed: {', '.join(sorted(names))}")
    return value


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or len(value) > MAX_TEXT_BYTES:
        raise TpmRequestMalformed(f"'{name}' is not text of at most {MAX_TEXT_BYTES} bytes")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        size = MAX_TEXT_BYTES + 1
    if size > MAX_TEXT_BYTES:
        raise TpmRequestMalformed(f"'{name}' is not text of at most {MAX_TEXT_BYTES} bytes")
    return value


def _bytes(name: str, value: object, limit: int) -> bytes:
    if not isinstance(value, bytes) or len(value) > limit:
        raise TpmRequestMalformed(f"'{name}' is not a byte string of at most {limit} bytes")
    return value


def _count(fields: Mapping[str, Any], name: str, bits: int) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
        raise TpmRequestMalformed(f"'{name}' is not a whole number of at most {bits} bits")
    return value
