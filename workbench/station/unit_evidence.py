"""What the evidence of an enrolled microcontroller says, from what its enrolment found.  Pure.

For boards with a TPM it is `enroll_tpm.tpm_content`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import workbench
from workbench.identity.evidence.content import Certificate, Content, Flashed, Key, Times, UnitFacts

if TYPE_CHECKING:
    from workbench.identity.mcu.means import Findings

ALGORITHMS = {"device": "ECC P-256", "challenge": "HMAC-SHA256"}
"""What a key of that role is."""


def mcu_content(
    findings: Findings, *, station: str, started: str, finished: str, run_id: str = ""
) -> Content:
    """The content; times are RFC 3339 in UTC."""
    unit, app = findings.unit, findings.attested.claims.app
    origin = unit.origin or "injected"
    flashed = () if app is None else (Flashed("application", app.digest.hex(), 0, app.version, "attested"),)
    read_back = {} if findings.certificate is None else {"device": findings.certificate}
    return Content(
        unit=UnitFacts(
            unit_id=unit.unit_id,
            kind="mcu",
            serial=unit.serial,
            model=unit.model,
            hardware_id=unit.hardware_id,
            target=unit.target,
            request_id=unit.request_id,
            ledger_state=str(unit.state),
            enforced_by=findings.enforced_by,
        ),
        station=station,
        times=Times(started=started, finished=finished),
        flashed=flashed,
        keys=tuple(Key(role, digest, origin, ALGORITHMS.get(role, "")) for role, digest in unit.keys.items()),
        certificates=tuple(
            Certificate(role, der, hashlib.sha256(read_back[role]).hexdigest() if role in read_back else None)
            for role, der in unit.certificates.items()
        ),
        tried=findings.tried,
        intended={"read_back_protection": True},
        observed={**findings.observed, "attested": findings.attested.as_json()},
        versions={"workbench": workbench.__version__, "application": app.version if app is not None else ""},
        run_id=run_id,
    )
