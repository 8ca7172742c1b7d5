"""What a board does that enrols: its token read by another stack, its flash seen by the debug port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.messages.mac0message import Mac0Message
from pycose.messages.sign1message import Sign1Message

from tests.mcu_firmware_lab import (
    Enrolled,
    FreshUnit,
    certificate_for,
    fresh_unit_in,
)
from tests.secure_lab import PAGE

M = TypeVar("M", Sign1Message, Mac0Message)
NONCE = bytes(range(32))


@contextmanager
def fresh_units(folder: Path) -> Iterator[FreshUnit]:
    """One twin for all tests of a file; its `make` gives a new unit."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp") as runtime,
    ):
        patch.setenv("WORKBENCH_RUNTIME", runtime)
        with fresh_unit_in(folder) as unit:
            yield unit


def point_of(public: ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def opened(kind: type[M], token: bytes) -> M:
    """As pycose reads it: 1.1 does not take what this cbor2 makes of a tag's inside, a tuple."""
    tagged = cbor2.loads(token)
    assert tagged.tag == kind.cbor_tag
    protected, unprotected, payload, proof = tagged.value
    found: M = kind.from_cose_obj([protected, dict(unprotected), payload, proof], True)
    return found


def claims_of(message: Sign1Message | Mac0Message) -> dict[int, Any]:
    claims: dict[int, Any] = cbor2.loads(message.payload or b"")
    return claims


def enrol(asked: Enrolled) -> tuple[bytes, bytes]:
    """All the way to the commit; public point and certificate."""
    point = bytes(asked.act("generate")["pub"])
    der = certificate_for(point)
    assert asked.write_certificate(der)["match"] is True
    assert asked.act("commit")["state"] == "done"
    return point, der


def flash(unit: FreshUnit, at: int, size: int = PAGE) -> bytes:
    """Of the halted board, which runs on afterwards."""
    with unit.board() as board:
        data = bytes(board.target.read_memory_block8(at, size))
        board.target.resume()
    return data
