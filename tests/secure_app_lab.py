"""What the tests of the secure application share: it runs on a board with its bootloader, and talks SMP."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cbor2
from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialTransport

from tests.secure_lab import BUILT, IDENTITY, SECURE, SLOT0, Board, Maker, board_on, build_boot, maker
from tests.twin_lab import ROOT, twin_in
from workbench.virtual.twins import Twin

READ, WRITE = 0, 2
OS, IMAGE, OWN = 0, 1, 64
IMAGE_STATE, IMAGE_UPLOAD, IMAGE_ERASE = (IMAGE, 0), (IMAGE, 1), (IMAGE, 5)
ECHO, RESET, PARAMETERS, INFO, BOOTLOADER = (OS, 0), (OS, 5), (OS, 6), (OS, 7), (OS, 8)
IDENTITY_OF, CHALLENGE, CONSENT, BUSY = (OWN, 0), (OWN, 1), (OWN, 2), (OWN, 3)
PROFILE: Final = "tier-2-ecdsa"
REQUEST_LIMIT_S: Final = 20.0
STACK_FILL: Final = 0x5AA5C33C


def build_app(variant: str = "", chip: str = "nrf51", profile: str = PROFILE) -> Path:
    """The folder of the application, built if that is needed; tests in other processes wait."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / ".tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([ROOT / "scripts/fetch-bearssl"], check=True, stdin=subprocess.DEVNULL, timeout=300)
        done = subprocess.run(
            ["make", "-C", SECURE, "app", f"PROFILE={profile}", f"CHIP={chip}", f"APP_VARIANT={variant}"],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILT / chip / (f"{profile}-{variant}" if variant else profile)


def app_image(made: Maker, version: str = "1.0.0", variant: str = "", **more: Any) -> bytes:
    """The application as a release; other versions differ in their header only."""
    return made.image(version, payload=(build_app(variant) / "app.bin").read_bytes(), **more)


@dataclass
class Smp:
    """A synchronous face on smpclient, which also sends what smpclient has no words for."""

    url: str
    client: SMPClient
    loop: asyncio.AbstractEventLoop
    sequence: int = 0

    def ask(self, command: tuple[int, int], body: object, op: int = READ, version: int = 1) -> dict[str, Any]:
        """One request; the answer's map."""
        return self.ask_raw(command, cbor2.dumps(body), op, version)

    def ask_raw(
        self, command: tuple[int, int], body: bytes, op: int = READ, version: int = 1
    ) -> dict[str, Any]:
        """One request with any body."""
        self.sequence = (self.sequence + 1) % 256
        group, number = command
        head = struct.pack("!BBHHBB", op | version << 3, 0, len(body), group, self.sequence, number)
        answer = self.run(self.client._transport.send_and_receive(head + body))
        while answer[6] != self.sequence:  # of a request that smpclient had given up
            answer = self.run(self.client._transport.receive())
        got_op, _, length, got_group, sequence, got_number = struct.unpack("!BBHHBB", answer[:8])
        assert (got_op, got_group, got_number) == (op + 1 | version << 3, group, number)
        assert (length, sequence) == (len(answer) - 8, self.sequence)
        found: dict[str, Any] = cbor2.loads(answer[8:])
        return found

    def write(self, command: tuple[int, int], **body: object) -> dict[str, Any]:
        """A write request."""
        return self.ask(command, body, WRITE)

    def read(self, command: tuple[int, int], **body: object) -> dict[str, Any]:
        """A read request."""
        return self.ask(command, body)

    def upload(self, image: bytes) -> None:
        """As smpclient does it."""

        async def all_of_it() -> None:
            async for _ in self.client.upload(image):
                pass

        self.run(all_of_it())

    def slot(self, number: int) -> dict[str, Any]:
        """What the list of images says of a slot."""
        (found,) = [image for image in self.read(IMAGE_STATE)["images"] if image["slot"] == number]
        return dict(found)

    def alive(self) -> None:
        """The board answers."""
        assert self.write(ECHO, d="still here") == {"r": "still here"}

    def run(self, work: Any) -> Any:
        """Bounded in time."""
        return self.loop.run_until_complete(asyncio.wait_for(work, REQUEST_LIMIT_S))


@contextlib.contextmanager
def smp_on(twin: Twin) -> Iterator[Smp]:
    """An open line to an application that runs."""
    loop = asyncio.new_event_loop()
    client = SMPClient(SMPSerialTransport(), twin.serial_url)
    loop.run_until_complete(asyncio.wait_for(client.connect(), REQUEST_LIMIT_S))
    try:
        yield Smp(twin.serial_url, client, loop)
    finally:
        loop.run_until_complete(client.disconnect())
        loop.close()


class Unit:
    """A provisioned board with bootloader and application 1.0.0."""

    def __init__(self, twin: Twin, made: Maker) -> None:
        self.twin = twin
        self.made = made

    def make(self, variant: str = "", more: dict[int, bytes] | None = None) -> None:
        """Erases everything and begins anew.  `more` is written to flash as well."""
        with board_on(self.twin) as board:
            board.fill(
                {
                    0: (build_boot(PROFILE) / "boot.bin").read_bytes(),
                    IDENTITY: self.made.page(board.chip_id),
                    SLOT0: app_image(self.made, variant=variant),
                    **(more or {}),
                }
            )
            start(board)

    def reset(self, meanwhile: Callable[[Board], None] = lambda _: None) -> list[str]:
        """A reset by the debugger, after `meanwhile`; what the bootloader says."""
        with board_on(self.twin) as board:
            board.target.halt()
            meanwhile(board)
            return start(board)


def start(board: Board) -> list[str]:
    """Boots, waits for the application, leaves the core running."""
    said = board.boot()
    board.line.until(b"app: ")
    board.line.until(b"\n")
    board.target.resume()
    return said


@contextlib.contextmanager
def unit_in(folder: Path, variant: str = "") -> Iterator[Unit]:
    """A powered unit of its own keys."""
    with twin_in(folder) as twin:
        unit = Unit(twin, maker(PROFILE, folder / "keys"))
        unit.make(variant)
        yield unit
