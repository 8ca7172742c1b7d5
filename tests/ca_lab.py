"""Certificate authorities for tests: real folders and workers, SoftHSM tokens, chips made of software."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID, NameOID

from workbench.identity.ca.client import CaClient, open_ca
from workbench.identity.ca.create import NewCa, Token, create_ca
from workbench.identity.ca.messages import Issued, Nonce
from workbench.identity.ca.opened import Opened
from workbench.identity.mcu.request import McuRequest, enrolment_mac

PASSPHRASE: Final = b"correct horse battery staple"
PIN: Final = b"8642-9753-1111"
STATION: Final = "station-1"
MODEL: Final = "sensor-2"
SOFTHSM_MODULE: Final = "/usr/lib/softhsm/libsofthsm2.so"
NEW: Final = NewCa("Lab", "Lab Works", test=True)


@lru_cache(maxsize=4)
def _template(algorithm: Any) -> Path:
    place = Path(tempfile.mkdtemp(prefix="wb-ca-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "ca"
    create_ca(folder, replace(NEW, algorithm=algorithm), PASSPHRASE)
    return folder


def new_ca(folder: Path, algorithm: str = "ecdsa-p256") -> Path:
    """A CA in a folder of its own: a copy of one that this process made, as making one takes a second."""
    target = folder / "ca"
    shutil.copytree(_template(algorithm), target)
    return target


def ca_at(folder: Path) -> AbstractContextManager[CaClient]:
    """`open_ca` with the right passphrase."""
    return open_ca(folder, lambda: PASSPHRASE)


def now_s() -> int:
    return int(time.time())


@dataclass
class Chip:
    """A microcontroller: its key, made on the chip, and what it answers."""

    serial: str = "SN-1"
    chip_id: bytes = field(default_factory=lambda: os.urandom(8))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    request_id: str = field(default_factory=lambda: str(uuid4()))
    station: str = STATION

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def order(self) -> dict[str, Any]:
        """Arguments of `nonce`."""
        return {"serial": self.serial, "model": MODEL, "station": self.station, "station_time": now_s()}

    def request(self, nonce: Nonce, **changes: Any) -> McuRequest:
        """The request of this chip, for that nonce and its secret."""
        assert nonce.secret is not None
        mac = enrolment_mac(nonce.secret, nonce.nonce, self.chip_id, self.point)
        name = x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, self.chip_id.hex())])
        builder = x509.CertificateSigningRequestBuilder(name)
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, mac.encode())
        made = McuRequest(
            request_id=self.request_id,
            serial=self.serial,
            model=MODEL,
            station=self.station,
            chip_id=self.chip_id,
            csr=builder.sign(self.key, SHA256()).public_bytes(Encoding.DER),
            key_origin="on-chip",
            station_time=now_s(),
        )
        return replace(made, **changes)

    def asks(self, ca: CaClient, **more: Any) -> McuRequest:
        """Asks for a nonce and makes the request."""
        return self.request(ca.nonce(self.request_id, kind="mcu", **{**self.order(), **more}))

    def enrol(self, ca: CaClient, **more: Any) -> Issued:
        return ca.submit_mcu(self.asks(ca, **more))

    def asks_inside(self, ca: Opened, **more: Any) -> McuRequest:
        """As `asks`, of a CA in this process."""
        order = {**self.order(), "kind": "mcu", "replaces": None, **more}
        return self.request(ca.authority.nonce(self.request_id, **order))

    def enrol_inside(self, ca: Opened, **more: Any) -> Issued:
        """As `enrol`, of a CA in this process."""
        return ca.units.submit_mcu(as_map(self.asks_inside(ca, **more)))


def as_map(request: McuRequest) -> dict[str, Any]:
    from workbench.identity.ca.mcu_wire import mcu_to_map

    return mcu_to_map(request)


def public_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def openssl(*words: object) -> subprocess.CompletedProcess[str]:
    """The other tool that reads what the CA writes."""
    return subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def softhsm_token(folder: Path) -> Iterator[Token]:
    """A token in that folder, and the environment that lets SoftHSM find it.

    Its label is new each time: SoftHSM looks at its configuration again only where a token is not known.
    """
    label = f"factory-{uuid4().hex[:12]}"
    (folder / "tokens").mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(config)
    try:
        words = ["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN.decode()]
        subprocess.run(["softhsm2-util", *words], check=True, capture_output=True, timeout=60)
        yield Token(SOFTHSM_MODULE, label)
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def worker_pid(folder: Path) -> int:
    """Process that holds the CA's lock, by the kernel's list of locks."""
    inode = (folder / "run" / "worker.lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5].endswith(f":{inode}"):
            return int(words[4])
    raise AssertionError("nobody holds the lock")


@contextmanager
def doomed_worker(folder: Path, moment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that serves the CA and is killed with SIGKILL at that moment of its first certificate."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ca_doomed_worker", str(folder), moment],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(PASSPHRASE)
        process.stdin.close()
        assert b"socket" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
            process.wait()
