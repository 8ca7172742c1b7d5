"""Whether a certificate is the one for a unit's key, and leads to its CA.  Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.identity.mcu.errors import McuCertificateDiffers


def verify_certificate(
    der: bytes, spki_sha256: str, chain: Sequence[bytes] = ()
) -> ec.EllipticCurvePublicKey:
    """The unit's key in its certificate.  `chain` is DER from the issuing certificate to the root; where it
    is given, each link is verified.

    Raises McuCertificateDiffers for another key, no P-256 key, or a signature that is not the next one's.
    """
    try:
        found = x509.load_der_x509_certificate(der)
        key = found.public_key()
        links = [found, *(x509.load_der_x509_certificate(other) for other in chain)]
        for lower, upper in pairwise(links):
            lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise McuCertificateDiffers("the unit's certificate does not lead to its CA") from error
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not isinstance(key, ec.EllipticCurvePublicKey) or hashlib.sha256(spki).hexdigest() != spki_sha256:
        raise McuCertificateDiffers("the certificate is for another key than the unit's")
    return key
