"""A unit that was enrolled is verified again; one that changed since is refused, for its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ca_lab import PASSPHRASE, ca_at, new_ca
from tests.mcu_lab import BOTH_ORIGINS, STATION, McuLab, mcu_lab
from workbench.cli.main import run
from workbench.database.engine import open_engine
from workbench.errors import Blame
from workbench.events import ignore
from workbench.identity.attest.errors import EatRefused
from workbench.identity.ca.create import NewCa, create_ca
from workbench.identity.ledger import Ledger, UnitClaim
from workbench.identity.ledger.errors import UnitUnknown, WrongState
from workbench.identity.mcu import attesting
from workbench.identity.mcu.errors import (
    McuCertificateDiffers,
    McuKeyDiffers,
    McuLabelDiffers,
    McuLockUnexpected,
)
from workbench.identity.mcu.protocol import request_eat
from workbench.identity.state import State
from workbench.identity.tpm_enroll.errors import UnitQuarantined
from workbench.identity.tpm_enroll.outcome import UnitOutcome
from workbench.images import keys as key_folders
from workbench.station.enroll import Wanted, verify
from workbench.updates.release import release_of
from workbench.virtual.protocol import NVM_FILE
from workbench.virtual.twins import replace_chip
from workbench.wires.smp import Smp

pytestmark = pytest.mark.xdist_group("microcontrollers are verified again")


def wanted(lab: McuLab, **more: Any) -> Wanted:
    said: dict[str, Any] = {"serial": "", "ca": lab.ca, "ledger": lab.url} | more
    return Wanted(
        model="",
        station=STATION,
        evidence=lab.folder / "evidence",
        ca_passphrase=lambda: PASSPHRASE,
        **said,
    )


def look(lab: McuLab, *, restart: bool = True, **more: Any) -> UnitOutcome:
    return verify(lab.slot, wanted(lab, **more), ignore, restart=restart, accept_chip=True)


def memory(lab: McuLab) -> bytes:
    """The twin's whole memory; it is without power afterwards."""
    lab.slot.need_power().off()
    return (lab.twin().folder / NVM_FILE).read_bytes()


def put(lab: McuLab, data: bytes) -> None:
    """That memory instead of its own."""
    lab.slot.need_power().off()
    (lab.twin().folder / NVM_FILE).write_bytes(data)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[McuLab]:
    """An enrolled unit; its memory is `provisioned`."""
    with mcu_lab(tmp_path_factory.mktemp("again") / "lab") as made:
        made.provision()
        assert made.enroll().state == "verified"
        made.provisioned = memory(made)
        yield made


@pytest.fixture
def unit(lab: McuLab) -> McuLab:
    """The unit as it was when its enrolment ended, its chip and its record too."""
    put(lab, lab.provisioned)
    chip = bytes.fromhex(lab.unit().hardware_id)[::-1]
    replace_chip(lab.twin(), chip)
    put(lab, lab.provisioned)
    return lab


def commanded(lab: McuLab, *words: str | Path) -> None:
    """`workbench WORDS...` on the lab's bench, which must succeed."""
    assert run([*map(str, words), "--bench", str(lab.folder / "bench/bench.toml")]) == 0


def build(lab: McuLab, version: str) -> Path:
    """A release of the sample application."""
    app = lab.build / "secure" / "nrf51" / lab.profile / "app.bin"
    out = lab.folder / f"{version}.img"
    words = ["-v", version, "-p", lab.profile, "--keys", lab.keys.path, "--device", "microbit-v1"]
    assert run(["image", "build", *map(str, [app, out, *words]), "--counter", "1"]) == 0
    return out


@pytest.mark.parametrize("restart", [True, False])
def test_a_unit_that_did_not_change_is_verified(unit: McuLab, restart: bool) -> None:
    before = unit.unit()
    outcome = look(unit, restart=restart, serial="S1")
    assert (outcome.state, outcome.serial, outcome.resumed) == ("verified", "S1", "verified")
    assert outcome.observed["restarted"] is restart
    assert outcome.observed["attested"]["locked"] is True
    assert {one.outcome for one in outcome.tried} == {"held", "shown"}
    after = unit.unit()
    assert (after.keys, after.certificates, after.evidence_sha256) == (
        before.keys,
        before.certificates,
        before.evidence_sha256,
    )


def test_without_a_label_the_chip_says_which_unit_it_is(unit: McuLab) -> None:
    assert look(unit, restart=False).serial == "S1"


def test_the_ledger_remembers_what_was_attested(unit: McuLab) -> None:
    acts = len(unit.ledger.acts(unit.unit().unit_id))
    outcome = look(unit, restart=False)
    kept = unit.ledger.acts(unit.unit().unit_id)
    assert len(kept) == acts + 1
    last = attesting.last_of(kept)
    assert last is not None
    said = outcome.observed["attested"]
    assert (last.counter, last.version) == (said["counter"], said["version"])


def test_the_label_of_another_unit_is_refused(unit: McuLab) -> None:
    with pytest.raises(McuLabelDiffers):
        look(unit, serial="S2")
    with pytest.raises(McuLabelDiffers):
        look(unit, label="0000")


def test_an_unknown_unit_is_refused(unit: McuLab) -> None:
    ledger = Ledger(open_engine(f"sqlite:///{unit.folder / 'empty.db'}"), station=STATION)
    ledger.close()
    with pytest.raises(UnitUnknown):
        look(unit, ledger=f"sqlite:///{unit.folder / 'empty.db'}")


def test_a_clone_is_named_as_one(unit: McuLab) -> None:
    data = memory(unit)
    replace_chip(unit.twin(), os.urandom(8))
    put(unit, data)
    with pytest.raises(McuKeyDiffers, match="the key of unit S1") as refused:
        look(unit)
    assert refused.value.blame is Blame.TRUST
    assert "clone" in refused.value.cause
    assert "S1" in refused.value.action


