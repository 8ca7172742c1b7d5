"""An evidence log that was edited is refused, and the script and the command end alike."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli_bench import CliBench
from tests.evidence_lab import SIGNED_AT, SIGNS, Party, by_script, certify, spki
from tests.evidence_verdict_lab import GOOD, LAB, OTHER, ROOTS, reason
from workbench.identity.evidence.log import FIRST_PREV, line_of
from workbench.identity.evidence.statement import Place

UNIT_ID = LAB.content().unit.unit_id
HEADER = line_of(0, FIRST_PREV, SIGNED_AT, "header", {"schema": "workbench.evidence-log/1", "station": "s1"})


def signed_by(signer: Party, station: str = "s1") -> list[bytes]:
    """A log that has just begun."""
    header = {"schema": "workbench.evidence-log/1", "station": station}
    began = line_of(0, FIRST_PREV, SIGNED_AT, "header", header)
    told = {"certificate_sha256": sha256(signer.der).hexdigest(), "key_id": spki(signer.key)}
    return [began, line_of(1, sha256(began).hexdigest(), SIGNED_AT, "signer", told)]


def log_of(count: int) -> tuple[list[bytes], list[bytes]]:
    """A log with that many units, and their evidence."""
    lines, files = signed_by(LAB.signer), []
    for _ in range(count):
        prev = sha256(lines[-1]).hexdigest()
        files.append(LAB.build(place=Place(len(lines), prev)))
        data = {"evidence_sha256": sha256(files[-1]).hexdigest(), "serial": "A1", "unit_id": UNIT_ID}
        lines.append(line_of(len(lines), prev, SIGNED_AT, "evidence", data))
    return lines, files


LINES, FILES = log_of(4)


def test_a_whole_log_has_its_evidence() -> None:
    for data in FILES:
        assert reason(data, ROOTS, LINES) == ""


def _relinked(lines: list[bytes]) -> list[bytes]:
    """The lines as a forger would write them who can make hashes and no signatures."""
    made: list[bytes] = []
    for line in lines:
        told = json.loads(line)
        prev = sha256(made[-1]).hexdigest() if made else FIRST_PREV
        made.append(line_of(len(made), prev, told["time"], told["kind"], told["data"]))
    return made


LOGS: dict[str, tuple[list[bytes], str]] = {
    "an entry removed": (LINES[:3] + LINES[4:], "log-broken"),
    "entries exchanged": ([*LINES[:3], LINES[4], LINES[3], LINES[5]], "log-broken"),
    "an entry changed": ([*LINES[:3], LINES[3].replace(b"A1", b"A2"), *LINES[4:]], "log-broken"),
    "an entry twice": ([*LINES[:4], LINES[3], *LINES[4:]], "log-broken"),
    "an entry removed and all relinked": (_relinked(LINES[:3] + LINES[4:]), "log-elsewhere"),
    "an entry changed and all relinked": (
        _relinked([*LINES[:3], LINES[3].replace(b"A1", b"A2"), *LINES[4:]]),
        "log-elsewhere",
    ),
    "the end removed": (LINES[:5], "log-lacks-it"),
    "the header removed": (LINES[1:], "log-broken"),
    "the header removed and all relinked": (_relinked(LINES[1:]), "log-malformed"),
    "another header": ([HEADER.replace(b"log/1", b"log/9"), *LINES[1:]], "log-malformed"),
    "a torn end": ([*LINES[:5], LINES[5][:-1]], "log-malformed"),
    "empty": ([], "log-malformed"),
    "a line of another kind": ([*LINES, b"{}\n"], "log-malformed"),
    "a line that is too long": ([*LINES, b" " * 20_000 + b"\n"], "log-malformed"),
    "the last entry changed": ([*LINES[:5], LINES[5].replace(b"A1", b"A2")], "log-elsewhere"),
    "no signer": (_relinked([LINES[0], *LINES[2:]]), "log-elsewhere"),
    "a second entry for it": (_relinked([*LINES, LINES[5]]), "log-elsewhere"),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_that_was_edited_shows(name: str) -> None:
    lines, why = LOGS[name]
    assert reason(FILES[3], ROOTS, lines) == why


def test_a_log_of_another_station_or_signer_says_nothing() -> None:
    """Each is a whole log, and has the evidence in its place: who signs for a station is in its log."""
    other = certify("station s1", LAB.issuing, SIGNS)
    for began in (signed_by(LAB.signer, station="s2"), signed_by(other), signed_by(LAB.signer)):
        place = Place(2, sha256(began[1]).hexdigest())
        data = LAB.build(place=place)
        entry = {"evidence_sha256": sha256(data).hexdigest(), "serial": "A1", "unit_id": UNIT_ID}
        lines = [*began, line_of(2, place.prev, SIGNED_AT, "evidence", entry)]
        assert reason(data, ROOTS, lines) == ("" if began == signed_by(LAB.signer) else "log-of-another")


@settings(max_examples=200)
@given(st.integers(0, len(b"".join(LINES)) - 1), st.integers(1, 255))
def test_no_byte_of_a_log_can_be_changed(at: int, mask: int) -> None:
    data = bytearray(b"".join(LINES))
    data[at] ^= mask
    assert reason(FILES[3], ROOTS, bytes(data).splitlines(keepends=True)) != ""


def test_the_script_and_the_command_end_alike(tmp_path: Path) -> None:
    bench = CliBench(tmp_path, tmp_path / "run")
    root, log = tmp_path / "root.pem", tmp_path / "log.jsonl"
    root.write_bytes(LAB.root.certificate.public_bytes(Encoding.PEM))
    log.write_bytes(b"".join(LINES))
    cases = {"good": FILES[3], "cut": FILES[3][:-9], "large": b" " * (1 << 21), "other": OTHER.build()}
    cases |= {"unlogged": GOOD}
    for name, data in cases.items():
        file = tmp_path / f"{name}.json"
        file.write_bytes(data)
        code, why = by_script(file, "--root", root, "--log", log)
        done = bench.run("evidence", "verify", file, "--root", root, "--log", log)
        assert done.code == code, done.err
        assert why in done.out + done.err
        assert (code == 0) == (name == "good")
    missing = (tmp_path / "missing.json", "--root", root)
    assert by_script(*missing)[0] == bench.run("evidence", "verify", *missing).code == 2
    bad_root = (tmp_path / "good.json", "--root", log)
    assert by_script(*bad_root)[0] == bench.run("evidence", "verify", *bad_root).code == 2
