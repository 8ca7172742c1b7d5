"""Makes evidence: content in, the signed file's bytes out.  Pure; the key is the caller's."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from workbench.identity.evidence import canonical, dsse
from workbench.identity.evidence.chain import check_signer
from workbench.identity.evidence.content import Content
from workbench.identity.evidence.statement import Place, Signer, statement_of
from workbench.identity.evidence.verify import verify_evidence


def build_evidence(
    content: Content,
    place: Place,
    signer: Signer,
    sign: Callable[[bytes], bytes],
    secrets: tuple[bytes, ...] = (),
) -> bytes:
    """The evidence's file, which was verified before it is given out.

    `sign` signs by ECDSA with SHA-256 with the key of the chain's first certificate, in DER.  Raises
    SecretRefused, ValueNotStorable, and EvidenceRefused where a verifier would refuse what was asked for.
    """
    public: ec.EllipticCurvePublicKey = check_signer(x509.load_der_x509_certificate(signer.chain[0]))
    payload = canonical.encode(statement_of(content, place, signer, secrets))
    data = dsse.seal(payload, dsse.key_id(public), sign)
    verify_evidence(data, signer.chain[-1:])
    return data
