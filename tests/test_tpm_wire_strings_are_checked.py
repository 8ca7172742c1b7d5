"""TCTI strings lead to the TPM they name; a wrong one is refused with what would be right."""

from __future__ import annotations

import os
import pty
import socket
import struct
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tpm_lab import BareTpm, bare_tpm, needs_swtpm
from workbench.boards.bench import BenchFileInvalid, load_bench
from workbench.boards.tcti import Device, Module, Program, Simulator, Socket, TctiInvalid, parse_tcti
from workbench.wires.tpm import open_tpm
from workbench.wires.tpm.errors import TpmUnreachable

RIGHT = {
    "device:/dev/tpmrm0": Device("/dev/tpmrm0"),
    "device": Device("/dev/tpmrm0"),
    "/dev/tpm0": Device("/dev/tpm0"),
    "swtpm": Socket(None, "127.0.0.1", 2321),
    "swtpm:path=/run/a b.sock": Socket("/run/a b.sock", "127.0.0.1", 2321),
    "swtpm:host=board,port=99": Socket(None, "board", 99),
    "mssim:port=2400": Simulator("127.0.0.1", 2400),
    "cmd:ssh board 'tpm pipe'": Program(("ssh", "board", "tpm pipe")),
    "tabrmd:bus_type=session": Module("tabrmd", "bus_type=session"),
    "pcap": Module("pcap", None),
}
WRONG = {
    "": "printable",
    " device:/dev/tpm0": "without spaces",
    "device:/dev/\x1b[2J": "printable",
    "device:tpm0": "absolute path",
    "swtpm:/run/sock": "host, path, port can be",
    "swtpm:path=": "can be",
    "swtpm:port=0": "from 1 to 65535",
    "swtpm:port=70000": "from 1 to 65535",
    "swtpm:port=1,port=2": "port twice",
    "swtpm:path=/a,port=1": "either path or host and port",
    "swtpm:path=/" + "x" * 107: "longer than 107 bytes",
    "mssim:port=65535": "from 1 to 65534",
    "mssim:path=/a": "host, port can be",
    "cmd:": "name a program",
    "cmd:'": "as in a shell",
    "TPM:1": "must begin with",
    "x" * 401: "up to 400",
}


@pytest.mark.parametrize("text", RIGHT)
def test_right_ones_are_understood(text: str) -> None:
    assert parse_tcti(text) == RIGHT[text]


@pytest.mark.parametrize("text", WRONG)
def test_wrong_ones_are_refused(text: str) -> None:
    with pytest.raises(TctiInvalid, match=WRONG[text]) as refused:
        parse_tcti(text)
    assert refused.value.blame == "input"
    assert refused.value.what.isprintable()


@given(st.text(max_size=120))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found: object = parse_tcti(text)
    except TctiInvalid as refused:
        found = refused
    assert not isinstance(found, TctiInvalid) or found.what.isprintable()


def test_a_module_that_is_not_there_is_refused() -> None:
    with pytest.raises(TctiInvalid, match="nosuch"), open_tpm("nosuch:x"):
        pass


def test_a_bench_file_with_a_wrong_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text('[slots.a]\ntarget = "tpm-board"\ntpm = "swtpm:port=0"\n')
    with pytest.raises(BenchFileInvalid) as refused:
        load_bench(path)
    assert "slots.a.tpm" in refused.value.what
    assert "from 1 to 65535" in refused.value.what
    path.write_text('[slots.a]\ntarget = "tpm-board"\ntpm = "device:/dev/tpmrm0"\n')
    slot = load_bench(path).slot("a")
    assert slot.need_tpm() == "device:/dev/tpmrm0"
    assert {"tpm", "identity"} <= slot.capabilities


# -- the same TPM by every way


@pytest.fixture
def bare() -> Iterator[BareTpm]:
    with bare_tpm() as tpm:
        with open_tpm(tpm.tcti) as first:
            first.startup()
        yield tpm


def works(tcti: str) -> bool:
    with open_tpm(tcti, timeout_s=20) as tpm:
        return tpm.properties().manufacturer == "IBM " and len(tpm.random(16)) == 16


@needs_swtpm
def test_by_a_program(bare: BareTpm) -> None:
    assert works(f"cmd:{sys.executable} -m workbench.wires.tpm.pipe {bare.tcti}")
    with pytest.raises(TpmUnreachable, match="cannot start"), open_tpm("cmd:/no/such/program"):
        pass
    with pytest.raises(TpmUnreachable, match="gone"), open_tpm("cmd:true"):
        pass


@needs_swtpm
def test_by_a_device(bare: BareTpm) -> None:
    """A terminal in raw mode is a device file that carries bytes both ways."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=relay, args=(master, bare.socket), daemon=True).start()
    assert works(f"device:{os.ttyname(slave)}")
    os.close(slave)


@needs_swtpm
def test_by_tcp_and_by_the_simulators_protocol(bare: BareTpm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=bridge, args=(listener, bare.socket), daemon=True).start()
        assert works(f"swtpm:port={listener.getsockname()[1]}")
    simulator = FakeSimulator(bare.socket)
    assert works(f"mssim:port={simulator.port}")
    assert simulator.signals == [1, 11]


def relay(fd: int, real: Path) -> None:
    with socket.socket(socket.AF_UNIX) as tpm:
        tpm.connect(str(real))
        while (command := whole(lambda n: os.read(fd, n))) is not None:
            tpm.sendall(command)
            answer = whole(tpm.recv)
            if answer is not None:
                os.write(fd, answer)


def bridge(listener: socket.socket, real: Path) -> None:
    client, _ = listener.accept()
    with client:
        relay(client.fileno(), real)


def whole(read: object) -> bytes | None:
    """The next whole message."""
    data = b""
    while len(data) < 10 or len(data) < int.from_bytes(data[2:6], "big"):
        try:
            part = read(4096)  # type: ignore[operator]
        except OSError:
            return None
        if not part:
            return None
        data += part
    return data


class FakeSimulator:
    """The reference simulator's two ports, in front of swtpm."""

    def __init__(self, real: Path) -> None:
        self.signals: list[int] = []
        self._real = real
        while True:
            command, platform = socket.create_server(("127.0.0.1", 0)), socket.socket()
            self.port = command.getsockname()[1]
            try:
                platform.bind(("127.0.0.1", self.port + 1))
                platform.listen()
                break
            except OSError:
                command.close()
        threading.Thread(target=self._platform, args=(platform,), daemon=True).start()
        threading.Thread(target=self._commands, args=(command,), daemon=True).start()

    def _platform(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        while signal := client.recv(4):
            self.signals.append(int.from_bytes(signal, "big"))
            client.sendall(bytes(4))

    def _commands(self, listener: socket.socket) -> None:
        client, _ = listener.accept()
        with socket.socket(socket.AF_UNIX) as tpm:
            tpm.connect(str(self._real))
            while (head := client.recv(9)) and len(head) == 9:
                _, _, size = struct.unpack(">IBI", head)
                tpm.sendall(client.recv(size, socket.MSG_WAITALL))
                answer = whole(tpm.recv) or b""
                client.sendall(struct.pack(">I", len(answer)) + answer + bytes(4))
