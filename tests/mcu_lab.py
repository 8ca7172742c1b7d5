"""Microcontrollers for tests: twins that make their own key, a ledger, and a CA with its worker."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.ca_lab import ca_at, new_ca
from tests.trial_lab import firmware
from workbench.boards.bench import Slot, load_bench
from workbench.boards.power import CuttingSwitch
from workbench.database.engine import open_engine
from workbench.events import Event, ignore
from workbench.identity.ca.client import CaClient
from workbench.identity.ca.errors import CaUnreachable
from workbench.identity.ledger import Ledger, Unit
from workbench.identity.mcu.means import Findings, Order
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.images import keys as key_folders
from workbench.images.keys import KeyFolder
from workbench.images.profile import load_profile
from workbench.images.profile_keys import kinds_for
from workbench.images.provisioning import KeyOrigin
from workbench.images.tlvs import Version
from workbench.station.enroll_mcu import challenge_key_from, enroll_mcu
from workbench.station.provision import provision
from workbench.station.slots import debugging, hold
from workbench.updates.provision import find_firmware
from workbench.virtual.protocol import NVM_FILE
from workbench.virtual.twins import Twin, replace_chip
from workbench.virtual.twins import plug as plug_twin

MODEL = "micro-1"
STATION = "station-1"
BOTH_ORIGINS = '\n[mcu]\norigins = ["on-chip", "injected"]\n'


@dataclass
class McuLab:
    """Slots with twins, their keys, a ledger and a CA; what was seen is in `events` and `findings`."""

    folder: Path
    slots: dict[str, Slot]
    keys: KeyFolder
    ca: Path
    profile: str
    build: Path
    ledger: Ledger
    reachable: bool = True
    events: list[Event] = field(default_factory=list)
    findings: list[Findings] = field(default_factory=list)
    provisioned: bytes = b""
    """Memory of the twin of slot v1 after `provision`."""

    @property
    def slot(self) -> Slot:
        """The first slot."""
        return self.slots["v1"]

    @property
    def url(self) -> str:
        """The ledger's database."""
        return f"sqlite:///{self.folder / 'ledger.db'}"

    def twin(self, slot: str = "v1") -> Twin:
        """The twin in a slot, seen from inside."""
        (chip,) = self.folder.glob(f"bench/**/twins/{slot}/chip.json")
        return plug_twin(chip.parent.parent, slot, "microbit")

    def provision(self, device_key: KeyOrigin = "on-chip", slot: str = "v1") -> None:
        """Erases the twin and gives it bootloader and application."""
        found = load_profile(self.profile)
        place = self.slots[slot]
        image = find_firmware(self.build, place.target, found, Version(1, 0, 0), 1)
        provision(
            place,
            found,
            self.keys,
            image,
            ignore,
            permit_identity=True,
            accept_chip=True,
            device_key=device_key,
        )

    def remember(self) -> None:
        """Keeps the memory of the twin in slot v1, for `another`."""
        self.slot.need_power().off()
        self.provisioned = (self.twin().folder / NVM_FILE).read_bytes()

    def another(self) -> str:
        """Another board with the remembered memory in slot v1; its chip's ID."""
        self.slot.need_power().off()
        chip = os.urandom(8)
        replace_chip(self.twin(), chip)
        (self.twin().folder / NVM_FILE).write_bytes(self.provisioned)
        return chip[::-1].hex()

    @property
    def switch(self) -> CuttingSwitch:
        """The power of slot v1, which can be cut."""
        power = self.slot.need_power()
        assert isinstance(power, CuttingSwitch)
        return power

    def connect(self) -> AbstractContextManager[CaClient]:
        """As open_ca."""
        if not self.reachable:
            raise CaUnreachable("the network to the CA is cut")
        found: AbstractContextManager[CaClient] = ca_at(self.ca)
        return found

    def order(self, serial: str) -> Order:
        """What an enrolment is ordered to do."""
        return Order(
            serial=serial,
            model=MODEL,
            station=STATION,
            permit_lock=True,
            challenge_key=challenge_key_from(self.keys),
            profile=self.profile,
        )

    def enroll(
        self,
        serial: str = "S1",
        *,
        slot: str = "v1",
        ledger: Ledger | None = None,
        ca: Callable[[], AbstractContextManager[CaClient]] | None = None,
        begun: Callable[[], object] = lambda: None,
        **more: Any,
    ) -> UnitOutcome:
        """One run of the enrolment; `begun` is called when the slot is held and has power."""
        with hold(self.slots[slot], purpose="enroll", emit=ignore) as held:
            begun()
            return enroll_mcu(
                held,
                replace(self.order(serial), **more),
                ledger=ledger or self.ledger,
                ca=ca or self.connect,
                conclude=self.conclude,
                emit=self.events.append,
                accept_chip=True,
                keys=self.keys,
            )

    def conclude(self, findings: Findings) -> str:
        """Keeps the findings; a stand-in for the evidence's hash."""
        self.findings.append(findings)
        return hashlib.sha256(findings.unit.unit_id.encode()).hexdigest()

    def unit(self, serial: str = "S1") -> Unit:
        """The unit with that label."""
        found = self.ledger.find(serial=serial)
        assert found is not None
        return found

    def read(self, address: int, size: int, slot: str = "v1") -> bytes:
        """Memory of a twin that is not locked."""
        with (
            hold(self.slots[slot], purpose="read", emit=ignore) as held,
            debugging(held, emit=ignore, accept_chip=True) as debug,
        ):
            return debug.read_memory(address, size)


@contextmanager
def mcu_lab(
    folder: Path,
    profile: str = "tier-2-ecdsa",
    build: Callable[[str], Path] = firmware,
    slots: int = 1,
    origins: str = "",
) -> Iterator[McuLab]:
    """A lab in that folder, its twins blank, without power at the end; its CA's worker serves all along."""
    folder.mkdir(exist_ok=True)
    found = load_profile(profile)
    kinds = list(kinds_for(found))
    if found.keys.symmetric == "fleet":
        kinds.append("master")
    keys = key_folders.create(folder / "keys", kinds, test=True)
    ca = new_ca(folder)
    with (ca / "ca.toml").open("a") as settings:
        settings.write(origins)
    (folder / "bench").mkdir()
    names = [f"v{number}" for number in range(1, slots + 1)]
    text = "".join(f'\n[slots.{name}]\nvirtual = "microbit-v1"\n' for name in names)
    (folder / "bench/bench.toml").write_text(f'[bench]\nname = "mcu"\n{text}')
    bench = load_bench(folder / "bench/bench.toml")
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger = Ledger(open_engine(url), station=STATION)
    lab = McuLab(folder, dict(bench.slots), keys, ca, profile, build(profile), ledger)
    try:
        with ca_at(ca):
            yield lab
    finally:
        for slot in bench.slots.values():
            slot.need_power().off()
        ledger.close()
