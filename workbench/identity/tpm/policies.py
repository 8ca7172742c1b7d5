"""Authorisation policies of IDevID, IAK and EK, derived as a TPM derives them (TPM 2.0 Library, Part 3, 23).

TCG "TPM 2.0 Keys for Device Identity and Attestation" 7.3.6: the policy of IDevID and IAK is PolicyOR over
four branches; a session that wants one of them runs that branch and then PolicyOR with all four.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from workbench.identity.tpm.names import Hierarchy, digest, digest_size, nv_name
from workbench.identity.tpm.structures import Alg
from workbench.identity.tpm.wire import u32

CC_POLICY_SECRET: Final = 0x00000151
CC_POLICY_COMMAND_CODE: Final = 0x0000016C
CC_POLICY_OR: Final = 0x00000171
CC_POLICY_AUTHORIZE_NV: Final = 0x00000192
CC_ACTIVATE_CREDENTIAL: Final = 0x00000147
CC_CERTIFY: Final = 0x00000148

POLICY_NV_ATTRIBUTES: Final = 0x220F1008
"""WRITTEN, NO_DA, PPREAD, OWNERREAD, AUTHREAD, POLICYREAD, WRITEALL, POLICYWRITE: as they are once it was
written.
"""

POLICY_INDICES: Final[dict[tuple[str, int], int]] = {
    ("idevid", Alg.SHA256): 0x01C90010,
    ("idevid", Alg.SHA384): 0x01C90011,
    ("idevid", Alg.SHA512): 0x01C90012,
    ("iak", Alg.SHA256): 0x01C90018,
    ("iak", Alg.SHA384): 0x01C90019,
    ("iak", Alg.SHA512): 0x01C9001A,
    ("ek", Alg.SHA256): 0x01C07F01,
    ("ek", Alg.SHA384): 0x01C07F02,
    ("ek", Alg.SHA512): 0x01C07F03,
}
"""NV index that PolicyAuthorizeNV names, for a kind of key and its nameAlg."""


def policy_secret(alg: int, entity: bytes = Hierarchy.ENDORSEMENT.entity_name) -> bytes:
    """Digest after PolicySecret(entity) with an empty policyRef, from a fresh session."""
    return digest(alg, _extend(alg, bytes(digest_size(alg)), CC_POLICY_SECRET, entity))


def policy_command_code(alg: int, before: bytes, command: int) -> bytes:
    """Digest after PolicyCommandCode(command)."""
    return _extend(alg, before, CC_POLICY_COMMAND_CODE, u32(command))


def policy_authorize_nv(alg: int, index_name: bytes) -> bytes:
    """Digest after PolicyAuthorizeNV of the index with that Name, from a fresh session."""
    return _extend(alg, bytes(digest_size(alg)), CC_POLICY_AUTHORIZE_NV, index_name)


def policy_or(alg: int, branches: tuple[bytes, ...]) -> bytes:
    """Digest after PolicyOR of these branches."""
    return _extend(alg, bytes(digest_size(alg)), CC_POLICY_OR, b"".join(branches))


@lru_cache(maxsize=16)
def devid_branches(kind: str, alg: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Branches of an `idevid` or `iak`: any use, Certify, ActivateCredential, and what the policy index
    says.
    """
    secret = policy_secret(alg)
    return (
        secret,
        policy_command_code(alg, secret, CC_CERTIFY),
        policy_command_code(alg, secret, CC_ACTIVATE_CREDENTIAL),
        _index_branch(kind, alg),
    )


@lru_cache(maxsize=16)
def devid_policy(kind: str, alg: int) -> bytes:
    """authPolicy of an `idevid` or `iak` whose nameAlg is `alg`."""
    return policy_or(alg, devid_branches(kind, alg))


def ek_branches(alg: int) -> tuple[bytes, bytes]:
    """Branches of an EK of the high range (PolicyB of the EK Credential Profile)."""
    return policy_secret(alg), _index_branch("ek", alg)


@lru_cache(maxsize=8)
def ek_policy_high(alg: int) -> bytes:
    """authPolicy of an EK of the high range, H-1 and up."""
    return policy_or(alg, ek_branches(alg))


def ek_policy_low() -> bytes:
    """authPolicy of an EK of the low range, L-1 and L-2 (PolicyA)."""
    return policy_secret(Alg.SHA256)


def _index_branch(kind: str, alg: int) -> bytes:
    index = POLICY_INDICES[(kind, alg)]
    name = nv_name(index, alg, POLICY_NV_ATTRIBUTES, policy_secret(alg), digest_size(alg) + 2)
    return policy_authorize_nv(alg, name)


def _extend(alg: int, before: bytes, command: int, what: bytes) -> bytes:
    return digest(alg, before + u32(command) + what)
