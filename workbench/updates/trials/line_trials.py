"""What comes over the line and is no update: garbage, floods, frames that lie."""

from __future__ import annotations

import base64
import random
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from workbench.updates.trials.model import Row, Verdict
from workbench.updates.trials.unit import Unit
from workbench.wires.smp_errors import SmpGarbled, SmpRefused, SmpSilent
from workbench.wires.smp_framing import ConsoleFraming
from workbench.wires.smp_message import Op, Request

GROUP: Final = "line"
EXPECTED: Final = "answers an echo afterwards and runs on"
RECOVER_S: Final = 20.0
FLOOD: Final = 1000
_FIRST, _MORE = b"\x06\x09", b"\x04\x14"

Attack = Callable[[Unit, random.Random], None]


def noise(unit: Unit, dice: random.Random) -> None:
    """32 KiB of anything."""
    for _ in range(64):
        unit.site.raw(dice.randbytes(512))


def long_lines(unit: Unit, dice: random.Random) -> None:
    """Lines far longer than a frame, and a frame that never ends."""
    unit.site.raw(b"A" * 9000 + b"\n")
    unit.site.raw(_FIRST + base64.b64encode(dice.randbytes(6000)) + b"\n")
    for _ in range(80):
        unit.site.raw(_MORE + base64.b64encode(dice.randbytes(90)) + b"\n")


def half_frames(unit: Unit, dice: random.Random) -> None:
    """Frames that stop anywhere, each followed by the next."""
    frame = ConsoleFraming().encode(_echo(b"x" * 300))
    for _ in range(60):
        unit.site.raw(frame[: dice.randrange(1, len(frame))] + dice.choice((b"", b"\n", b"\r\n")))
    unit.site.raw(b"\n")


def wrong_checksums(unit: Unit, dice: random.Random) -> None:
    """Frames whose CRC, length or base64 is wrong."""
    for _ in range(60):
        frame = bytearray(ConsoleFraming().encode(_echo(dice.randbytes(40))))
        at = dice.randrange(2, len(frame) - 1)
        frame[at] = dice.choice(b"AZaz09+/=\x00\xff")
        unit.site.raw(bytes(frame))
    for size in (0, 1, 2, 3, 0xFFFF, 0x7FFF, 2049):
        body = struct.pack(">H", size) + dice.randbytes(30)
        unit.site.raw(_FIRST + base64.b64encode(body) + b"\n")


def wrong_headers(unit: Unit, dice: random.Random) -> None:
    """Messages with a good CRC whose SMP header says anything."""
    for _ in range(80):
        unit.site.raw(ConsoleFraming().encode(dice.randbytes(dice.randrange(0, 40))))
    for size in (0, 1, 0x7FFF, 0xFFFF):
        head = struct.pack(">BBHHBB", Op.WRITE | 8, 0, size, 1, 0, 1)
        unit.site.raw(ConsoleFraming().encode(head + b"\xa1"))


def wild_cbor(unit: Unit, dice: random.Random) -> None:
    """Requests whose CBOR is nested, endless, huge or damaged."""
    bodies = [
        b"\x81" * 800,
        b"\xa1\x61a" * 200,
        b"\xbf" * 500,
        b"\x9f" + b"\x9f" * 400,
        b"\xdb" + b"\xff" * 8 + b"\x00",
        b"\xbb" + b"\xff" * 8,
        b"\x5b" + b"\xff" * 8 + b"abc",
        b"\xa1\x64data\x5a\xff\xff\xff\xf0abc",
        b"\xa2\x63off\x1b" + b"\xff" * 8 + b"\x64data\x40",
        b"\xa3\x63len\x1a\xff\xff\xff\xff\x63off\x00\x64data\x58\x20" + b"\x3d\xb8\xf3\x96" * 8,
        b"\xc6" * 300 + b"\x00",
        *(dice.randbytes(dice.randrange(1, 300)) for _ in range(60)),
    ]
    for body in bodies:
        for group, command in ((0, 0), (1, 0), (1, 1), (64, 1), (64, 2)):
            if (group, command) == (1, 1) or body[:1] not in (b"\x81",):
                head = struct.pack(">BBHHBB", Op.WRITE | 8, 0, len(body), group, 0, command)
                unit.site.raw(ConsoleFraming().encode(head + body))


