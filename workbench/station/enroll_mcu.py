"""Enrolment of the microcontroller in a slot that is held: its probe, its line, its power, ledger and CA.

    outcome = enroll_mcu(held, order, ledger=ledger, ca=connect, conclude=sign, emit=run.emit)

What is decided is in `workbench.identity.mcu`; here the slot's wires are bound to it.  Prints nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from workbench.events import Emit, ignore
from workbench.identity.mcu.certificate import verify_certificate
from workbench.identity.mcu.flow import enroll
from workbench.identity.mcu.means import Findings, Means, Order
from workbench.identity.one_unit import Step, no_step
from workbench.images import files
from workbench.images.derive import SECRET_BYTES, challenge_key, unit_secret
from workbench.station.slots import Held, debugging
from workbench.station.update import settings_of
from workbench.updates.challenge_keys import UNITS
from workbench.updates.device import Device
from workbench.updates.verify import NONCE_BYTES, fresh_nonce, verify_possession
from workbench.wires.smp import open_smp

if TYPE_CHECKING:
    from workbench.identity.attest.cose import Key as ProofKey
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.tpm_enroll.outcome import UnitOutcome
    from workbench.images.keys import KeyFolder
    from workbench.probes.session import Debug
    from workbench.wires.smp import Smp

__all__ = ["Findings", "Order", "challenge_key_from", "enroll_mcu", "file_public_key", "mcu_means"]


def enroll_mcu(
    held: Held,
    order: Order,
    *,
    ledger: Ledger,
    ca: Callable[[], AbstractContextManager[CaClient]],
    conclude: Callable[[Findings], str],
    emit: Emit = ignore,
    step: Step = no_step,
    commit: Callable[[], None] = lambda: None,
    accept_chip: bool = False,
    keys: KeyFolder | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UnitOutcome:
    """Gives the unit in the slot its identity, or finishes what an earlier run began.

    `conclude` signs and keeps the evidence over what was found on the locked unit, and returns its SHA-256 in
    hex.  With `keys` a public key that was made on the chip is filed in that folder, where updates look for
    it.  Raises as `workbench.identity.mcu.flow.enroll`, SlotLacks, ChipSwapped, and what probe, line and
    power switch raise.
    """
    means = mcu_means(
        held,
        ledger=ledger,
        ca=ca,
        conclude=conclude,
        emit=emit,
        step=step,
        commit=commit,
        accept_chip=accept_chip,
        now=now,
    )
    outcome = enroll(order, means)
    unit = ledger.find(unit_id=outcome.unit_id) if keys is not None and outcome.state == "verified" else None
    if keys is not None and unit is not None and unit.origin == "on-chip":
        key = verify_certificate(unit.certificates["device"], unit.keys["device"])
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        file_public_key(keys, unit.hardware_id, pem)
    return outcome


def mcu_means(
    held: Held,
    *,
    ledger: Ledger,
    ca: Callable[[], AbstractContextManager[CaClient]],
    conclude: Callable[[Findings], str],
    emit: Emit = ignore,
    step: Step = no_step,
    commit: Callable[[], None] = lambda: None,
    accept_chip: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Means:
    """What an enrolment or a verification in that slot works with.  Raises SlotLacks."""
    slot = held.slot
    slot.need_probe()
    slot.need_serial()

    @contextmanager
    def attach() -> Iterator[Debug]:
        with debugging(held, emit=emit, connect="attach", accept_chip=accept_chip) as debug:
            yield debug

    def line() -> AbstractContextManager[Smp]:
        return open_smp(slot.need_serial(), settings_of(slot), check=held.check)

    return Means(
        slot=slot.name,
        target=slot.target,
        attach=attach,
        smp=line,
        power=slot.need_power(),
        ca=ca,
        ledger=ledger,
        now=now,
        conclude=conclude,
        prove=prove_key,
        emit=emit,
        step=step,
        commit=commit,
        check=held.check,
    )


def prove_key(smp: Smp, chip: bytes, key: ProofKey) -> dict[str, Any]:
    """Has the unit answer a challenge of the update protocol.  Raises UpdateNotVerified, SmpRefused."""
    nonce = fresh_nonce()
    assert len(nonce) == NONCE_BYTES
    answer = Device(smp).challenge(nonce)
    said = verify_possession(answer, nonce, chip, key)
    return {"alg": said.alg, "version": said.version, "counter": said.counter}


def challenge_key_from(keys: KeyFolder) -> Callable[[bytes], bytes | None]:
    """For `Order.challenge_key`: the key with which a unit of tier 1 or 1+ answers, by its chip ID; None
    where the folder has no master secret.
    """

    def key_of(chip: bytes) -> bytes | None:
        if not keys.has("master.bin"):
            return None
        secret = unit_secret(keys.master, chip)
        assert len(secret) == SECRET_BYTES
        return challenge_key(secret)

    return key_of


def file_public_key(keys: KeyFolder, chip: str, public_pem: bytes) -> None:
    """Puts a unit's public key, made on its chip, where updates look for it: the key folder's `units/`."""
    units = keys.path / UNITS
    files.make_private_folder(units)
    files.write(units / f"{chip}.pub.pem", public_pem)
    path = units / f"{chip}.json"
    entry = json.loads(files.read(path)) if path.is_file() else {"chip": chip}
    entry |= {"device_key": "on-chip", "challenge": "device-key", "key_origin": "on-chip"}
    files.write(path, json.dumps(entry, indent=1).encode() + b"\n")
