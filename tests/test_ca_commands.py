"""`workbench ca` as its users have it: no passphrase on the command line, errors with the next action."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.ca_lab import PASSPHRASE, ca_at, new_ca, openssl, softhsm_token
from tests.cli_bench import PROGRAM, CliBench, Ended

TIMEOUT_S = 120


@pytest.fixture
def line(tmp_path: Path, own_runtime: Path) -> CliBench:
    credential = tmp_path / "ca.pass"
    credential.write_bytes(PASSPHRASE + b"\n")
    credential.chmod(0o600)
    return CliBench(tmp_path, own_runtime)


def run(line: CliBench, *words: str, **more: str) -> Ended:
    """A process of `workbench ca` without a terminal."""
    done = subprocess.run(
        [PROGRAM, "ca", *words],
        cwd=line.folder,
        env={**line.environment, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_a_ca_from_its_first_day_to_a_revocation(line: CliBench) -> None:
    folder = line.folder
    made = run(line, "init", "ca", "--name", "Acme", "--test", "--credential", "ca.pass", "--json")
    assert made.code == 0
    assert made.last["result"] == {"folder": "ca", "name": "Acme", "test": True}
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "k.pem")
    words = ["-subj", "/CN=updates.example", "-addext", "subjectAltName=DNS:updates.example"]
    openssl("req", "-new", "-key", folder / "k.pem", *words, "-out", folder / "s.csr")
    words = ["--profile", "update-server", "--csr", "s.csr", "--out", "s.crt", "--credential", "ca.pass"]
    issued = run(line, "issue", "ca", *words)
    assert issued.code == 0, issued.err
    run(line, "export", "ca", "--out", "root.pem")
    run(line, "export", "ca", "--what", "issuing", "--out", "issuing.pem")
    chain = ["-CAfile", folder / "root.pem", "-untrusted", folder / "issuing.pem"]
    assert "OK" in openssl("verify", *chain, folder / "s.crt").stdout

    shown = run(line, "show", "ca", "--certificates", "--json")
    certificate = next(row for row in shown.observed("certificate") if row["profile"] == "update-server")
    assert certificate["subject"] == "CN=updates.example"
    words = ["--reason", "keyCompromise", "--credential", "ca.pass"]
    assert run(line, "revoke", "ca", certificate["serial_number"], *words).code == 0
    crl = run(line, "crl", "ca", "--credential", "ca.pass", "--out", "crl.pem", "--json")
    assert crl.last["result"]["revoked"] == 1
    said = openssl("verify", *chain, "-crl_check", "-CRLfile", folder / "crl.pem", folder / "s.crt")
    assert "certificate revoked" in said.stderr
    assert run(line, "crl", "ca", "--root", "--credential", "ca.pass").out.startswith("-----BEGIN X509 CRL")
    assert run(line, "renew", "ca", "--credential", "ca.pass").code == 0


def test_a_private_key_is_not_taken_for_a_public_one(line: CliBench) -> None:
    new_ca(line.folder)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", line.folder / "k.pem")
    words = ["--profile", "release-signer", "--public-key", "k.pem", "--cn", "x", "--credential", "ca.pass"]
    ended = run(line, "issue", "ca", *words)
    assert ended.code == 2
    assert "private key" in ended.err


def test_without_a_terminal_a_credential_file_is_asked_for(line: CliBench) -> None:
    new_ca(line.folder)
    for words in (["serve", "ca"], ["crl", "ca"], ["init", "new", "--name", "x"]):
        ended = run(line, *words)
        assert ended.code == 2
        assert "--credential" in ended.err


def test_there_is_no_way_to_give_a_passphrase_in_the_open(line: CliBench) -> None:
    helps = {
        verb: run(line, verb, "--help").out for verb in ("init", "serve", "issue", "revoke", "crl", "renew")
    }
    for verb, text in helps.items():
        assert "--credential" in text, verb
        assert "--passphrase" not in text
        assert "--pin" not in text
    new_ca(line.folder)
    secret = PASSPHRASE.decode()
    for name in ("PASSPHRASE", "WORKBENCH_PASSPHRASE", "WORKBENCH_CA_PASSPHRASE", "CA_PASSPHRASE"):
        assert run(line, "crl", "ca", **{name: secret}).code == 2


def test_a_prompt_shows_nothing_of_what_is_typed(line: CliBench) -> None:
    new_ca(line.folder)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(line.folder)
        os.execvpe(PROGRAM, [PROGRAM, "ca", "crl", "ca", "--json"], line.environment)
    seen = b""
    while b"PIN of the CA: " not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, PASSPHRASE + b"\n")
    try:
        while data := os.read(terminal, 4096):
            seen += data
    except OSError:  # Linux' way to say that the terminal's other end has gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    assert PASSPHRASE not in seen
    assert b'"verdict": "PASS"' in seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_serves_until_it_is_told_to_stop(line: CliBench, number: signal.Signals) -> None:
    folder = new_ca(line.folder)
    words = [PROGRAM, "ca", "serve", "ca", "--credential", "ca.pass", "--json"]
    with subprocess.Popen(
        words, cwd=line.folder, env=line.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while json.loads(process.stdout.readline()).get("what") != "serving":
            pass
        with ca_at(folder) as ca:
            assert ca.status().name == "Lab"
        with ca_at(folder) as ca:
            assert ca.status().name == "Lab", "it stays when its clients go"
            ended = run(line, "serve", "ca", "--credential", "ca.pass")
            assert ended.code == 3
            assert "ca-busy" in ended.err
            process.send_signal(number)
            assert process.wait(30) == 0
    assert not (folder / "run" / "ca.sock").exists()


def test_a_wrong_passphrase_is_a_fault_of_the_station(line: CliBench) -> None:
    new_ca(line.folder)
    (line.folder / "ca.pass").write_bytes(b"something else entirely")
    ended = run(line, "crl", "ca", "--credential", "ca.pass")
    assert ended.code == 3
    assert "ca-key-unavailable" in ended.err
    assert "something else" not in ended.out + ended.err


def test_show_says_where_keys_are_and_when_the_roots_is_offline(line: CliBench) -> None:
    folder = new_ca(line.folder)
    (folder / "keys" / "root.key.pem").rename(line.folder / "elsewhere.pem")
    ended = run(line, "show", "ca")
    assert "keys/root.key.pem (not there: moved away)" in ended.out
    assert run(line, "crl", "ca", "--root", "--credential", "ca.pass").code == 3
    path = folder / "ca.toml"
    path.write_text(path.read_text().replace("file:keys/root.key.pem", "file:../elsewhere.pem"))
    assert run(line, "crl", "ca", "--root", "--credential", "ca.pass").code == 0


def test_a_ca_in_a_token_by_its_commands(line: CliBench) -> None:
    with softhsm_token(line.folder / "hsm") as token:
        from tests.ca_lab import PIN

        (line.folder / "ca.pass").write_bytes(PIN)
        words = ["--pkcs11", token.module, "--token", token.label, "--credential", "ca.pass"]
        made = run(line, "init", "ca", "--name", "Acme", "--test", *words)
        assert made.code == 0, made.err
        assert run(line, "crl", "ca", "--credential", "ca.pass").code == 0
        assert run(line, "renew", "ca", "--credential", "ca.pass").code == 0
        assert "pkcs11:token=" in run(line, "show", "ca").out
