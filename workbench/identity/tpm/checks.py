"""Everything that a certificate authority checks before it believes that a TPM made and keeps a unit's keys.

    checked = check_tpm_request(request, policy, nonce, now)

`CHECKS` is the list, in order; each refuses with its own stable reason (`reasons.REASONS`).  One thing no
check can show: that the EK's TPM holds the IAK.  Only TPM2_ActivateCredential of a fresh secret
(`credential`) does, and no certificate may leave the authority before its answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from workbench.identity.tpm.case import Case, Check, EkCase, KeyCase
from workbench.identity.tpm.checks_attest import ATTEST_CHECKS
from workbench.identity.tpm.checks_csr import CSR_CHECKS, SIGNATURE_CHECKS
from workbench.identity.tpm.checks_ek import EK_CHECKS, checked_ek
from workbench.identity.tpm.checks_keys import KEY_CHECKS, keys_distinct
from workbench.identity.tpm.checks_unit import UNIT_CHECKS, USED_CHECKS
from workbench.identity.tpm.errors import IdentityRefused, TpmStructureMalformed
from workbench.identity.tpm.policy import CheckedKey, CheckedTpm, TpmPolicy
from workbench.identity.tpm.request import NonceState, TpmRequest


def _of_ek(item: Check[EkCase]) -> Check[Case]:
    run: Callable[[EkCase], None] = item.run
    return Check(item.name, item.reasons, lambda case: run(case.ek))


CHECKS: tuple[Check[Case], ...] = (
    *UNIT_CHECKS,
    *CSR_CHECKS,
    *KEY_CHECKS,
    *SIGNATURE_CHECKS,
    *ATTEST_CHECKS,
    *(_of_ek(item) for item in EK_CHECKS),
    keys_distinct,
    *USED_CHECKS,
)
"""All checks in the order in which they are made; what is used twice is looked at last, so that only a
request which is right in all else can accuse another unit.
"""

STRUCTURE: Final = "structure-malformed"
"""Reason where a structure cannot be read and no check of its own has said so."""


def check_tpm_request(request: TpmRequest, policy: TpmPolicy, nonce: NonceState, now: datetime) -> CheckedTpm:
    """What the request proves.  `now` is aware (UTC).  Raises IdentityRefused with its reason."""
    case = Case(request, policy, nonce, now)
    try:
        for item in CHECKS:
            item.run(case)
        return _checked(case)
    except TpmStructureMalformed as error:
        raise IdentityRefused(STRUCTURE, error.what) from None


def _checked(case: Case) -> CheckedTpm:
    request, ek = case.request, checked_ek(case.ek)
    return CheckedTpm(
        request_id=request.request_id,
        serial=request.serial,
        model=request.model,
        station=request.station,
        idevid=_checked_key(case.idevid),
        iak=_checked_key(case.iak),
        ek=ek,
        csr_sha256=hashlib.sha256(request.csr).hexdigest(),
        firmware=case.attest.firmware,
        reset_count=case.attest.clock.reset_count,
        clock_ms=case.attest.clock.clock_ms,
        notes=(*ek.notes, *_notes(case)),
    )


def _checked_key(key: KeyCase) -> CheckedKey:
    return CheckedKey(key.shape.id if key.shape else "", key.public_bytes, key.name, key.spki)


def _notes(case: Case) -> tuple[str, ...]:
    return () if case.policy.order_book is not None else ("no order book",)
