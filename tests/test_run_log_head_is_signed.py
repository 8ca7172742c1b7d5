"""A log of runs that was made anew without a fault is refused by its signed head, or by any report kept."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.evidence_lab import SIGNS, Lab, Party, certify
from tests.report_lab import LabLine, UnitBad
from tests.tamper_lab import forge, log_of, sql
from workbench.boards.bench_write import write_virtual_bench
from workbench.cli.main import run
from workbench.errors import InputError
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.station import evidence
from workbench.station.evidence import EvidenceDesk
from workbench.station.run_log_head import Head, kept_head, last_head, signed_head

LAB = Lab()


def _issue(csr: bytes) -> list[bytes]:
    """What a CA does, without a CA."""
    public = x509.load_der_x509_csr(csr).public_key()
    key = type("Public", (), {"public_key": lambda _self: public})()
    signer: Party = certify("station s1", LAB.issuing, SIGNS, key=key)
    return [signer.der, LAB.issuing.der, LAB.root.der]


class Shop:
    """A bench with two runs that passed and one that failed, and the evidence of a unit after them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_virtual_bench(folder, 1)
        self.line = LabLine(folder, f"sqlite:///{folder / '.workbench' / 'records.sqlite'}")
        for serial in ("A0", "A1"):
            self.line.run(serial)
        self.line.run("A9", UnitBad("bad"))
        self.evidence = evidence.evidence_folder(folder)
        evidence.begin(self.evidence, "s1", None, _issue)
        self.unit = EvidenceDesk.open(self.evidence, "s1").conclude(LAB.content()).path

    def verify(self, *more: str) -> tuple[int, str]:
        """Exit code of `records verify`, and what it said."""
        told = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(told),
            contextlib.redirect_stderr(told),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.delenv("WORKBENCH_DATABASE", raising=False)
            return run(["records", "verify", *more]), told.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.line.close()


def test_what_was_signed_is_still_there_after_more_runs(shop: Shop) -> None:
    signed = signed_head(shop.evidence, [LAB.root.der])
    assert signed is not None
    assert last_head(log_of(shop.line)) == (signed.log_id, signed.head)
    shop.line.run("B1")
    code, told = shop.verify()
    assert code == 0, told
    assert f"signed head {signed.head}" in told


def test_a_log_made_anew_is_refused_by_the_signed_head(shop: Shop) -> None:
    forge(shop.line)
    code, told = shop.verify()
    assert code == 4
    assert "log-not-signed" in told
    shop.unit.unlink()  # whoever takes the signed head away as well, is told by the log of evidence
    code, told = shop.verify()
    assert (code, "log-lost-file" in told) == (4, True), told


def test_another_log_in_its_place_is_refused(shop: Shop) -> None:
    log_of(shop.line).unlink()
    sql(shop.line, "DELETE FROM run_log")
    shop.line.run("B1")
    code, told = shop.verify()
    assert code == 4
    assert "log-not-signed" in told


def test_a_head_signed_by_a_ca_of_ones_own_is_refused_by_the_true_root(shop: Shop) -> None:
    with pytest.raises(EvidenceRefused):
        signed_head(shop.evidence, [Lab().root.der])


def test_a_report_or_evidence_that_was_kept_refuses_a_log_made_anew(shop: Shop, tmp_path: Path) -> None:
    _log_id, head = last_head(log_of(shop.line)) or ("", None)
    page, result = tmp_path / "lot.html", tmp_path / "lot.json"
    told = io.StringIO()
    with contextlib.chdir(shop.folder), contextlib.redirect_stdout(told):
        assert run(["report", "lot", "LOT-7", "--html", str(page), "--json"]) == 0
    result.write_text(told.getvalue())
    kept = [page, result, shop.unit]
    assert [kept_head(path, [LAB.root.der]) for path in kept] == [head] * 3
    for path in kept:
        assert shop.verify("--head", str(path))[0] == 0
    forge(shop.line)
    for path in kept:
        code, words = shop.verify("--head", str(path))
        assert (code, "log-not-anchored" in words) == (4, True), words


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<html>", "holds no head"),
        (f"1:{'0' * 64} 2:{'0' * 64}".encode(), "holds several"),
        (f"{'1' * 10}:{'0' * 64} 3:{'0' * 65}".encode(), "holds no head"),
    ],
)
def test_a_file_with_no_one_head_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "kept").write_bytes(data)
    with pytest.raises(InputError, match=why):
        kept_head(tmp_path / "kept", [])


def test_evidence_that_was_altered_gives_no_head(shop: Shop, tmp_path: Path) -> None:
    envelope = json.loads(shop.unit.read_bytes())
    sealed = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = sealed[:8] + ("A" if sealed[8] != "A" else "B") + sealed[9:]
    (tmp_path / "kept").write_text(json.dumps(envelope, sort_keys=True, separators=(",", ":")) + "\n")
    with pytest.raises(EvidenceRefused):
        kept_head(tmp_path / "kept", [LAB.root.der])


def test_the_end_of_a_log_is_its_last_whole_line(shop: Shop) -> None:
    before = last_head(log_of(shop.line))
    with log_of(shop.line).open("ab") as file:
        file.write(b'{"data":')
    assert last_head(log_of(shop.line)) == before
    assert last_head(log_of(shop.line).with_name("none")) is None
    assert Head.parse(str(before[1])) == before[1] if before else False
