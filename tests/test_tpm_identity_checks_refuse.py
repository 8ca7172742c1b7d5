"""Each forged or faulty request is refused for its own reason, and each check is needed: without it the
case goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tpm_identity_cases import REFUSALS
from tests.tpm_identity_lab import Lab, open_lab
from tests.tpm_identity_refusal import ACCEPTED, Refusal
from tests.tpm_identity_vendor import der_of
from tests.tpm_lab import needs_swtpm
from workbench.identity.tpm import checks
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.policy import CrlMode
from workbench.identity.tpm.reasons import REASONS

pytestmark = needs_swtpm
MANY = 60


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda r: r.title)
def test_case_is_refused_and_its_check_is_needed(
    lab: Lab, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bid = refusal.make(lab)
    assert bid.outcome == refusal.reason
    without = tuple(c for c in checks.CHECKS if c.name != refusal.check)
    assert len(without) == len(checks.CHECKS) - 1
    monkeypatch.setattr(checks, "CHECKS", without)
    assert refusal.then != refusal.reason
    assert bid.outcome == refusal.then


def test_every_check_and_every_reason_has_its_case() -> None:
    assert {c.name for c in checks.CHECKS} == {r.check for r in REFUSALS}
    assert {reason for c in checks.CHECKS for reason in c.reasons} == {r.reason for r in REFUSALS}
    for refusal in REFUSALS:
        assert refusal.reason in next(c.reasons for c in checks.CHECKS if c.name == refusal.check)


def test_most_cases_would_be_accepted_without_their_check() -> None:
    assert len(REFUSALS) >= MANY
    assert len({r.title for r in REFUSALS}) == len(REFUSALS)
    assert sum(r.then == ACCEPTED for r in REFUSALS) >= MANY


def test_names_and_reasons_are_told_apart() -> None:
    names = [c.name for c in checks.CHECKS]
    reasons = [reason for c in checks.CHECKS for reason in c.reasons]
    assert len(set(names)) == len(names)
    assert len(set(reasons)) == len(reasons)
    assert {*reasons, checks.STRUCTURE} <= set(REASONS)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_refusal_says_cause_and_next_action(reason: str) -> None:
    error = IdentityRefused(reason, "something is wrong")
    assert error.as_dict()["reason"] == reason
    assert error.cause == REASONS[reason].cause
    assert error.action == REASONS[reason].action
    assert min(len(error.cause), len(error.action)) > 10
    assert error.exit_code == 4


def test_only_a_right_request_accuses_another_unit(lab: Lab) -> None:
    asked: list[str] = []

    def holder(kind: str, value: str) -> str | None:
        asked.append(kind)
        return None

    assert lab.soft(signature=b"").under(holder=holder).outcome == "csr-signature-malformed"
    assert asked == []
    assert lab.genuine().under(holder=holder).outcome == ACCEPTED
    assert asked == ["serial", "ek", "idevid", "iak", "csr"]


@pytest.mark.parametrize("part", ["csr", "ek_cert", "ek_public"])
def test_no_changed_byte_is_accepted(lab: Lab, part: str) -> None:
    bid = lab.genuine()
    whole: bytes = getattr(bid.request, part)
    passed = [
        at
        for at in range(len(whole))
        if bid.asking(**{part: whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]}).outcome == ACCEPTED
    ]
    assert passed == []


@given(st.binary(max_size=400), st.sampled_from(["csr", "ek_cert", "ek_public"]), st.data())
def test_nothing_but_a_refusal_comes_of_any_bytes(
    lab: Lab, new: bytes, part: str, data: st.DataObject
) -> None:
    bid = lab.genuine()
    whole: bytes = getattr(bid.request, part)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    changed = whole[:start] + new + whole[end:]
    assert (bid.asking(**{part: changed}).outcome == ACCEPTED) == (changed == whole)


@given(st.text(max_size=80), st.sampled_from(["request_id", "serial", "model", "station"]))
def test_no_other_text_is_accepted(lab: Lab, text: str, name: str) -> None:
    bid = lab.genuine()
    assert (bid.asking(**{name: text}).outcome == ACCEPTED) == (text == getattr(bid.request, name))


@given(st.binary(max_size=200), st.booleans())
def test_junk_beside_the_certificate_changes_nothing(lab: Lab, junk: bytes, listed: bool) -> None:
    policy: dict[str, Any] = (
        {"crls": (junk,), "crl_mode": CrlMode.GRACE} if listed else {"intermediates": (junk,)}
    )
    bid = lab.genuine().under_ek(**policy).asking(ek_chain=(junk, der_of(lab.vendor.issuer)))
    assert bid.outcome == ACCEPTED
