"""A twin's saved memory comes back as it was saved or is refused; a killed save leaves old or new."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin_lab import wait_until
from workbench.virtual import nvm
from workbench.virtual.nvm import Nvm, NvmDamaged, Reason

memories = st.builds(
    Nvm,
    st.binary(max_size=300),
    st.binary(max_size=40),
    st.sampled_from(get_args(Reason)),
    st.floats(1, 4e9),
)


@given(saved=memories)
@settings(max_examples=100, deadline=None)
def test_what_is_saved_is_loaded(saved: Nvm) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nvm.bin"
        nvm.save(path, saved)
        assert nvm.load(path, len(saved.flash), len(saved.uicr)) == saved
        assert os.listdir(folder) == ["nvm.bin"]


def test_no_file_is_an_erased_chip(tmp_path: Path) -> None:
    assert nvm.load(tmp_path / "none", 8, 4) == Nvm(b"\xff" * 8, b"\xff" * 4, "blank", 0)


SAVED = Nvm(bytes(range(64)), b"\x5a" * 16, "off", 1700000000.5)


def load_damaged(raw: bytes) -> Nvm:
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        return nvm.load(Path(file.name), len(SAVED.flash), len(SAVED.uicr))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("nvm") / "nvm.bin"
    nvm.save(path, SAVED)
    return path.read_bytes()


def test_every_flipped_byte_is_refused(raw: bytes) -> None:
    for at in range(len(raw)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(raw)
            damaged[at] ^= flip
            with pytest.raises(NvmDamaged):
                load_damaged(bytes(damaged))


def test_every_truncation_and_every_extension_is_refused(raw: bytes) -> None:
    for size in range(len(raw)):
        with pytest.raises(NvmDamaged):
            load_damaged(raw[:size])
    with pytest.raises(NvmDamaged):
        load_damaged(raw + b"\x00")


@given(garbage=st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(NvmDamaged):
        load_damaged(garbage)


@pytest.mark.parametrize("sizes", [(63, 17), (80, 0), (64, 15), (0, 80)])
def test_another_chip_s_memory_is_refused(tmp_path: Path, sizes: tuple[int, int]) -> None:
    nvm.save(tmp_path / "nvm.bin", SAVED)
    with pytest.raises(NvmDamaged):
        nvm.load(tmp_path / "nvm.bin", *sizes)


SAVER = """
import sys
from pathlib import Path
from workbench.virtual.nvm import Nvm, save
for i in range(1, 1000000):
    save(Path(sys.argv[1]), Nvm(bytes([i & 255]) * 0x40000, bytes([i & 255]) * 256, "off", float(i)))
    print(i, flush=True)
"""


def test_a_killed_save_leaves_old_or_new(tmp_path: Path) -> None:
    path = tmp_path / "nvm.bin"
    for round_number in range(8):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert saver.stdout is not None
        done = 0
        for _ in range(1 + round_number):
            done = int(saver.stdout.readline())
        # in the middle of a save: the file beside it is being written
        wait_until(lambda: len(os.listdir(tmp_path)) > 1, "a save")
        saver.send_signal(signal.SIGKILL)
        done = max([done, *map(int, saver.stdout.read().split())])
        saver.wait()
        saver.stdout.close()
        for left_over in tmp_path.glob(".*"):
            left_over.unlink()
        found = nvm.load(path, 0x40000, 0x100)
        assert found.saved_at in (done, done + 1)
        assert found.flash == bytes([int(found.saved_at) & 255]) * 0x40000
        assert found.uicr == bytes([int(found.saved_at) & 255]) * 0x100
