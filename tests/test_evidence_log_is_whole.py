"""The station's evidence and its log agree, whoever writes at once and wherever a process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli_bench import CliBench
from tests.evidence_lab import SIGNS, Lab, Party, by_script, certify
from workbench.boards.bench_write import write_virtual_bench
from workbench.identity.evidence.errors import EvidenceRefused
from workbench.identity.evidence.verify import verify_evidence
from workbench.station import evidence, evidence_log
from workbench.station.evidence import EvidenceChainInvalid, EvidenceDesk, EvidenceKeyUnusable
from workbench.station.evidence_log import EvidenceLogDamaged, read_log_file

LAB = Lab()


def issue(csr: bytes) -> list[bytes]:
    """What a CA does, without a CA."""
    from cryptography import x509

    public = x509.load_der_x509_csr(csr).public_key()
    key = type("Public", (), {"public_key": lambda _self: public})()
    signer: Party = certify("station s1", LAB.issuing, SIGNS, key=key)
    return [signer.der, LAB.issuing.der, LAB.root.der]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = evidence.evidence_folder(tmp_path)
    evidence.begin(path, "s1", None, issue)
    return path


def test_each_unit_is_one_file_and_one_entry(folder: Path) -> None:
    desk = EvidenceDesk.open(folder, "s1")
    done = [desk.conclude(LAB.content()) for _ in range(3)]
    entries = read_log_file(folder / "log.jsonl")
    assert [entry.kind for entry in entries] == ["header", "signer", *["evidence"] * 3]
    assert [found.line for found in done] == [2, 3, 4]
    for found in done:
        told = verify_evidence(found.path.read_bytes(), [LAB.root.der], entries)
        assert told.sha256 == found.sha256
        assert told.predicate["log"]["prev"] == entries[found.line - 1].sha256


def test_a_desk_is_not_opened_for_another_station(folder: Path) -> None:
    with pytest.raises(EvidenceKeyUnusable, match="those of the station s1, not of s2") as refused:
        EvidenceDesk.open(folder, "s2")
    assert refused.value.action == "give --station s1"


@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_the_key_is_for_its_owner_and_its_passphrase_only(tmp_path: Path, passphrase: bytes | None) -> None:
    folder = tmp_path / "evidence"
    ask: Callable[[], bytes] | None = None if passphrase is None else lambda: passphrase or b""
    evidence.begin(folder, "s1", ask, issue)
    key = folder / evidence.KEY_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert (b"ENCRYPTED" in key.read_bytes()) == (passphrase is not None)
    EvidenceDesk.open(folder, "s1", ask)
    before = key.read_bytes()
    evidence.begin(folder, "s1", ask, issue)
    assert key.read_bytes() == before
    if passphrase is not None:
        for wrong in (None, lambda: b"", lambda: b"wrong"):
            with pytest.raises(EvidenceKeyUnusable):
                EvidenceDesk.open(folder, "s1", wrong)


def test_a_station_without_key_or_certificate_concludes_nothing(tmp_path: Path) -> None:
    with pytest.raises(EvidenceKeyUnusable):
        EvidenceDesk.open(tmp_path, "s1")
    evidence.make_key(tmp_path, "s1", None)
    with pytest.raises(EvidenceKeyUnusable):
        EvidenceDesk.open(tmp_path, "s1")
    for chain in (list(LAB.chain), [LAB.device.der, LAB.issuing.der, LAB.root.der], [LAB.root.der]):
        with pytest.raises(EvidenceChainInvalid):
            evidence.install_chain(tmp_path, chain, None, "s1")


WRITER = """
import sys
from pathlib import Path
from tests.evidence_lab import Lab
from workbench.station.evidence import EvidenceDesk

desk = EvidenceDesk.open(Path(sys.argv[1]), "s1")
content = Lab().content(certificates=())
print("ready", flush=True)
sys.stdin.readline()
for _ in range(10):
    desk.conclude(content)
