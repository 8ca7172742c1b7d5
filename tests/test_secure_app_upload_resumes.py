"""An upload goes on where it was interrupted, takes nothing wrong, and leaves a slot alone that is needed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.secure_app_lab import (
    IDENTITY_OF,
    IMAGE_ERASE,
    IMAGE_STATE,
    IMAGE_UPLOAD,
    RESET,
    Smp,
    Unit,
    app_image,
    smp_on,
    unit_in,
)
from tests.secure_lab import (
    IDLE,
    NVMC_CONFIG,
    REQUEST_TEST,
    SLOT1,
    SLOT_BYTES,
    STATE,
    TRIAL,
    Board,
    BootState,
)
from tests.twin_lab import Line, attached, wait_until
from workbench.virtual.cut import CutMode

PENDING = {"err": {"group": 1, "rc": 28}}
PIECE = 1000
LARGEST = 99 * 1024


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    with unit_in(tmp_path_factory.mktemp("unit")) as made:
        yield made


@pytest.fixture(scope="module")
def image(unit: Unit) -> bytes:
    return app_image(unit.made, "1.1.0", counter=2)


@pytest.fixture
def smp(unit: Unit) -> Iterator[Smp]:
    """Slot 1 is empty."""
    with smp_on(unit.twin) as line:
        assert line.write(IMAGE_ERASE) == {}
        yield line


def begin(smp: Smp, image: bytes, count: int = PIECE, /, **more: Any) -> dict[str, Any]:
    fields = {
        "off": 0,
        "len": len(image),
        "sha": hashlib.sha256(image).digest(),
        "data": image[:count],
        **more,
    }
    return smp.write(IMAGE_UPLOAD, **{name: value for name, value in fields.items() if value is not None})


def send(smp: Smp, image: bytes, start: int, end: int, piece: int = PIECE) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for at in range(start, end, piece):
        answer = smp.write(IMAGE_UPLOAD, off=at, data=image[at : min(at + piece, end)])
        assert answer["off"] == min(at + piece, end)
    return answer


def slot_1(unit: Unit) -> bytes:
    with attached(unit.twin) as target:
        found = bytes(target.read_memory_block8(SLOT1, SLOT_BYTES))
        target.resume()
    return found


@pytest.mark.parametrize("piece", [1, 3, 61, 64, 4000])
def test_pieces_of_any_length_make_the_image(unit: Unit, smp: Smp, image: bytes, piece: int) -> None:
    head = image[: len(image) if piece > 60 else 100 + 7 * piece]
    assert begin(smp, head, 33) == {"off": 33}
    assert send(smp, head, 33, len(head), piece) == {"off": len(head), "match": True}
    assert slot_1(unit)[: len(head)] == head


def test_what_differs_from_its_hash_is_said_to(smp: Smp, image: bytes) -> None:
    assert begin(smp, image, 4000, sha=bytes(32)) == {"off": 4000}
    assert send(smp, image, 4000, len(image), 4000) == {"off": len(image), "match": False}


def test_without_a_hash_nothing_is_said(smp: Smp, image: bytes) -> None:
    assert begin(smp, image, 4000, sha=None) == {"off": 4000}
    assert send(smp, image, 4000, len(image), 4000) == {"off": len(image)}


def test_pieces_out_of_turn_change_nothing(unit: Unit, smp: Smp, image: bytes) -> None:
    assert begin(smp, image) == {"off": PIECE}
    before = slot_1(unit)
    for at in (1, PIECE - 1, PIECE + 1, len(image), 2**32 - 1):
        assert smp.write(IMAGE_UPLOAD, off=at, data=b"wrong") == {"off": PIECE}
    assert slot_1(unit) == before


def test_it_goes_on_over_a_line_that_was_closed(unit: Unit, smp: Smp, image: bytes) -> None:
    begin(smp, image)
    send(smp, image, PIECE, 5 * PIECE)
    smp.run(smp.client.disconnect())
    smp.run(smp.client.connect())
    assert begin(smp, image) == {"off": 5 * PIECE}
    assert send(smp, image, 5 * PIECE, len(image)) == {"off": len(image), "match": True}


@pytest.mark.parametrize("how", ["reset", "power"])
def test_it_goes_on_after_a_reset_or_a_loss_of_power(unit: Unit, smp: Smp, image: bytes, how: str) -> None:
    begin(smp, image)
    send(smp, image, PIECE, 7 * PIECE, 333)
    smp.run(smp.client.disconnect())
    if how == "reset":
        unit.reset()
    else:
        unit.twin.power.cycle()
    smp.run(smp.client.connect())
    resumed = begin(smp, image)["off"]
    assert 7 * PIECE - 8 <= resumed <= 7 * PIECE
    assert send(smp, image, resumed, len(image)) == {"off": len(image), "match": True}
    assert slot_1(unit)[: len(image)] == image


CUTS: list[tuple[int, CutMode]] = [
    *((after, "torn") for after in (1, 7, 17, 18, 300)),
    *((after, "clean") for after in (17, 1100)),
]


def test_it_goes_on_after_a_power_cut(unit: Unit, smp: Smp, image: bytes) -> None:
    """At chosen words of an upload over the remains of another: its erases, its record, its data."""
    short = image[: 6 * PIECE]
    other = app_image(unit.made, "1.2.0", counter=2)
    smp.run(smp.client.disconnect())
    for after, mode in CUTS:
        with smp_on(unit.twin) as line:
            line.write(IMAGE_ERASE)
            begin(line, other)
            send(line, other, PIECE, 6 * PIECE)
            unit.twin.power.arm_cut(after, mode, seed=after)
            with contextlib.suppress(Exception):
                begin(line, short)
                send(line, short, PIECE, len(short))
        wait_until(lambda: unit.twin.power.state() == "off", "the cut")
        unit.twin.power.on()
        with smp_on(unit.twin) as line:
            resumed = begin(line, short)["off"]
            assert send(line, short, resumed, len(short)) == {"off": len(short), "match": True}, (after, mode)
    smp.run(smp.client.connect())


def test_a_finished_or_another_upload_begins_anew(unit: Unit, smp: Smp, image: bytes) -> None:
    begin(smp, image)
    send(smp, image, PIECE, len(image))
    assert begin(smp, image) == {"off": PIECE}
    send(smp, image, PIECE, 2 * PIECE)
    other = app_image(unit.made, "1.2.0", counter=2)
    assert begin(smp, other) == {"off": PIECE}
    assert slot_1(unit)[PIECE : 3 * PIECE] == b"\xff" * 2 * PIECE
    assert begin(smp, other, sha=None) == {"off": PIECE}, "without a hash nothing is resumed"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"len": LARGEST + 1}, 30),
        ({"len": 2**32 - 1}, 30),
        ({"len": None}, 21),
        ({"off": None}, 20),
        ({"image": 1}, 14),
        ({"sha": bytes(31)}, 24),
        ({"data": bytes(31)}, 22),
        ({"data": bytes(200)}, 23),
        ({"len": 100}, 31),
    ],
)
def test_what_cannot_be_an_image_is_refused(
    unit: Unit, smp: Smp, image: bytes, changed: dict[str, Any], error: int
) -> None:
    begin(smp, image, 400)
    before = slot_1(unit)
    assert begin(smp, image, 400, **changed) == {"err": {"group": 1, "rc": error}}
    assert slot_1(unit) == before


def test_no_byte_beyond_the_length_is_taken(unit: Unit, smp: Smp, image: bytes) -> None:
    begin(smp, image)
    send(smp, image, PIECE, len(image) - 10)
    too_much = smp.write(IMAGE_UPLOAD, off=len(image) - 10, data=bytes(11))
    assert too_much == {"err": {"group": 1, "rc": 31}}
    assert slot_1(unit)[len(image) - 10 : len(image) + 10].count(b"\xff") >= 10
    assert send(smp, image, len(image) - 10, len(image)) == {"off": len(image), "match": True}


def test_only_an_upgrade_where_that_was_asked_for(unit: Unit, smp: Smp, image: bytes) -> None:
    assert begin(smp, app_image(unit.made, "1.0.0"), upgrade=True) == {"err": {"group": 1, "rc": 27}}
    assert begin(smp, app_image(unit.made, "1.0.0"), upgrade=False) == {"off": PIECE}
    assert begin(smp, image, upgrade=True) == {"off": PIECE}


def test_a_piece_without_a_beginning_is_refused(smp: Smp) -> None:
    assert smp.write(IMAGE_UPLOAD, off=40, data=bytes(8)) == {"err": {"group": 1, "rc": 20}}
    assert smp.write(IMAGE_UPLOAD, off=0, len=100) == {"rc": 3}
    assert smp.write(IMAGE_ERASE, slot=0) == {"err": {"group": 1, "rc": 14}}


def put_state(phase: int) -> Any:
    """Writes a boot state over the debug port."""

    def write(board: Board) -> None:
        board.target.write32(NVMC_CONFIG, 2)
        for page in (STATE, STATE + 0x400):
            board.target.write32(0x4001E508, page)
        board.write({STATE: BootState(phase=phase).encode()})

    return write


def refuses_everything(smp: Smp, image: bytes) -> None:
    assert begin(smp, image) == PENDING
    assert smp.write(IMAGE_UPLOAD, off=PIECE, data=b"more") == PENDING
    assert smp.write(IMAGE_ERASE) == PENDING
    assert smp.ask(IMAGE_ERASE, {}, 2, 0) == {"rc": 10}


@pytest.mark.parametrize("phase", [REQUEST_TEST, TRIAL])
def test_a_slot_that_is_needed_is_left_alone(unit: Unit, smp: Smp, image: bytes, phase: int) -> None:
    begin(smp, image, 4000)
    send(smp, image, 4000, len(image), 4000)
    with attached(unit.twin) as target:
        put_state(phase)(Board(unit.twin, target, smp))  # type: ignore[arg-type]
        target.resume()
    refuses_everything(smp, image)
    with attached(unit.twin) as target:
        put_state(IDLE)(Board(unit.twin, target, smp))  # type: ignore[arg-type]
        target.resume()
    assert slot_1(unit)[: len(image)] == image


def update(unit: Unit, image: bytes) -> bytes:
    """Upload, test, reset: until the new image says its version."""
    with smp_on(unit.twin) as smp:
        smp.upload(image)
        assert smp.write(IMAGE_STATE, hash=smp.slot(1)["hash"])["images"][1]["pending"]
        assert smp.write(RESET) == {}
    with Line(unit.twin) as line:
        said = line.until(b"app: ")
        line.until(b"\n")
    return said


def test_a_trial_is_confirmed_once_its_self_test_passed(unit: Unit, image: bytes) -> None:
    update(unit, image)
    with smp_on(unit.twin) as smp:
        assert smp.read(IDENTITY_OF)["phase"] == TRIAL
        running = smp.slot(0)
        assert (running["version"], running["confirmed"], running["active"]) == ("1.1.0", False, True)
        refuses_everything(smp, image)
        assert smp.write(IMAGE_STATE, hash=smp.slot(1)["hash"]) == PENDING
        assert smp.write(IMAGE_STATE, hash=running["hash"]) == {"err": {"group": 1, "rc": 33}}
        assert smp.write(IMAGE_STATE, confirm=True)["images"][0]["confirmed"]
        said = smp.read(IDENTITY_OF)
        assert (said["phase"], said["result"], said["confirmed"]) == (IDLE, 1, True)


def test_a_trial_that_fails_its_self_test_is_never_confirmed(unit: Unit) -> None:
    unit.make()
    bad = app_image(unit.made, "1.1.0", variant="bad-selftest", counter=2)
    update(unit, bad)
    with smp_on(unit.twin) as smp:
        assert smp.read(IDENTITY_OF)["selftest"] is False
        for words in ({}, {"hash": smp.slot(0)["hash"]}):
            assert smp.write(IMAGE_STATE, confirm=True, **words) == {"err": {"group": 1, "rc": 32}}
        assert smp.ask(IMAGE_STATE, {"confirm": True}, 2, 0) == {"rc": 6}
        assert smp.read(IDENTITY_OF)["phase"] == TRIAL
        smp.write(RESET)
    with Line(unit.twin) as line:
        assert b"boot: reverting" in line.until(b"app: 1.0.0")
