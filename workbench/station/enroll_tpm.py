"""Enrolment of the TPM of the board in a slot that is held: its TPM, its power, ledger and CA.

    outcome = enroll_tpm(held, order, ledger=ledger, ca=connect, conclude=sign, emit=run.emit)

What is done is in `workbench.identity.tpm_enroll`; here the slot's wires are bound to it.  Prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import workbench
from workbench.events import Emit, ignore
from workbench.identity.evidence.content import Certificate, Content, Flashed, Key, Times, UnitFacts
from workbench.identity.one_unit import Step
from workbench.identity.tpm.quirks import EMULATORS
from workbench.identity.tpm.templates import SHAPES
from workbench.identity.tpm_enroll.flow import enroll
from workbench.identity.tpm_enroll.means import Means, Order
from workbench.station.slots import Held

if TYPE_CHECKING:
    from workbench.identity.ca.client import CaClient
    from workbench.identity.ledger.ledger import Ledger
    from workbench.identity.tpm_enroll.outcome import UnitOutcome
    from workbench.identity.tpm_enroll.preflight import Sight
    from workbench.identity.tpm_enroll.verify import Findings
    from workbench.wires.tpm.tpm import Tpm

__all__ = ["Order", "enroll_tpm", "tpm_content", "tpm_means"]


@contextmanager
def _no_step(_step: str, _title: str) -> Iterator[None]:
    yield


def enroll_tpm(
    held: Held,
    order: Order,
    *,
    ledger: Ledger,
    ca: Callable[[], AbstractContextManager[CaClient]],
    conclude: Callable[[Findings], str],
    emit: Emit = ignore,
    step: Step = _no_step,
    commit: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UnitOutcome:
    """Gives the unit in the slot its identity, or finishes what an earlier run began.

    `conclude` signs and keeps the evidence over what was found on the locked unit, and returns its SHA-256 in
    hex.  Raises as `workbench.identity.tpm_enroll.flow.enroll`, SlotLacks, LeaseLost, and what TPM and power
    switch raise.
    """
    means = tpm_means(
        held, ledger=ledger, ca=ca, conclude=conclude, emit=emit, step=step, commit=commit, now=now
    )
    return enroll(order, means)


def tpm_means(
    held: Held,
    *,
    ledger: Ledger,
    ca: Callable[[], AbstractContextManager[CaClient]],
    conclude: Callable[[Findings], str],
    emit: Emit = ignore,
    step: Step = _no_step,
    commit: Callable[[], None] = lambda: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Means:
    """What an enrolment or a verification in that slot works with.  Raises SlotLacks."""
    slot = held.slot
    tcti, power = slot.need_tpm(), slot.need_power()

    def connect() -> AbstractContextManager[Tpm]:
        from workbench.wires.tpm.tpm import open_tpm

        return open_tpm(tcti, check=held.check)

    return Means(
        connect=connect,
        power=power,
        ca=ca,
        ledger=ledger,
        now=now,
        conclude=conclude,
        emit=emit,
        step=step,
        commit=commit,
    )


def tpm_content(
    findings: Findings, *, station: str, started: str, finished: str, run_id: str = ""
) -> Content:
    """What the evidence of a unit with a TPM says: times are RFC 3339 in UTC."""
    subject = findings.subject
    unit, recipe, ek = subject.unit, subject.recipe, subject.ek
    found = findings.after.properties
    keys = unit.details["keys"]
    shape = SHAPES[recipe.template]
    return Content(
        unit=UnitFacts(
            unit_id=unit.unit_id,
            kind="tpm",
            serial=unit.serial,
            model=unit.model,
            hardware_id=unit.hardware_id,
            target=unit.target,
            request_id=unit.request_id,
            ledger_state=str(unit.state),
            ek_cert_sha256=unit.ek_cert_sha256,
            ek_trust="vendor-root" if ek.checked.trust == "certificate" else ek.checked.trust,
            enforced_by="emulator" if found.manufacturer.strip() in EMULATORS else "silicon",
        ),
        station=station,
        times=Times(
            started=started,
            finished=finished,
            tpm_clock={"before": _clock(findings.before), "after": _clock(findings.after)},
        ),
        flashed=tuple(
            Flashed(f"tpm-certificate-{kind}", stored.sha256, stored.bytes, where=f"NV {stored.index:#010x}")
            for kind, stored in findings.stored.items()
        ),
        keys=(
            *(Key(kind, unit.keys[kind], "tpm", shape.title, dict(told)) for kind, told in keys.items()),
            Key("ek", ek.digest, "tpm", ek.found.template.title, ek.as_json()),
        ),
        certificates=tuple(
            Certificate(kind, unit.certificates[kind], stored.sha256)
            for kind, stored in findings.stored.items()
        ),
        tried=findings.tried,
        intended=_intended(findings),
        observed={**findings.observed, "quote": findings.quote},
        versions={
            "workbench": workbench.__version__,
            "tpm": f"{found.manufacturer.strip()} {found.vendor}",
            "tpm-firmware": f"{found.firmware[0]:08x}.{found.firmware[1]:08x}",
        },
        run_id=run_id,
    )


def _intended(findings: Findings) -> dict[str, Any]:
    """What the recipe asked for."""
    recipe = findings.subject.recipe
    attack = recipe.attack
    return {
        "template": recipe.template,
        "dictionary_attack": [attack.max_tries, attack.interval_s, attack.recovery_s],
        "allow": sorted(recipe.allow),
        "ek_policy": str(recipe.ek.mode),
        "platform_closed": True,
        "clear_disabled": True,
    }


def _clock(sight: Sight) -> dict[str, Any]:
    clock = sight.clock
    return {
        "reset_count": clock.reset_count,
        "restart_count": clock.restart_count,
        "clock_ms": clock.clock_ms,
        "safe": clock.safe,
    }
