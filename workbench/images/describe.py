"""What an image says of itself, for people and as JSON.  Pure; nothing here is verified."""

from __future__ import annotations

from typing import Any

from workbench.errors import WorkbenchError
from workbench.images import cbor
from workbench.images.chain import certificates_of, shown_time, words
from workbench.images.format import Flag, Image
from workbench.images.tlvs import Dependency, Severity, Tlv, TlvType


def describe(image: Image) -> dict[str, Any]:
    """Header and TLVs, as JSON."""
    header = image.header
    return {
        "version": str(header.version),
        "header_bytes": header.header_size,
        "image_bytes": header.image_size,
        "size_bytes": image.size_bytes,
        "padding_bytes": len(image.trailer),
        "load_address": header.load_address,
        "flags": flag_names(header.flags),
        "tlvs": [
            {
                "type": tlv.type,
                "name": tlv.name,
                "protected": area is image.protected,
                "bytes": len(tlv.value),
                "value": meaning(tlv),
            }
            for area in (image.protected, image.tlvs)
            for tlv in area
        ],
    }


def flag_names(flags: int) -> list[str]:
    """Names of the flags that are set; unknown ones as a number."""
    names = [flag.name or "" for flag in Flag if flags & flag]
    unknown = flags & ~sum(Flag)
    return [*names, hex(unknown)] if unknown else names


def meaning(tlv: Tlv) -> str:
    """A TLV's value in words, or in hex."""
    try:
        return _decoded(tlv)
    except (WorkbenchError, ValueError):
        return f"damaged: {tlv.value[:32].hex()}"


def _decoded(tlv: Tlv) -> str:
    value = tlv.value
    match tlv.type:
        case TlvType.DEPENDENCY:
            needed = Dependency.decode(value)
            return f"image {needed.image} at least {needed.version}"
        case TlvType.SEC_CNT | TlvType.DECOMP_SIZE | TlvType.COMP_DEC_SIZE | TlvType.MAX_DEFERRALS:
            return str(int.from_bytes(value, "little"))
        case TlvType.SIGNING_TIME:
            return shown_time(int.from_bytes(value, "little"))
        case TlvType.SEVERITY:
            return Severity(value[0]).name.lower()
        case TlvType.BOOT_RECORD:
            return _boot_record(value)
        case TlvType.SIGNER_CHAIN:
            return " < ".join(words(found.subject) for found in certificates_of(value))
        case _:
            return value.hex()


def _boot_record(value: bytes) -> str:
    found = cbor.decode_map(value)
    shown = {key: text if isinstance(text, str) else text.hex() for key, text in found.items()}
    return ", ".join(f"{key}={text}" for key, text in shown.items())
