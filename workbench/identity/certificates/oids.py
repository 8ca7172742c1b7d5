"""Object identifiers of identities, as TCG, IEEE 802.1AR and the IETF assign them.  Data only."""

from __future__ import annotations

from typing import Final

HARDWARE_MODULE_NAME: Final = "1.3.6.1.5.5.7.8.4"
"""id-on-hardwareModuleName, RFC 4108 section 5."""
PERMANENT_IDENTIFIER: Final = "1.3.6.1.5.5.7.8.3"
"""id-on-permanentIdentifier, RFC 4043 section 2."""

TPM_20: Final = "2.23.133.1.2"
"""hwType of a TPM 2.0, TCG DevID section 8.1."""
EK_SHA256: Final = "2.23.133.12.1"
"""tcg-on-ekPermIdSha256: the assigner of a permanentIdentifier that is the digest of an EK certificate."""

VERIFIED_TPM_RESIDENCY: Final = "2.23.133.11.1.1"
VERIFIED_TPM_FIXED: Final = "2.23.133.11.1.2"
VERIFIED_TPM_RESTRICTED: Final = "2.23.133.11.1.3"
"""What the CA verified of a key before it issued, TCG DevID section 8.2."""
TCG_POLICIES: Final = (VERIFIED_TPM_RESIDENCY, VERIFIED_TPM_FIXED, VERIFIED_TPM_RESTRICTED)

ANY_POLICY: Final = "2.5.29.32.0"

EKU_EK: Final = "2.23.133.8.1"
EKU_PLATFORM: Final = "2.23.133.8.2"
EKU_AIK: Final = "2.23.133.8.3"

EKU_ANY: Final = "2.5.29.37.0"
EKU_SERVER: Final = "1.3.6.1.5.5.7.3.1"
EKU_CLIENT: Final = "1.3.6.1.5.5.7.3.2"
EKU_CODE: Final = "1.3.6.1.5.5.7.3.3"

COUNTRY: Final = "2.5.4.6"
ORGANIZATION: Final = "2.5.4.10"
ORGANIZATIONAL_UNIT: Final = "2.5.4.11"
COMMON_NAME: Final = "2.5.4.3"
SERIAL_NUMBER: Final = "2.5.4.5"

SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
KEY_USAGE: Final = "2.5.29.15"
SUBJECT_ALT_NAME: Final = "2.5.29.17"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
CERTIFICATE_POLICIES: Final = "2.5.29.32"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"
