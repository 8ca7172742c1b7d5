"""A microcontroller's request as plain values for the socket, and back.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workbench.identity.ca.errors import CaRefused
from workbench.identity.mcu.request import McuRequest

MAX_BYTES: Final = {"chip_id": 64, "csr": 4096}
MAX_CHARS: Final = 200
MAX_TIME: Final = 1 << 40
_KINDS: Final[dict[str, type]] = {
    "request_id": str,
    "serial": str,
    "model": str,
    "station": str,
    "chip_id": bytes,
    "csr": bytes,
    "key_origin": str,
    "station_time": int,
}


def mcu_to_map(request: McuRequest) -> dict[str, Any]:
    """The request's fields."""
    return {name: getattr(request, name) for name in _KINDS}


def mcu_from_map(sent: object) -> McuRequest:
    """The request; raises CaRefused for missing, unknown, too long or wrong fields."""
    if not isinstance(sent, Mapping) or set(sent) != set(_KINDS):
        raise _malformed("its fields are not those of a request")
    for name, kind in _KINDS.items():
        value = sent[name]
        if type(value) is not kind:
            raise _malformed(f"'{name}' is of another type")
        if isinstance(value, str | bytes) and len(value) > MAX_BYTES.get(name, MAX_CHARS):
            raise _malformed(f"'{name}' is too long")
        if isinstance(value, int) and not 0 <= value < MAX_TIME:
            raise _malformed(f"'{name}' is out of range")
    return McuRequest(**sent)


def _malformed(why: str) -> CaRefused:
    return CaRefused(
        f"the request is malformed: {why}",
        reason="request-malformed",
        cause="a station of another version, or a message that was changed",
        action="bring station and certificate authority to the same version",
    )
