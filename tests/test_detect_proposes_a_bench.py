"""What is plugged in becomes a bench file that loads; what cannot be decided is left to a person."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workbench.boards.bench import load_bench
from workbench.boards.bench_write import proposal_text, write_new
from workbench.boards.detect import PortSeen, ProbeSeen, propose_bench, serial_ports, stable_names
from workbench.boards.target import load_target
from workbench.boards.usb import UsbDevice, usb_devices

MICROBIT = load_target("microbit-v1")
BY_PATH = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.1"


def sysfs(folder: Path, path: str, serial: str, product: str = "BBC micro:bit CMSIS-DAP") -> None:
    """A device as the kernel shows it (Documentation/ABI/stable/sysfs-bus-usb)."""
    device = folder / path
    (device / f"{path}:1.0").mkdir(parents=True)
    values = {
        "idVendor": "0d28",
        "idProduct": "0204",
        "product": product,
        "serial": serial,
        "busnum": "1",
        "devnum": "7",
    }
    for name, value in values.items():
        (device / name).write_text(value + "\n")
    (device / f"{path}:1.0" / "interface").write_text("CMSIS-DAP v1\n")


def test_usb_devices_are_read_as_the_kernel_lists_them(tmp_path: Path) -> None:
    sysfs(tmp_path, "1-1.2", "9900AA")
    (tmp_path / "usb1").mkdir()
    assert usb_devices(tmp_path) == (
        UsbDevice(
            "1-1.2",
            "0d28",
            "0204",
            "BBC micro:bit CMSIS-DAP",
            "9900AA",
            Path("/dev/bus/usb/001/007"),
            ("CMSIS-DAP v1",),
        ),
    )
    assert usb_devices(tmp_path / "none") == ()


def test_a_board_becomes_a_slot_that_loads(tmp_path: Path) -> None:
    sysfs(tmp_path / "sys", "1-1.10", "9900BB")
    sysfs(tmp_path / "sys", "1-1.2", "9900AA")
    probes = [ProbeSeen("9900bb", "second", "nrf51"), ProbeSeen("9900AA", "first", "nrf51")]
    ports = [
        PortSeen("/dev/ttyACM0", BY_PATH, "1-1.2", "9900AA"),
        PortSeen("/dev/ttyUSB0", None, "1-3", "FT1", "a cable\nof mine"),
    ]
    proposal = propose_bench(probes, ports, [MICROBIT], usb_devices(tmp_path / "sys"))
    path = write_new(tmp_path / "bench.toml", proposal_text(proposal))
    slots = load_bench(path).slots
    assert list(slots) == ["a1", "a2"]
    assert slots["a1"].need_probe().unique_id == "9900AA"
    assert slots["a1"].need_probe().usb_path == "1-1.2"
    assert slots["a1"].serial == BY_PATH
    assert (slots["a2"].need_probe().usb_path, slots["a2"].serial) == ("1-1.10", None)
    assert '#   serial = "/dev/ttyUSB0" # a cableof mine' in path.read_text()


def test_without_usb_paths_the_serial_number_binds_port_and_probe() -> None:
    ports = [PortSeen("/dev/ttyACM1", None, None, "other"), PortSeen("/dev/ttyACM0", None, None, "9900aa")]
    proposal = propose_bench([ProbeSeen("9900AA", "", "nrf51")], ports, [MICROBIT])
    port = proposal.slots[0].port
    assert port is not None
    assert port.device == "/dev/ttyACM0"


def test_an_unknown_board_is_left_to_a_person(tmp_path: Path) -> None:
    proposal = propose_bench([ProbeSeen("77", "strange", None)], [], [MICROBIT])
    text = proposal_text(proposal)
    assert '# target = "TARGET"' in text
    assert load_bench(write_new(tmp_path / "bench.toml", text)).slots == {}
    filled = text.replace("TARGET", "microbit-v1")
    lines = [x.removeprefix("# ") for x in filled.splitlines() if not x.startswith("# Which")]
    assert list(load_bench(write_new(tmp_path / "filled.toml", "\n".join(lines))).slots) == ["a1"]


def test_nothing_plugged_in_is_an_empty_bench(tmp_path: Path) -> None:
    text = proposal_text(propose_bench([], [], [MICROBIT]))
    assert "workbench doctor" in text
    assert load_bench(write_new(tmp_path / "bench.toml", text)).slots == {}


def test_the_name_of_the_socket_comes_before_that_of_the_board(tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    device.touch()
    for kind, name in (("by-id", "usb-board"), ("by-path", "pci-usbv2-0:1.2"), ("by-path", "pci-usb-0:1.2")):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / kind / name).symlink_to(device)
    assert stable_names(tmp_path) == {str(device): str(tmp_path / "by-path" / "pci-usb-0:1.2")}


def test_listing_ports_works_on_a_machine_without_any(tmp_path: Path) -> None:
    assert all(p.device.startswith("/dev/") for p in serial_ports(tmp_path))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), st.text(max_size=40))
def test_whatever_a_probe_calls_itself_the_file_stays_toml(unique_id: str, description: str) -> None:
    import tomllib

    text = proposal_text(propose_bench([ProbeSeen(unique_id, description, "nrf51")], [], [MICROBIT]))
    assert tomllib.loads(text)["slots"]["a1"]["probe"]["unique_id"] == unique_id
