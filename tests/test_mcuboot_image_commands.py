"""`workbench image`, as its users have it: files in, files out, reasons in words and as events."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli_bench import PROGRAM, TIMEOUT_S, Ended
from tests.mcuboot_lab import PAYLOAD, imgtool_accepts
from workbench.images.format import parse

CHIP = "0011223344556677"
PROFILES = ["tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa"]


@dataclass(frozen=True)
class Shell:
    """`workbench image` in a folder."""

    folder: Path

    def run(self, *words: str | Path) -> Ended:
        keep = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
        done = subprocess.run(
            [PROGRAM, "image", *map(str, words)],
            cwd=self.folder,
            env=keep | {"TERM": "dumb", "COLUMNS": "100", "WORKBENCH_RUNTIME": str(self.folder / "rt")},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def done(self, *words: str | Path) -> Ended:
        ended = self.run(*words)
        assert ended.code == 0, ended
        return ended


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "app.bin").write_bytes(PAYLOAD)
    return Shell(tmp_path)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_all_that_building_and_verifying_need(shell: Shell, profile: str) -> None:
    shell.done("keys", "k", "--profile", profile)
    same = ["-p", profile, "--keys", "k", "--device", "microbit-v1", "--chip-id", CHIP]
    shell.done("build", "app.bin", "app.img", "-v", "1.2.3", "--counter", "4", *same)
    ended = shell.done("verify", "app.img", "--min-counter", "4", "--json", *same)
    assert ended.observed("image")[0]["version"] == "1.2.3"
    low = shell.run("verify", "app.img", "--min-counter", "5", "--json", *same)
    assert low.code == 4
    assert low.last["verdict"] == "FAIL"
    assert low.last["error"]["code"] == "image-counter-low"
    assert low.last["result"]["refused"] == "counter"
    other = ["-p", profile, "--keys", "k", "--device", "another", "--chip-id", CHIP]
    assert shell.run("verify", "app.img", "--json", *other).last["result"]["refused"] == "cid"


def test_another_unit_refuses_an_image_of_tier_1_plus(shell: Shell) -> None:
    shell.done("keys", "k", "--profile", "tier-1-plus")
    same = ["-p", "tier-1-plus", "--keys", "k", "--device", "d", "--chip-id"]
    shell.done("build", "app.bin", "app.img", "-v", "1", *same, CHIP)
    shell.done("verify", "app.img", *same, CHIP)
    ended = shell.run("verify", "app.img", *same, CHIP[::-1])
    assert ended.code == 4
    assert "image-key-wrong" in ended.err
    assert shell.run("build", "app.bin", "app.img", "-v", "1", *same[:-1]).code == 2


def test_single_options_make_what_imgtool_accepts(shell: Shell) -> None:
    shell.done("keys", "k", "--kind", "ed25519")
    words = [
        "--counter",
        "auto",
        "--depends",
        "1:2.0.0",
        "--vid",
        "a.example",
        "--cid",
        "b",
        "--severity",
        "critical",
    ]
    words += ["--boot-record", "APP", "--compress", "lzma2-thumb", "--key", "k/signer.key.pem"]
    shell.done("build", "app.bin", "app.img", "-v", "1.2.3+4", *words)
    image = (shell.folder / "app.img").read_bytes()
    assert imgtool_accepts(shell.folder, image, shell.folder / "k" / "signer.key.pem")
    ended = shell.done("inspect", "app.img", "--json")
    values = {tlv["name"]: tlv["value"] for tlv in ended.observed("image")[0]["tlvs"]}
    assert values["SEC_CNT"] == str((1 << 24) + (2 << 16) + 3)
    assert values["DEPENDENCY"] == "image 1 at least 2.0.0"
    assert values["SEVERITY"] == "critical"
    assert "COMPRESSED_LZMA2" in shell.done("inspect", "app.img").out
    shell.done("verify", "app.img", "--key", "k/signer.chain.pem", "--vid", "a.example", "--cid", "b")


def test_signing_and_encrypting_afterwards(shell: Shell) -> None:
    shell.done("keys", "k", "-p", "tier-2-ecdsa")
    shell.done("build", "app.bin", "bare.img", "-v", "1")
    assert shell.run("verify", "bare.img", "--root", "k/root.cert.pem").code == 4
    chain = ["--key", "k/signer.key.pem", "--chain", "k/signer.chain.pem"]
    shell.done("sign", "bare.img", "signed.img", *chain)
    shell.done("verify", "signed.img", "--root", "k/root.cert.pem")
    ended = shell.run("encrypt", "signed.img", "enc.img", "--encrypt-for", "k/enc.pub.pem")
    assert ended.code == 2
    assert "breaks its signature" in ended.err
    shell.done(
        "encrypt", "signed.img", "enc.img", "--encrypt-for", "k/enc.pub.pem", "--key", "k/signer.key.pem"
    )
    trust = ["--root", "k/root.cert.pem", "--must-be-encrypted"]
    shell.done("verify", "enc.img", *trust, "--decrypt-with", "k/enc.key.pem")
    assert shell.run("verify", "enc.img", *trust).code == 2
    assert parse((shell.folder / "enc.img").read_bytes()).payload[:16] != PAYLOAD[:16]


def test_a_prepared_image_keeps_its_signature_when_it_is_encrypted(shell: Shell) -> None:
    shell.done("keys", "k", "-p", "tier-2-ecdsa")
    shell.done("build", "app.bin", "a.img", "-v", "1", "--prepare-encryption", "--key", "k/signer.key.pem")
    shell.done("encrypt", "a.img", "b.img", "--encrypt-for", "k/enc.pub.pem")
    shell.done("verify", "b.img", "--key", "k/signer.key.pem", "--decrypt-with", "k/enc.key.pem")


def test_files_and_options_that_do_not_fit_are_input_errors(shell: Shell) -> None:
    shell.done("keys", "k", "--kind", "ecdsa-p256", "--kind", "kek")
    (shell.folder / "empty.bin").write_bytes(b"")
    for words in [
        ["inspect", "app.bin"],
        ["inspect", "nowhere.img"],
        ["build", "empty.bin", "x.img", "-v", "1"],
        ["build", "app.bin", "x.img", "-v", "1.2.3.4"],
        ["build", "app.bin", "x.img", "-v", "1", "--key", "k/kek.bin"],
        ["build", "app.bin", "x.img", "-v", "1", "--chain", "k/signer.chain.pem"],
        ["build", "app.bin", "x.img", "-v", "1", "--keys", "k"],
        ["build", "app.bin", "x.img", "-v", "1", "-p", "tier-1"],
        ["build", "app.bin", "x.img", "-v", "1", "--depends", "one"],
        ["build", "app.bin", "x.img", "-v", "1", "--pad-to", "1K"],
        ["build", "app.bin", "nowhere/x/y.img", "-v", "1", "--cid", "b"],
        ["keys", "k", "--kind", "kek"],
        ["keys", "l", "--kind", "nonsense"],
        ["keys", "l"],
        ["keys", "l", "-p", "tier-1", "--production"],
        ["verify", "app.bin", "--hash-only"],
    ]:
        ended = shell.run(*words)
        assert ended.code == 2, (words, ended)
        assert ended.err.count("\n") >= 3, ended
    assert not (shell.folder / "x.img").exists()
    shell.done("build", "app.bin", "y.img", "-v", "1")
    assert "image-policy-empty" in shell.run("verify", "y.img").err


def test_production_keys_need_their_passphrase(shell: Shell) -> None:
    (shell.folder / "pass").write_text("correct horse\n")
    opened = ["--passphrase-file", "pass"]
    shell.done("keys", "k", "-p", "tier-2-ecdsa", "--production", *opened)
    same = ["-p", "tier-2-ecdsa", "--keys", "k", "--device", "d"]
    assert shell.run("build", "app.bin", "a.img", "-v", "1", *same).code == 2
    shell.done("build", "app.bin", "a.img", "-v", "1", *same, *opened)
    assert "TEST" not in shell.done("inspect", "a.img").out


def test_intel_hex_and_padding(shell: Shell) -> None:
    from intelhex import IntelHex

    hexed = IntelHex()
    hexed.frombytes(PAYLOAD, 0xC100)
    hexed.tofile(str(shell.folder / "app.hex"), "hex")
    shell.done("build", "app.hex", "hex.img", "-v", "1", "--pad-to", "64K", "--confirmed")
    shell.done("build", "app.bin", "bin.img", "-v", "1")
    padded = (shell.folder / "hex.img").read_bytes()
    assert len(padded) == 64 << 10
    assert padded.startswith((shell.folder / "bin.img").read_bytes())


def test_every_line_of_json_is_an_event(shell: Shell) -> None:
    for words in (
        ["keys", "k", "--kind", "kek"],
        ["build", "app.bin", "a.img", "-v", "1"],
        ["inspect", "a.img"],
    ):
        lines = shell.done(*words, "--json").out.splitlines()
        events = [json.loads(line)["event"] for line in lines]
        assert events[0] == "run-started"
        assert events[-1] == "run-finished"