def flood(unit: Unit, dice: random.Random) -> None:
    """A thousand requests without waiting for answers."""
    frame = ConsoleFraming().encode(_echo(b"flood"))
    for _ in range(FLOOD // 20):
        unit.site.raw(frame * 20)


def upload_anywhere(unit: Unit, dice: random.Random) -> None:
    """Pieces of an upload that nobody began, at offsets that do not exist."""
    for offset in (1, 4, 0xFFFF_FFFC, 0x7FFF_FFFF, 0x0002_0000, *(dice.getrandbits(32) for _ in range(20))):
        _try(unit, Request("a stray piece", Op.WRITE, 1, 1, {"off": offset, "data": dice.randbytes(64)}))
    for length in (0xFFFF_FFFF, 1 << 40, 0, 31):
        body = {"off": 0, "len": length, "sha": bytes(32), "data": b"\x3d\xb8\xf3\x96" + bytes(60)}
        _try(unit, Request("an upload of that size", Op.WRITE, 1, 1, body))


ATTACKS: Final[dict[str, tuple[str, Attack]]] = {
    "line-noise": ("32 KiB of noise", noise),
    "line-long": ("lines and frames that never end", long_lines),
    "line-half-frames": ("frames that stop anywhere", half_frames),
    "line-checksums": ("frames with wrong checksums and lengths", wrong_checksums),
    "line-headers": ("messages with senseless headers", wrong_headers),
    "line-cbor": ("nested, endless, huge and damaged CBOR", wild_cbor),
    "line-flood": (f"{FLOOD} requests at once", flood),
    "line-stray-pieces": ("pieces of uploads that nobody began", upload_anywhere),
}


def try_line(unit: Unit, name: str, seed: int) -> Row:
    """One attack on the line; the unit must answer afterwards, without having been restarted."""
    title, attack = ATTACKS[name]
    began_s = time.monotonic()
    unit.site.printed.mark()
    attack(unit, random.Random(f"{name} {seed}"))
    problem = _recovered(unit)
    if "boot: " in unit.site.printed.text():
        problem = "the board restarted"
    after = unit.settle()
    if problem is None and not unit.is_allowed(after):
        problem = "it does not run the allowed image any more"
    return Row(
        name=name,
        group=GROUP,
        title=title,
        expected=EXPECTED,
        observed=problem or "answers, runs on",
        verdict=Verdict.BROKEN if problem else Verdict.HELD,
        seconds=round(time.monotonic() - began_s, 2),
        details={"seed": seed},
    )


def _recovered(unit: Unit) -> str | None:
    """Why the unit does not answer an echo, None where it does."""
    unit.site.raw(b"\n")
    text = "still here"
    deadline = time.monotonic() + RECOVER_S
    said = "no answer to an echo"
    while time.monotonic() < deadline:
        unit.site.check()
        try:
            answer = unit.site.smp.call(Request("an echo", Op.WRITE, 0, 0, {"d": text}), timeout_s=1.0)
        except SmpSilent:
            continue
        except (SmpRefused, SmpGarbled) as error:
            said = error.what
            continue
        if answer.get("r") == text:
            return None
        said = f"echo gives {answer.get('r')!r}"
    return said


def _try(unit: Unit, request: Request) -> None:
    try:
        unit.site.smp.call(request, timeout_s=5.0)
    except (SmpRefused, SmpSilent, SmpGarbled):
        return


def _echo(text: bytes) -> bytes:
    return Request("an echo", Op.WRITE, 0, 0, {"d": text.decode("latin-1")}).encode(0)


def names() -> Iterator[str]:
    """Names of all."""
    yield from ATTACKS
