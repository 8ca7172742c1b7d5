"""A stock client finds here what it finds on others; our own group says who the unit is, and proves it."""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from smp.header import Version as SmpVersion
from smp.image_management import (
    ImageEraseResponse,
    ImageManagementErrorV1,
    ImageManagementErrorV2,
    ImageStatesReadResponse,
)
from smp.os_management import EchoWriteResponse, MCUMgrParametersReadResponse
from smpclient.requests.image_management import ImageErase, ImageStatesRead, ImageStatesWrite
from smpclient.requests.os_management import EchoWrite, MCUMgrParametersRead

from tests.secure_app_lab import (
    BOOTLOADER,
    CHALLENGE,
    ECHO,
    IDENTITY_OF,
    IMAGE_STATE,
    INFO,
    PARAMETERS,
    STACK_FILL,
    WRITE,
    Smp,
    Unit,
    app_image,
    build_app,
    smp_on,
    unit_in,
)
from tests.secure_lab import IDENTITY, NVMC_CONFIG, SLOT1
from tests.twin_lab import attached

NVMC_ERASEPAGE = 0x4001E508
STACK_BYTES = 6144
STACK_SPARE_BYTES = 1024


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    with unit_in(tmp_path_factory.mktemp("unit")) as made:
        yield made


@pytest.fixture(scope="module")
def smp(unit: Unit) -> Iterator[Smp]:
    with smp_on(unit.twin) as line:
        yield line


def memory(unit: Unit, address: int, count: int) -> bytes:
    """Read over the debug port; the core goes on afterwards."""
    with attached(unit.twin) as target:
        found = bytes(target.read_memory_block8(address, count))
        target.resume()
    return found


def provision(unit: Unit, page: bytes) -> None:
    """Another identity area, under the running program."""
    with attached(unit.twin) as target:
        target.write32(NVMC_CONFIG, 2)
        target.write32(NVMC_ERASEPAGE, IDENTITY)
        target.write32(NVMC_CONFIG, 1)
        target.write_memory_block32(IDENTITY, [word for (word,) in struct.iter_unpack("<I", page)])
        target.write32(NVMC_CONFIG, 0)
        target.resume()


def test_echo_of_all_lengths_that_fit(smp: Smp) -> None:
    most = smp.read(PARAMETERS)["buf_size"]
    for length in (0, 1, 23, 24, 88, 89, 255, 256, most - 40):
        assert smp.write(ECHO, d="x" * length) == {"r": "x" * length}


def test_smpclient_understands_our_answers(smp: Smp) -> None:
    def ask(request: Any) -> object:
        return smp.run(smp.client.request(request))

    parameters = ask(MCUMgrParametersRead())
    assert isinstance(parameters, MCUMgrParametersReadResponse)
    assert parameters.buf_size >= 2048
    echo = ask(EchoWrite(d="hé"))
    assert isinstance(echo, EchoWriteResponse)
    assert echo.r == "hé"
    states = ask(ImageStatesRead())
    assert isinstance(states, ImageStatesReadResponse)
    (running,) = states.images
    assert (running.slot, running.version, running.active, running.confirmed) == (0, "1.0.0", True, True)
    assert isinstance(ask(ImageErase()), ImageEraseResponse)
    refused = ask(ImageStatesWrite(hash=bytes(32)))
    assert isinstance(refused, ImageManagementErrorV2)
    assert (refused.err.group, refused.err.rc) == (1, 3)
    refused = ask(ImageStatesWrite(hash=bytes(32), version=SmpVersion.V1))
    assert isinstance(refused, ImageManagementErrorV1)
    assert refused.rc == 5


def test_an_upload_by_smpclient_is_listed_and_erased(unit: Unit, smp: Smp) -> None:
    image = app_image(unit.made, "2.3.4+5", counter=2)
    smp.upload(image)
    listed = smp.slot(1)
    assert listed["version"] == "2.3.4.5"
    assert listed["bootable"]
    assert not (listed["pending"])
    assert not (listed["active"])
    assert not (listed["confirmed"])
    assert memory(unit, SLOT1, len(image)) == image
    smp.alive()
    assert smp.write((1, 5)) == {}
    assert [entry["slot"] for entry in smp.read(IMAGE_STATE)["images"]] == [0]


def test_what_it_says_of_program_and_bootloader(smp: Smp) -> None:
    assert smp.read(INFO) == {"output": "workbench"}
    assert smp.read(INFO, format="pi") == {"output": "cortex-m0 nrf51"}
    assert smp.read(INFO, format="z") == {"err": {"group": 0, "rc": 2}}
    assert smp.read(BOOTLOADER) == {"bootloader": "MCUboot"}
    assert smp.read(BOOTLOADER, query="mode") == {"mode": 3}
    assert smp.read(BOOTLOADER, query="?") == {"err": {"group": 0, "rc": 3}}


