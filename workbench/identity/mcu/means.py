"""What a microcontroller's enrolment is ordered to do, what it works with, and what it finds.  Data only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.events import Emit, ignore
from workbench.identity.one_unit import Step, no_step

if TYPE_CHECKING:
    from datetime import datetime

    from workbench.boards.power import PowerSwitch
    from workbench.boards.target import Target
    from workbench.identity.attest.cose import Key
    from workbench.identity.attest.verify import Attested
    from workbench.identity.ca.client import CaClient
    from workbench.identity.evidence.content import Tried
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.ledger.values import Unit
    from workbench.probes.session import Debug
    from workbench.wires.smp import Smp


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Which unit this is to be: the label's `serial`, its `model`, the station's id.

    `permit_lock`: what cannot be undone may be done.  `label_chip`: the end of the chip's ID that the label
    shows, None where it shows none.  `challenge_key`: gives the challenge key of the unit with that chip ID
    (8 bytes, as in memory), for tiers 1 and 1+; None for units with a key pair.  `image`, `version`,
    `profile`: what the unit runs, as far as that is known.  `chain`: certificates over the unit's own in DER,
    the root last, where they are known beforehand.  `off_s`: how long the unit is without power.
    """

    serial: str
    model: str
    station: str
    permit_lock: bool = False
    rma: str | None = None
    label_chip: str | None = None
    challenge_key: Callable[[bytes], bytes | None] = field(default=lambda _chip: None, repr=False)
    image: bytes | None = None
    version: str | None = None
    profile: str | None = None
    chain: tuple[bytes, ...] = ()
    off_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """What an enrolment works with.

    `attach` opens a debug session that leaves the core as it is; `smp` opens the serial line; both several
    times, never at once.  `ca` connects to the certificate authority.  `now` is the station's clock, UTC.
    `prove` has the unit answer a challenge of the update protocol with its key, and raises where it does not.
    `conclude` signs and keeps the evidence, and returns its SHA-256 in hex.
    """

    slot: str
    target: Target
    attach: Callable[[], AbstractContextManager[Debug]]
    smp: Callable[[], AbstractContextManager[Smp]]
    power: PowerSwitch
    ca: Callable[[], AbstractContextManager[CaClient]]
    ledger: Ledger
    now: Callable[[], datetime]
    conclude: Callable[[Findings], str]
    prove: Callable[[Smp, bytes, Key], dict[str, Any]] = lambda _smp, _chip, _key: {}
    emit: Emit = ignore
    step: Step = no_step
    commit: Callable[[], None] = lambda: None
    check: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen on a unit after its lock."""

    unit: Unit
    attested: Attested
    certificate: bytes | None
    """As read from the unit."""
    tried: tuple[Tried, ...]
    probe: str
    """What the probe says that it is."""
    observed: dict[str, Any]

    @property
    def enforced_by(self) -> str:
        """Who enforces the lock: "silicon", or "emulator" where the probe calls the board a twin."""
        return "emulator" if self.probe.split()[-1:] == ["twin"] else "silicon"
