"""What every unit is and owns: nothing exists twice, and nothing changes hands except by an RMA.

    ledger = Ledger(open_engine(url), station="line-1")
    unit = ledger.claim(UnitClaim(...))       # new, or the same one again: unit.state says how far it is
    act = ledger.intend(unit.unit_id, "make-keys", {...})      # on the disk when this returns
    ...                                                        # the irreversible act
    ledger.observe(act, {...})                                 # what was seen, not what was meant
    ledger.keyed(unit.unit_id, {"idevid": spki_sha256, ...}, "tpm", {...})

Every method may be called again with the same values.  Uniqueness is enforced by the database's constraints;
the code above them only finds the better words.  Secrets are refused: see `workbench.identity.storable`.
"""

from workbench.identity.ledger.errors import (
    CertificateForeign,
    ClaimDiffers,
    IdentityConflict,
    LedgerValueInvalid,
    RmaRefused,
    RmaRequired,
    UnitUnknown,
    WrongState,
)
from workbench.identity.ledger.ledger import Ledger
from workbench.identity.ledger.values import Act, HistoryEntry, Rma, Unit, UnitClaim, UnitKind
from workbench.identity.storable import SecretRefused, ValueNotStorable

__all__ = [
    "Act",
    "CertificateForeign",
    "ClaimDiffers",
    "HistoryEntry",
    "IdentityConflict",
    "Ledger",
    "LedgerValueInvalid",
    "Rma",
    "RmaRefused",
    "RmaRequired",
    "SecretRefused",
    "Unit",
    "UnitClaim",
    "UnitKind",
    "UnitUnknown",
    "ValueNotStorable",
    "WrongState",
]
