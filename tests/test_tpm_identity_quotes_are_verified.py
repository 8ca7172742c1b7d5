"""A quote of a real TPM is believed for its nonce, PCRs and time, and nothing that differs in any of it
is.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.tpm_identity_lab import Lab, open_lab
from tests.tpm_identity_soft import SoftKey, area_of, soft_key
from tests.tpm_lab import needs_swtpm
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.names import Hierarchy, digest, name_of, qualified_name
from workbench.identity.tpm.public_key import key_of
from workbench.identity.tpm.quote import QuoteWanted, verify_quote
from workbench.identity.tpm.structures import (
    GENERATED,
    Alg,
    Attest,
    Attribute,
    Certified,
    ClockInfo,
    PcrSelection,
    Quoted,
    build_attest,
    parse_attest,
    parse_public,
)
from workbench.identity.tpm.templates import template
from workbench.wires.tpm.values import Hierarchy as TpmHierarchy

pytestmark = needs_swtpm
NONCE = bytes(range(20))
BANKS: dict[int, list[int]] = {Alg.SHA256: [0, 7, 16]}


@dataclass(frozen=True)
class Answer:
    """A quote and what is wanted of it."""

    attest: bytes
    signature: bytes
    wanted: QuoteWanted

    @property
    def outcome(self) -> str:
        try:
            verify_quote(self.attest, self.signature, self.wanted)
        except IdentityRefused as refused:
            return refused.reason
        return "accepted"

    def want(self, **changes: object) -> Answer:
        return replace(self, wanted=replace(self.wanted, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


@pytest.fixture(scope="module")
def answer(lab: Lab) -> Answer:
    quoted = lab.tpm.quote(lab.handles["iak"], NONCE, BANKS)
    pcrs = lab.tpm.pcr_read(BANKS)
    return Answer(
        quoted.attest,
        quoted.signature,
        QuoteWanted(lab.publics["iak"], NONCE, pcrs, lab.facts.firmware),
    )


def test_genuine_quote_is_believed(answer: Answer, lab: Lab) -> None:
    checked = verify_quote(answer.attest, answer.signature, answer.wanted)
    assert checked.firmware == lab.facts.firmware
    assert answer.want(last=checked.clock, firmware=None).outcome == "accepted"
    later = lab.tpm.quote(lab.handles["iak"], NONCE, BANKS)
    following = Answer(later.attest, later.signature, replace(answer.wanted, last=checked.clock))
    assert following.outcome == "accepted"


@pytest.mark.parametrize("id", ["H-1", "H-3"])
def test_quote_of_other_templates_is_believed(lab: Lab, answer: Answer, id: str) -> None:
    created = lab.tpm.create_primary(TpmHierarchy.ENDORSEMENT, template(id, "iak").public)
    try:
        quoted = lab.tpm.quote(created.handle, NONCE, BANKS)
    finally:
        lab.tpm.flush(created.handle)
    assert (
        Answer(quoted.attest, quoted.signature, replace(answer.wanted, iak=created.public)).outcome
        == "accepted"
    )


def test_what_differs_from_the_question_is_refused(answer: Answer, lab: Lab) -> None:
    pcrs = {bank: dict(values) for bank, values in answer.wanted.pcrs.items()}
    other = {Alg.SHA256: {**pcrs[Alg.SHA256], 7: bytes([1] * 32)}}
    fewer = {Alg.SHA256: {n: v for n, v in pcrs[Alg.SHA256].items() if n != 7}}
    more = {Alg.SHA256: {**pcrs[Alg.SHA256], 8: bytes(32)}}
    clock = parse_attest(answer.attest).clock
    assert answer.want(nonce=bytes(20)).outcome == "quote-nonce"
    assert answer.want(nonce=b"").outcome == "quote-nonce"
    assert answer.want(pcrs=other).outcome == "quote-digest"
    assert answer.want(pcrs=fewer).outcome == "quote-selection"
    assert answer.want(pcrs=more).outcome == "quote-selection"
    assert answer.want(pcrs={Alg.SHA384: pcrs[Alg.SHA256]}).outcome == "quote-selection"
    assert answer.want(pcrs={}).outcome == "quote-selection"
    assert answer.want(firmware=1).outcome == "quote-firmware"
    assert answer.want(last=replace(clock, clock_ms=clock.clock_ms + 1)).outcome == "quote-clock-back"
    assert answer.want(last=replace(clock, reset_count=clock.reset_count + 1)).outcome == "quote-clock-back"
    assert (
        answer.want(last=replace(clock, restart_count=clock.restart_count + 1)).outcome == "quote-clock-back"
    )
    assert answer.want(iak=lab.publics["idevid"]).outcome == "quote-key"
    assert answer.want(iak=soft_key(area_of("iak")).public).outcome == "quote-signature-wrong"
    assert answer.want(iak=b"").outcome == "quote-malformed"


@pytest.mark.parametrize("part", ["attest", "signature"])
def test_no_changed_byte_is_believed(answer: Answer, part: str) -> None:
    whole: bytes = getattr(answer, part)
    for at in range(len(whole)):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert replace(answer, **{part: changed}).outcome != "accepted"  # type: ignore[arg-type]
    assert replace(answer, **{part: whole + b"\0"}).outcome == "quote-malformed"  # type: ignore[arg-type]


def _soft(key: SoftKey, change: Callable[[Attest], Attest] = lambda a: a) -> Answer:
    quoted = Quoted((PcrSelection(Alg.SHA256, b"\x01\0\0"),), digest(Alg.SHA256, bytes(32)))
    clock = ClockInfo(1000, 2, 0, True)
    attest = Attest(GENERATED, qualified_name(name_of(key.area)), NONCE, clock, 7, quoted)
    raw = build_attest(change(attest))
    return Answer(raw, key.sign(raw), QuoteWanted(key.public, NONCE, {Alg.SHA256: {0: bytes(32)}}))


def test_what_only_software_would_sign_is_refused() -> None:
    key = soft_key(area_of("iak"))
    assert _soft(key).outcome == "accepted"
    assert _soft(key, lambda a: replace(a, magic=0xDEADBEEF)).outcome == "quote-malformed"
    assert (
        _soft(key, lambda a: replace(a, clock=replace(a.clock, safe=False))).outcome == "quote-clock-unsafe"
    )
    assert _soft(key, lambda a: replace(a, attested=Certified(b"", b""))).outcome == "quote-type"
    owner = qualified_name(name_of(key.area), Hierarchy.OWNER.entity_name)
    assert _soft(key, lambda a: replace(a, signer=owner)).outcome == "quote-signer"
    area = area_of("iak")
    loose = soft_key(replace(area, attributes=area.attributes & ~Attribute.RESTRICTED))
    assert _soft(loose).outcome == "quote-key"


def test_pcr_selected_twice_is_refused() -> None:
    def twice(attest: Attest) -> Attest:
        bank = PcrSelection(Alg.SHA256, b"\x01\0\0")
        return replace(attest, attested=Quoted((bank, bank), digest(Alg.SHA256, bytes(64))))

    assert _soft(soft_key(area_of("iak")), twice).outcome == "quote-selection"


@pytest.mark.skipif(shutil.which("tpm2_checkquote") is None, reason="tpm2-tools is not installed")
def test_tpm2_checkquote_agrees_on_the_genuine_one(answer: Answer, tmp_path: Path) -> None:
    key = key_of(parse_public(answer.wanted.iak))
    (tmp_path / "key.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "attest").write_bytes(answer.attest)
    (tmp_path / "signature").write_bytes(answer.signature)
    command = ["tpm2_checkquote", "-u", "key.pem", "-m", "attest", "-s", "signature", "-g", "sha256"]
    theirs = subprocess.run(
        [*command, "-q", NONCE.hex()], cwd=tmp_path, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert theirs.returncode == 0
    wrong = subprocess.run(
        [*command, "-q", "00" * 20], cwd=tmp_path, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert wrong.returncode != 0
