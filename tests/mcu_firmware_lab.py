"""What the tests of the firmware's enrolment share: a unit without a key of its own, and its requests."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.enrol_host import HostUnit
from tests.secure_app_lab import OWN, PROFILE, Smp, app_image, smp_on, start
from tests.secure_lab import DEVICE, FLOOR_S, IDENTITY, KEYS, SLOT0, Board, Maker, board_on, build_boot, maker
from tests.twin_lab import twin_in
from workbench.images.provisioning import build_page
from workbench.images.unit import unit_content
from workbench.virtual.twins import Twin

ENROL, CSR, CERTIFICATE, EAT = (OWN, 4), (OWN, 5), (OWN, 6), (OWN, 7)
NO_KEY, ENROL_STATE, NO_SECRET, RANDOM, FLASH, FROZEN = 6, 9, 10, 11, 12, 13
NO_CERTIFICATE, CERTIFICATE_WRONG = 14, 15
"""Errors of group 64."""
CERTIFICATE_MAX: Final = 1008
PIECE: Final = 256


def enrolment_record(secret: bytes) -> bytes:
    """What the debug probe writes at the start of the key page."""
    body = b"WBENROL1" + secret
    return body + struct.pack("<I", zlib.crc32(body))


def page_without_device_key(made: Maker, chip_id: bytes, **more: Any) -> bytes:
    """The provisioning page of a unit that makes its own key."""
    unit = unit_content(made.profile, made.keys, device=DEVICE, chip_id=chip_id, time_floor_s=FLOOR_S)
    return build_page(replace(unit.page, **{"device_key": None, **more}))


@functools.cache
def issuer() -> tuple[ec.EllipticCurvePrivateKey, x509.Name]:
    """A certificate authority of the tests."""
    return ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=TEST issuer")


def certificate_for(point: bytes, *, padding: int = 0, serial: int = 1) -> bytes:
    """A certificate for a public point, as DER; `padding` bytes more than it needs."""
    key, name = issuer()
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    begin = datetime.fromtimestamp(FLOOR_S, UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=unit"))
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
        .add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(padding)), False
        )
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


@dataclass
class Enrolled:
    """The enrolment of one unit, asked for over SMP."""

    smp: Smp | HostUnit
    secret: bytes

    def read(self) -> dict[str, Any]:
        """State, origin, copies, health."""
        return self.smp.read(ENROL)

    def act(self, word: str) -> dict[str, Any]:
        """`generate` or `commit`; the state afterwards, or the error."""
        return self.smp.write(ENROL, act=word)

    def csr(self, nonce: bytes) -> bytes:
        """The signing request."""
        return bytes(self.smp.write(CSR, nonce=nonce)["csr"])

    def write_certificate(self, der: bytes, piece: int = PIECE) -> dict[str, Any]:
        """In pieces; the last answer, or the first error."""
        answer: dict[str, Any] = {}
        for at in range(0, len(der), piece):
            first = {"len": len(der), "sha": hashlib.sha256(der).digest()} if at == 0 else {}
            answer = self.smp.write(CERTIFICATE, off=at, data=der[at : at + piece], **first)
            if "off" not in answer:
                return answer
        return answer

    def read_certificate(self) -> bytes:
        """All of it."""
        data = b""
        while True:
            answer = self.smp.read(CERTIFICATE, off=len(data))
            assert answer["off"] == len(data)
            data += bytes(answer["data"])
            if len(data) == answer["len"]:
                return data

    def eat(self, nonce: bytes) -> bytes:
        """The token."""
        return bytes(self.smp.write(EAT, nonce=nonce)["eat"])


def error_of(answer: dict[str, Any]) -> int | None:
    """The number of an error of group 64, None for an answer."""
    if "err" in answer:
        assert answer["err"]["group"] == OWN
        return int(answer["err"]["rc"])
    return None


@dataclass
class FreshUnit:
    """A unit without a key: bootloader, application, page, and an enrolment record if there is a secret."""

    twin: Twin
    made: Maker
    secret: bytes | None = field(default_factory=lambda: os.urandom(32))

    def make(self, variant: str = "", more: dict[int, bytes] | None = None, **page: Any) -> None:
        """Erases everything and begins anew."""
        with board_on(self.twin) as board:
            contents = {
                0: (build_boot(PROFILE) / "boot.bin").read_bytes(),
                IDENTITY: page_without_device_key(self.made, board.chip_id, **page),
                SLOT0: app_image(self.made, variant=variant),
            }
            if self.secret is not None:
                contents[KEYS] = enrolment_record(self.secret)
            board.fill({**contents, **(more or {})})
            start(board)

    @contextlib.contextmanager
    def talk(self) -> Iterator[Enrolled]:
        """Requests to the application that runs."""
        with smp_on(self.twin) as smp:
            yield Enrolled(smp, self.secret or b"")

    @contextlib.contextmanager
    def board(self) -> Iterator[Board]:
        """The debug port; whoever wants the application to run on resumes it."""
        with board_on(self.twin) as board:
            yield board


@contextlib.contextmanager
def fresh_unit_in(folder: Path, variant: str = "") -> Iterator[FreshUnit]:
    """A powered unit that waits for its enrolment."""
    with twin_in(folder) as twin:
        unit = FreshUnit(twin, maker(PROFILE, folder / "keys"))
        unit.make(variant)
        yield unit
