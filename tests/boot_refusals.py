"""A board of each profile and images that are wrong in one respect: what tests of refusals share."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.secure_lab import (
    REQUEST_TEST,
    SLOT0,
    SLOT1,
    STATE,
    Board,
    BootState,
    Maker,
    bench,
    board_on,
    maker,
    newest_state,
    plain,
)
from tests.twin_lab import twin_in
from workbench.images.build import Seal, seal_image
from workbench.images.format import PROTECTED_MAGIC, Image, encode_area, parse

REASONS = {
    "magic": 16, "size": 17, "tlv": 18, "hash": 19, "signature": 20, "signer-chain": 21, "signer-time": 22,
    "signer-purpose": 23, "counter": 24, "version": 25, "vid": 26, "cid": 27, "decrypt": 28, "mac": 29,
    "not-bootable": 30, "dependency": 31, "unsupported": 32, "not-provisioned": 33,
}  # fmt: skip
RUNNING = {"counter": 5, "seed": 1}


@dataclass
class Lab:
    """A board of one profile, and who makes its images."""

    board: Board
    made: Maker
    other: Maker
    base: dict[int, bytes]
    running: bytes

    def image(self, version: str = "1.1.0", *, by: Maker | None = None, **more: Any) -> bytes:
        """A good image, unless `more` or another maker spoils it."""
        made = by or self.made
        unit = {"chip_id": self.board.chip_id} if made.profile.per_unit else {}
        return made.image(version, **{"counter": 5, "seed": 2, **unit, **more})

    def seal(self, by: Maker | None = None) -> Seal:
        """Who signs."""
        keys = (by or self.made).keys
        return Seal(signing_key=keys.signer_key)

    def forged(self, change: Callable[[Image], Image]) -> bytes:
        """A plain image that was changed and then signed by the rightful signer."""
        changed = change(parse(self.image(encrypt=False)))
        size = len(encode_area(changed.protected, PROTECTED_MAGIC))
        changed = replace(changed, header=replace(changed.header, protected_size=size))
        return seal_image(changed, self.seal()).encode()

    def try_install(self, image: bytes, **changes: bytes) -> tuple[list[str], int]:
        """What the bootloader says to a request to install it, and the result that it leaves."""
        request = BootState(phase=REQUEST_TEST).encode()
        contents = {**self.base, SLOT0: self.running, SLOT1: image[: 100 * 1024], STATE: request}
        self.board.fill(contents | {int(at, 0): data for at, data in changes.items()})
        said = self.board.boot()
        return said, newest_state(self.board.flash()).last_result

    def assert_refused(self, image: bytes, reason: str) -> None:
        """It is refused for that reason, and the old image starts."""
        said, result = self.try_install(image)
        assert said[1:] == [f"slot 1 refused: {reason}", "starting 1.0.0"]
        assert result == REASONS[reason]


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """Boards by profile, each made when it is first asked for."""
    folder, known = tmp_path_factory.mktemp("secure"), dict[str, Lab]()
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv(
            "WORKBENCH_RUNTIME", stack.enter_context(tempfile.TemporaryDirectory(prefix="wb-", dir="/tmp"))
        )

        def lab(profile: str) -> Lab:
            if profile not in known:
                made = maker(profile, folder / profile)
                board = stack.enter_context(board_on(stack.enter_context(twin_in(folder, profile))))
                unit = board.chip_id if made.profile.per_unit else None
                running = plain(made.image("1.0.0", chip_id=unit, **RUNNING), made, unit)
                known[profile] = Lab(
                    board,
                    made,
                    maker(profile, folder / "other" / profile),
                    bench(profile, board, made),
                    running,
                )
            return known[profile]

        yield lab


@pytest.fixture
def lab(labs: Callable[[str], Lab], request: pytest.FixtureRequest) -> Lab:
    """The board of the profile that the test is about."""
    return labs(request.param)


def about(*profiles: str) -> pytest.MarkDecorator:
    """The test is about these profiles."""
    return pytest.mark.parametrize("lab", profiles, indirect=True)


all_profiles = about("tier-1", "tier-1-plus", "tier-2-ecdsa", "tier-2-rsa")
one_of_each_kind = about("tier-1", "tier-2-rsa")
signed = about("tier-2-ecdsa", "tier-2-rsa")
