"""What the adapter wrote into a TPM, tpm2-tools (another program on the TPM stack) find there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tpm_lab import (
    CERTIFICATE,
    IAK,
    IDEVID,
    BareTpm,
    bare_tpm,
    make_devid,
    needs_swtpm,
    write_certificate,
)
from workbench.wires.tpm import open_tpm
from workbench.wires.tpm.values import Hierarchy

pytestmark = [
    needs_swtpm,
    pytest.mark.skipif(shutil.which("tpm2_getcap") is None, reason="tpm2-tools are not installed"),
]
DATA = bytes(range(256)) * 5


def tool(bare: BareTpm, *arguments: str) -> str:
    """Runs a tool; tpm2-tss of Debian 12 has no way to a UNIX socket of its own."""
    tcti = f"cmd:{sys.executable} -m workbench.wires.tpm.pipe {bare.tcti}"
    done = subprocess.run(
        arguments, env={**os.environ, "TPM2TOOLS_TCTI": tcti}, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_handles_keys_indices_and_permanent_flags(tmp_path: Path) -> None:
    with bare_tpm() as bare:
        with open_tpm(bare.tcti) as tpm:
            tpm.startup()
            idevid, iak = make_devid(tpm, "H-3")
            write_certificate(tpm, DATA)
            tpm.change_auth(Hierarchy.LOCKOUT, b"escrowed")
            tpm.clear_control(disable=True)
        assert tool(bare, "tpm2_getcap", "handles-persistent").split() == ["-", hex(IDEVID), "-", hex(IAK)]
        assert f"0x{CERTIFICATE:X}" in tool(bare, "tpm2_getcap", "handles-nv-index")
        words = tool(bare, "tpm2_getcap", "properties-variable")
        assert "lockoutAuthSet:            1" in words
        assert "disableClear:              1" in words
        for created, handle in ((idevid, IDEVID), (iak, IAK)):
            said = tool(
                bare, "tpm2_readpublic", "-c", hex(handle), "-f", "tpmt", "-o", str(tmp_path / "public")
            )
            assert created.name.hex() in said
            assert (tmp_path / "public").read_bytes() == created.public
        tool(bare, "tpm2_nvread", hex(CERTIFICATE), "-o", str(tmp_path / "data"))
        assert (tmp_path / "data").read_bytes() == DATA
        said = tool(bare, "tpm2_nvreadpublic", hex(CERTIFICATE))
        assert "writelocked" in said
        assert "platformcreate" in said
