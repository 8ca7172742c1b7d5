"""All requests that the authority must refuse."""

from __future__ import annotations

from tests.tpm_identity_cases_attest import ATTEST
from tests.tpm_identity_cases_csr import CSR, TAKEN, UNIT
from tests.tpm_identity_cases_ek import EK
from tests.tpm_identity_cases_keys import KEYS

REFUSALS = (*UNIT, *CSR, *KEYS, *ATTEST, *EK, *TAKEN)