def test_an_old_token_sent_again_is_refused(unit: McuLab, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []

    def recorded(smp: Smp, nonce: bytes) -> bytes:
        held.append(request_eat(smp, nonce))
        return held[-1]

    monkeypatch.setattr(attesting, "request_eat", recorded)
    look(unit, restart=False)
    monkeypatch.setattr(attesting, "request_eat", lambda _smp, _nonce: held[0])
    with pytest.raises(EatRefused) as refused:
        look(unit, restart=False)
    assert refused.value.reason == "nonce"


def test_another_cas_unit_is_refused(unit: McuLab) -> None:
    other = unit.folder / "strangers"
    if not other.exists():
        create_ca(other, NewCa(name="TEST strangers", organization="TEST", test=True), PASSPHRASE)
    with pytest.raises(McuCertificateDiffers):
        look(unit, ca=other, restart=False)


def test_an_unfinished_unit_is_refused(unit: McuLab) -> None:
    url = f"sqlite:///{unit.folder / 'unfinished.db'}"
    ledger = Ledger(open_engine(url), station=STATION)
    known = unit.unit()
    claim = UnitClaim("mcu", known.serial, known.model, known.hardware_id, known.target, STATION)
    assert ledger.claim(claim).state == State.BLANK
    ledger.close()
    with pytest.raises(WrongState, match="is blank") as refused:
        look(unit, ledger=url)
    assert "identity enroll" in refused.value.action


def test_a_unit_in_quarantine_or_returned_is_refused(unit: McuLab) -> None:
    url = f"sqlite:///{unit.folder / 'quarantine.db'}"
    ledger = Ledger(open_engine(url), station=STATION)
    known = unit.unit()
    claim = UnitClaim("mcu", known.serial, known.model, known.hardware_id, known.target, STATION)
    held = ledger.claim(claim)
    ledger.quarantine(held.unit_id, "a test")
    with pytest.raises(UnitQuarantined, match="a test"):
        look(unit, ledger=url)
    ledger.rma(held.unit_id, "came back", "somebody")
    ledger.close()
    with pytest.raises(UnitQuarantined, match="retired"):
        look(unit, ledger=url)


def test_a_unit_that_was_recovered_and_set_up_anew_is_refused(unit: McuLab) -> None:
    commanded(unit, "recover", "v1", "--accept-chip")
    unit.provision()
    with pytest.raises(McuLockUnexpected, match="not locked any more") as refused:
        look(unit)
    assert refused.value.blame is Blame.TRUST
    ledger = Ledger(open_engine(f"sqlite:///{unit.folder / 'elsewhere.db'}"), station=STATION)
    (elsewhere := unit.folder / "elsewhere").mkdir()
    ca = new_ca(elsewhere)
    with ca_at(ca):
        assert unit.enroll("S9", ledger=ledger, ca=lambda: ca_at(ca)).state == "verified"
    ledger.close()
    with pytest.raises(McuKeyDiffers) as differs:
        look(unit)
    assert differs.value.blame is Blame.TRUST
    assert differs.value.action


def test_an_update_is_followed_and_a_way_back_is_refused(tmp_path: Path) -> None:
    with mcu_lab(tmp_path / "lab") as lab:
        lab.provision()
        assert lab.enroll().state == "verified"
        old = memory(lab)
        image, other = build(lab, "1.1.0"), build(lab, "1.2.0")
        lab.slot.need_power().on()
        commanded(lab, "update", "v1", image, "--keys", lab.keys.path)
        outcome = look(lab, image=image)
        assert outcome.observed["attested"]["version"].startswith("1.1.0")
        release = release_of(image.read_bytes())
        assert outcome.observed["attested"]["image_sha256"] == release.digest.hex()
        with pytest.raises(EatRefused) as differs:
            look(lab, image=other, restart=False)
        assert differs.value.reason == "image"
        put(lab, old)
        with pytest.raises(EatRefused) as back:
            look(lab)
        assert back.value.reason in ("version-downgraded", "counter-downgraded")
        assert back.value.blame is Blame.TRUST
        assert "put the unit aside" in back.value.action
        last = attesting.last_of(lab.ledger.acts(lab.unit().unit_id))
        assert last is not None
        assert last.version.startswith("1.1.0")


@pytest.mark.parametrize("profile", ["tier-1", "tier-1-plus"])
def test_units_with_a_shared_secret_are_verified_with_their_key_folder(tmp_path: Path, profile: str) -> None:
    with mcu_lab(tmp_path / "lab", profile, origins=BOTH_ORIGINS) as lab:
        lab.provision("injected")
        assert lab.enroll().state == "verified"
        assert look(lab, keys=lab.keys.path).state == "verified"
        for keys in (None, key_folders.create(tmp_path / "others", ["master"]).path):
            with pytest.raises(McuKeyDiffers) as refused:
                look(lab, keys=keys, restart=False)
            assert "--keys" in refused.value.action


def test_the_command_says_the_same(
    unit: McuLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKBENCH_DATABASE", unit.url)
    words = [
        "identity",
        "verify",
        "v1",
        "--bench",
        str(unit.folder / "bench/bench.toml"),
        "--ca",
        str(unit.ca),
    ]
    words += ["--json", "--no-restart", "--accept-chip"]
    assert run(words) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])["result"]
    assert (result["state"], result["serial"], result["why"]) == ("verified", "S1", None)
    assert {tried["outcome"] for tried in result["tried"]} == {"held", "shown"}
    assert run([*words, "--serial", "S2"]) == 2
    error = json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    assert error["code"] == "mcu-label-differs"