def test_identity_is_what_is_in_the_chip(unit: Unit, smp: Smp) -> None:
    said = smp.read(IDENTITY_OF)
    assert said["chip"] == memory(unit, 0x10000060, 8)
    assert (said["version"], said["slot"], said["phase"], said["confirmed"]) == ("1.0.0", 0, 0, True)
    assert (said["profile"], said["selftest"], said["boot"]) == ("tier-2-ecdsa", True, "1.0.0")
    assert said["hash"] == smp.slot(0)["hash"]
    assert said["counter"] == 1


def device_key(unit: Unit) -> Any:
    """The public half of what was provisioned."""
    page = memory(unit, IDENTITY, 1024)
    at, end = 16, 16 + int.from_bytes(page[8:12], "little")
    while at < end:
        kind, length = struct.unpack_from("<HH", page, at)
        if kind == 10:
            return ec.derive_private_key(
                int.from_bytes(page[at + 4 : at + 4 + length], "big"), ec.SECP256R1()
            ).public_key()
        at += 4 + length + -length % 4
    raise AssertionError("no device key")


def verify(key: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """The statement, if the key signed it."""
    signature, statement = answer["sig"], answer["statement"]
    assert len(signature) == 64
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key.verify(utils.encode_dss_signature(r, s), b"WBCHAL1" + statement, ec.ECDSA(SHA256()))
    content: dict[str, Any] = cbor2.loads(statement)
    return content


def test_a_challenge_is_answered_with_the_device_key(unit: Unit, smp: Smp) -> None:
    key, identity = device_key(unit), smp.read(IDENTITY_OF)
    for nonce in (bytes(16), b"\xff" * 31, bytes(range(64))):
        answer = smp.write(CHALLENGE, nonce=nonce)
        assert answer["alg"] == "ES256"
        names = ("chip", "version", "hash", "slot", "counter", "phase")
        assert verify(key, answer) == {"nonce": nonce, **{name: identity[name] for name in names}}
    answer["statement"] = answer["statement"].replace(bytes(range(64)), bytes(64))
    with pytest.raises(InvalidSignature):
        verify(key, answer)


@pytest.mark.parametrize(
    "nonce", [b"", bytes(15), bytes(65), "x" * 32, 5], ids=["none", "short", "long", "text", "number"]
)
def test_other_nonces_are_refused(smp: Smp, nonce: object) -> None:
    assert smp.ask(CHALLENGE, {"nonce": nonce}, WRITE) == {"rc": 3}


def test_the_stack_was_not_used_up_by_all_that(unit: Unit, smp: Smp) -> None:
    smp.write(CHALLENGE, nonce=bytes(64))
    with attached(unit.twin) as target:
        words = target.read_memory_block32(0x20000010, STACK_BYTES // 4)
        target.resume()
    unused = next(index for index, word in enumerate(words) if word != STACK_FILL) * 4
    assert unused >= STACK_SPARE_BYTES, f"only {unused} of {STACK_BYTES} bytes were never used"


def test_tier_1_answers_with_the_key_of_the_fleet(unit: Unit, smp: Smp) -> None:
    """Also shows that the sample takes its key from what is provisioned, not from how it was built."""
    kek = bytes(range(16))
    area = struct.pack("<HH", 1, 16) + bytes(16) + struct.pack("<HH", 7, 16) + kek
    page = b"WBPROV01" + struct.pack("<II", len(area), zlib.crc32(area)) + area
    provision(unit, page)
    answer = smp.write(CHALLENGE, nonce=bytes(16))
    pseudo_random = hmac.digest(bytes(32), kek, hashlib.sha256)
    key = hmac.digest(pseudo_random, b"workbench challenge\x01", hashlib.sha256)
    assert answer["alg"] == "HS256"
    assert answer["sig"] == hmac.digest(key, b"WBCHAL1" + answer["statement"], hashlib.sha256)
    provision(unit, b"")
    assert smp.write(CHALLENGE, nonce=bytes(16)) == {"err": {"group": 64, "rc": 6}}
    assert smp.read(IDENTITY_OF)["profile"] == ""


@pytest.mark.parametrize("variant", ["silent", "big", "bad-selftest"])
def test_variants_are_what_they_are_called(variant: str) -> None:
    size = (build_app(variant) / "app.bin").stat().st_size
    assert {"silent": 0, "big": 58_000, "bad-selftest": 20_000}[variant] <= size
    assert size <= {"silent": 2_000, "big": 64_000, "bad-selftest": 40_000}[variant]


def test_the_other_chip_is_built_too() -> None:
    assert (build_app(chip="an385") / "app.bin").stat().st_size > 20_000
