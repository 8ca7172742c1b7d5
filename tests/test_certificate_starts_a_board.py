"""A bootloader with the CA's root starts what a release signer of the CA signed, and nothing that another
certificate of the same CA signed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificate_lab import Issued, fields_for, make
from tests.secure_lab import FLOOR_S, SLOT0, Board, Maker, bench, board_on, maker
from tests.twin_lab import twin_in
from workbench.identity.certificates.profile import load_profile
from workbench.images import keys as key_files

BORN = datetime.fromtimestamp(FLOOR_S, UTC)
PROFILE = "tier-2-ecdsa"


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A virtual micro:bit."""
    folder = tmp_path_factory.mktemp("board")
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp") as runtime,
    ):
        patch.setenv("WORKBENCH_RUNTIME", runtime)
        with twin_in(folder, PROFILE) as twin, board_on(twin) as found:
            yield found


@pytest.fixture(scope="module")
def issuing() -> Issued:
    """Root and issuing CA that were there before the board's time floor."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    root = make(load_profile("root"), fields_for("root"), None, key=keys[0], now=BORN)
    return make(load_profile("issuing"), fields_for("issuing"), root, key=keys[1], now=BORN)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("release-signer", "starting 1.0.0"),
        ("evidence-signer", "nothing to start: signer-purpose"),
        ("mcu-idevid", "nothing to start: signer-purpose"),
    ],
)
def test_board_starts_what_a_release_signer_signed(
    name: str, said: str, board: Board, issuing: Issued, tmp_path: Path
) -> None:
    made = _maker(make(load_profile(name), fields_for(name), issuing, now=BORN), tmp_path)
    board.fill({**bench(PROFILE, board, made), SLOT0: made.image("1.0.0", encrypt=False)})
    assert board.boot()[1:] == [said]


def _maker(signer: Issued, folder: Path) -> Maker:
    """Who makes images with that certificate; the folder is as `workbench image keys` makes it."""
    made = maker(PROFILE, folder / "keys")
    assert signer.issuer is not None
    assert signer.issuer.issuer is not None
    chain = [signer.certificate, signer.issuer.certificate]
    (made.keys.path / "signer.chain.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in chain))
    (made.keys.path / "signer.key.pem").write_bytes(
        signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    root = signer.issuer.issuer.certificate
    (made.keys.path / "root.cert.pem").write_bytes(root.public_bytes(Encoding.PEM))
    return Maker(made.profile, key_files.load(made.keys.path))
