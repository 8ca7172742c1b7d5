"""The two otherName forms that identify hardware: hardwareModuleName (RFC 4108 section 5) and
permanentIdentifier (RFC 4043 section 2).  Pure; asn1crypto, as cryptography has no words for them.
"""

from __future__ import annotations

from asn1crypto import core

from workbench.identity.certificates.fields import HardwareModule, PermanentIdentifier


class _HardwareModuleName(core.Sequence):  # type: ignore[misc]
    _fields = [("hwType", core.ObjectIdentifier), ("hwSerialNum", core.OctetString)]  # noqa: RUF012


class _PermanentIdentifier(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("identifierValue", core.UTF8String, {"optional": True}),
        ("assigner", core.ObjectIdentifier, {"optional": True}),
    ]


def hardware_module_der(module: HardwareModule) -> bytes:
    """The value of the otherName."""
    der: bytes = _HardwareModuleName({"hwType": module.type_oid, "hwSerialNum": module.serial}).dump()
    return der


def permanent_identifier_der(identifier: PermanentIdentifier) -> bytes:
    """The value of the otherName."""
    values = {"identifierValue": identifier.value, "assigner": identifier.assigner}
    der: bytes = _PermanentIdentifier({k: v for k, v in values.items() if v is not None}).dump()
    return der


def read_hardware_module(der: bytes) -> HardwareModule:
    """Raises ValueError for anything else, trailing bytes and other encodings included."""
    parsed = _HardwareModuleName.load(der, strict=True)
    module = HardwareModule(parsed["hwType"].dotted, parsed["hwSerialNum"].native)
    if hardware_module_der(module) != der:
        raise ValueError("hardwareModuleName is not in DER")
    return module


def read_permanent_identifier(der: bytes) -> PermanentIdentifier:
    """Raises ValueError for anything else, trailing bytes and other encodings included."""
    parsed = _PermanentIdentifier.load(der, strict=True)
    assigner = parsed["assigner"]
    found = PermanentIdentifier(
        parsed["identifierValue"].native or "", None if isinstance(assigner, core.Void) else assigner.dotted
    )
    if permanent_identifier_der(found) != der:
        raise ValueError("permanentIdentifier is not in DER")
    return found
