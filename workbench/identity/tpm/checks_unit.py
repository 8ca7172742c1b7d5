"""Checks of who asks for what: texts, the order book, the station's clock, and that nothing is used twice."""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

from workbench.identity.tpm.case import Case, Check, check
from workbench.identity.tpm.errors import IdentityRefused

MAX_TEXT: Final = 64
"""ub-common-name and ub-serial-number (RFC 5280 A.1)."""
_PRINTABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


@check("request-id-form")
def request_id_form(case: Case) -> None:
    """request_id is a UUID in its usual text."""
    text = case.request.request_id
    try:
        is_usual = str(uuid.UUID(text)) == text
    except ValueError:
        is_usual = False
    if not is_usual:
        raise IdentityRefused("request-id-form", "the request id is no UUID in its usual text")


@check("serial-form")
def serial_form(case: Case) -> None:
    """The serial number can stand in a certificate: PrintableString, 1 to 64 characters, no outer blanks."""
    serial = case.request.serial
    if not 0 < len(serial) <= MAX_TEXT or not _PRINTABLE.issuperset(serial) or serial != serial.strip():
        raise IdentityRefused("serial-form", "the serial number cannot stand in a certificate")


@check("model-form")
def model_form(case: Case) -> None:
    """The model can stand in a certificate: 1 to 64 printable characters."""
    model = case.request.model
    if not 0 < len(model) <= MAX_TEXT or not model.isprintable() or model != model.strip():
        raise IdentityRefused("model-form", "the model cannot stand in a certificate")


@check("station-form")
def station_form(case: Case) -> None:
    """The station has a name."""
    station = case.request.station
    if not 0 < len(station) <= MAX_TEXT or not station.isprintable():
        raise IdentityRefused("station-form", "the station's name is empty, too long or not printable")


@check("station-clock")
def station_clock(case: Case) -> None:
    """The station's clock agrees with the authority's."""
    skew = abs(case.now.timestamp() - case.request.station_time)
    if skew > case.policy.max_station_skew_s:
        raise IdentityRefused("station-clock", f"the station's clock differs by {skew:.0f} s")


@check("not-ordered")
def ordered(case: Case) -> None:
    """The order book has a unit of that serial number and model."""
    book = case.policy.order_book
    if book is not None and not book(case.request.serial, case.request.model):
        raise IdentityRefused("not-ordered", "the order book has no unit of that serial number and model")


def _used_once(kind: str) -> Check[Case]:
    reason = f"{kind}-taken"

    def run(case: Case) -> None:
        holder = case.policy.holder(kind, used_values(case)[kind])
        if holder is not None and holder not in (case.request.request_id, case.policy.replaces):
            raise IdentityRefused(
                reason, f"another unit (request {holder[:36]}) already has this {_TITLES[kind]}"
            )

    return Check(f"{kind}_unused", (reason,), run)


def used_values(case: Case) -> dict[str, str]:
    """What only one unit may have, by the kinds of `TpmPolicy.holder`: the serial, and SHA-256 in hex."""
    return {
        "serial": case.request.serial,
        "ek": case.ek.digest,
        "idevid": hashlib.sha256(case.idevid.spki).hexdigest(),
        "iak": hashlib.sha256(case.iak.spki).hexdigest(),
        "csr": hashlib.sha256(case.request.csr).hexdigest(),
    }


_TITLES: Final = {"serial": "serial number", "ek": "EK", "idevid": "IDevID", "iak": "IAK", "csr": "CSR"}

UNIT_CHECKS: Final[tuple[Check[Case], ...]] = (
    request_id_form,
    serial_form,
    model_form,
    station_form,
    station_clock,
    ordered,
)
USED_CHECKS: Final[tuple[Check[Case], ...]] = tuple(_used_once(kind) for kind in _TITLES)
