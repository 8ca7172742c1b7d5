"""What an enrolment of a unit with a TPM is given: which unit, and with what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.events import Emit, ignore
from workbench.identity.one_unit import Step, no_step

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.boards.power import PowerSwitch
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.tpm_enroll.recipe import Recipe
    from workbench.identity.tpm_enroll.verify import Findings
    from workbench.wires.tpm.tpm import Tpm


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Which unit this is to be: the label's `serial`, the board's `target`, the station's id, and the recipe.

    `label_ek`: the beginning of the EK's SHA-256 (hex) that the label shows, None where it shows none.
    `permit_lock`: what cannot be undone may be done.  `off_s`: how long the board is without power.
    """

    serial: str
    target: str
    station: str
    recipe: Recipe
    permit_lock: bool = False
    label_ek: str | None = None
    rma: str | None = None
    off_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What an enrolment works with.

    `connect` opens the TPM, once before and once after the restart; `ca` connects to the certificate
    authority; `now` is the station's clock, UTC; `conclude` signs and keeps the evidence, and returns its
    SHA-256 in hex.
    """

    connect: Callable[[], AbstractContextManager[Tpm]]
    power: PowerSwitch
    ca: Callable[[], AbstractContextManager[CaClient]]
    ledger: Ledger
    now: Callable[[], datetime]
    conclude: Callable[[Findings], str]
    emit: Emit = ignore
    step: Step = no_step
    commit: Callable[[], None] = lambda: None