"""
ROOT = Path(__file__).resolve().parent.parent


def test_processes_that_write_at_once_make_one_chain(folder: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) for _ in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    entries = read_log_file(folder / "log.jsonl")
    assert len(entries) == 2 + 30
    for path in (folder / "units").iterdir():
        verify_evidence(path.read_bytes(), [LAB.root.der], entries)


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("at", ["append", "finish", "replace"])
def test_a_kill_between_file_and_entry_leaves_neither_or_both(folder: Path, at: str) -> None:
    child = os.fork()
    if child == 0:
        desk = EvidenceDesk.open(folder, "s1")
        if at == "replace":
            setattr(Path, "replace", kill)  # noqa: B010 - the process ends here
        else:
            original = getattr(evidence_log.EvidenceLog, at)
            wait = [at == "finish"]  # the first is the one that opens the log
            setattr(evidence_log.EvidenceLog, at, lambda *a: original(*a) if wait and wait.pop() else kill())
        desk.conclude(LAB.content())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    done = EvidenceDesk.open(folder, "s1").conclude(LAB.content())
    entries = read_log_file(folder / "log.jsonl")
    there = {path.name for path in (folder / "units").glob("*.json")}
    assert len(there) == len([entry for entry in entries if entry.kind == "evidence"])
    assert len(there) == (1 if at == "append" else 2)
    for name in there:
        verify_evidence((folder / "units" / name).read_bytes(), [LAB.root.der], entries)
    assert done.line == len(entries) - 1


def test_a_torn_end_is_taken_away_and_a_damaged_one_is_not_built_upon(folder: Path) -> None:
    log, desk = folder / "log.jsonl", EvidenceDesk.open(folder, "s1")
    desk.conclude(LAB.content())
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"data":{"evid')
    with pytest.raises(EvidenceRefused):
        read_log_file(log)
    desk.conclude(LAB.content())
    assert log.read_bytes().startswith(whole)
    assert len(read_log_file(log)) == 4
    log.write_bytes(log.read_bytes()[:-5] + b"xxx}\n")
    with pytest.raises(EvidenceLogDamaged):
        desk.conclude(LAB.content())


def test_commands_agree_with_the_script_about_a_bench(tmp_path: Path) -> None:
    write_virtual_bench(tmp_path, 1)
    bench = CliBench(tmp_path, tmp_path / "run")
    assert bench.run("evidence", "init", "--unencrypted", "--station", "s1").code == 0
    folder = evidence.evidence_folder(tmp_path)
    chain = issue(evidence.make_key(folder, "s1", None))
    pem = tmp_path / "chain.pem"
    parts = [LAB.issuing.certificate, LAB.root.certificate]
    from cryptography import x509

    parts.insert(0, x509.load_der_x509_certificate(chain[0]))
    pem.write_bytes(b"".join(part.public_bytes(Encoding.PEM) for part in parts))
    init = bench.run("evidence", "init", "--unencrypted", "--station", "s1", "--chain", pem)
    assert init.code == 0, init.err
    done = EvidenceDesk.open(folder, "s1").conclude(LAB.content())
    verified = bench.run("evidence", "verify", done.path, "--log", folder / "log.jsonl", "--json")
    assert verified.last["result"]["in_log"] is True
    shown = bench.run("evidence", "show", done.path)
    assert "not verified" in shown.out
    assert "read-flash" in shown.out
    whole = bench.run("evidence", "log", "verify")
    assert whole.code == 0, whole.err
    (tmp_path / "root.pem").write_bytes(LAB.root.certificate.public_bytes(Encoding.PEM))
    assert by_script(done.path, "--root", tmp_path / "root.pem", "--log", folder / "log.jsonl") == (0, "")
    done.path.unlink()
    lost = bench.run("evidence", "log", "verify")
    assert lost.code == 4
    assert "log-lost-file" in lost.err
