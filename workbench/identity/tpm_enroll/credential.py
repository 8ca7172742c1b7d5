"""Phase 3b: the request to the CA, its challenge opened by the TPM, and the certificates that come for it.

The CA issues once for a unit's request ID: where an answer was lost, what was issued is asked for again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ca.messages import Issued
    from workbench.identity.tpm.request import TpmRequest
    from workbench.identity.tpm_enroll.ek import Ek
    from workbench.identity.tpm_enroll.keys import Key
    from workbench.wires.tpm.tpm import Tpm


def ask(tpm: Tpm, ca: CaClient, request: TpmRequest, ek: Ek, iak: Key) -> Issued:
    """Certificates for the request, after TPM2_ActivateCredential has shown that EK and IAK are in one TPM.

    Raises CaUnreachable, CaRefused, and what the TPM refuses.
    """
    challenge = ca.submit_tpm(request)
    secret = tpm.activate_credential(
        iak.place.handle,
        ek.handle,
        challenge.credential_blob,
        challenge.secret,
        key_policy=iak.policy,
        ek_kind=ek.kind,
    )
    return ca.activate(request.request_id, secret)
