"""Phase 4b: dictionary-attack parameters, Clear disabled, and a lockout password that only the offline
key can have.

In this order, all three while the lockout password is still empty: a power cut between them leaves
nothing that the next run could not finish, and no run needs the password that it gave away.  Each act is
a no-op where the TPM shows that it was done.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.identity.tpm_enroll.escrow import fingerprint, keep, seal
from workbench.wires.tpm.values import Hierarchy

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.identity.tpm_enroll.recipe import DictionaryAttack, Escrow
    from workbench.wires.tpm.tpm import Tpm
    from workbench.wires.tpm.values import TpmProperties

PASSWORD_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """A lockout password that was escrowed, and is not the TPM's yet.  `password` leaves this process
    never.
    """

    password: bytes
    path: Path
    key: str

    def __repr__(self) -> str:
        return f"Sealed({self.path})"


def has_parameters(found: TpmProperties, wanted: DictionaryAttack) -> bool:
    """Whether the TPM has these dictionary-attack parameters already."""
    return (found.max_auth_fail, found.lockout_interval_s, found.lockout_recovery_s) == (
        wanted.max_tries,
        wanted.interval_s,
        wanted.recovery_s,
    )


def set_parameters(tpm: Tpm, wanted: DictionaryAttack) -> None:
    """TPM2_DictionaryAttackParameters with the empty lockout password."""
    tpm.da_parameters(wanted.max_tries, wanted.interval_s, wanted.recovery_s)


def disable_clear(tpm: Tpm) -> None:
    """TPM2_ClearControl(YES) with the empty lockout password."""
    tpm.clear_control(disable=True)


def escrow_password(escrow: Escrow, unit_id: str) -> Sealed:
    """A random lockout password, encrypted on the disk before anybody uses it.  Raises EscrowNotKept."""
    password = secrets.token_bytes(PASSWORD_BYTES)
    path = escrow.folder / f"{unit_id}-{os.urandom(4).hex()}.json"
    keep(path, seal(password, escrow.key, unit_id))
    return Sealed(password, path, fingerprint(escrow.key))


def give_password(tpm: Tpm, sealed: Sealed) -> None:
    """TPM2_HierarchyChangeAuth(LOCKOUT)."""
    tpm.change_auth(Hierarchy.LOCKOUT, sealed.password)
