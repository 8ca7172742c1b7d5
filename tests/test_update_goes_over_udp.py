"""A unit behind a UDP gateway takes an update as one on a serial line does, also where datagrams get lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_bench import CliBench, cli_bench
from tests.provisioning_lab import built
from tests.test_update_brings_a_release_into_a_unit import PROFILE, release
from tests.udp_gateway import gateway
from workbench.boards.bench import load_bench
from workbench.images import keys as key_folders

pytestmark = pytest.mark.xdist_group("updates over UDP")


@pytest.fixture(scope="module")
def bench() -> Iterator[CliBench]:
    """A unit that runs 1.0.0."""
    with cli_bench(1) as made:
        key_folders.create(made.folder / "keys", ["ecdsa-p256", "encryption"])
        done = made.run("provision", "v1", "-p", PROFILE, "-k", "keys", "--firmware", built(PROFILE))
        assert done.code == 0, done
        yield made


def tty(bench: CliBench) -> str:
    return load_bench(Path(bench.folder) / "bench.toml").slot("v1").need_serial()


def test_a_release_arrives_and_is_proven(bench: CliBench) -> None:
    image = release(bench, "1.1.0", "--encrypt")
    with gateway(tty(bench)) as way:
        over = f"smp+udp://127.0.0.1:{way.port}"
        done = bench.run("update", "v1", image, "--keys", "keys", "--transport", over, "--json")
    assert done.code == 0, done
    assert done.last["result"]["outcome"] == "updated"
    assert {"hash", "challenge", "flash-hash"} <= set(done.last["result"]["checks"])
    assert way.carried > 20


def test_lost_datagrams_cost_time_and_nothing_else(bench: CliBench) -> None:
    image = release(bench, "1.2.0")
    with gateway(tty(bench), loss=0.05, seed=3) as way:
        over = f"smp+udp://127.0.0.1:{way.port}"
        done = bench.run("update", "v1", image, "--keys", "keys", "--transport", over, "--json")
    assert way.lost > 0
    assert done.code == 0, done
    assert done.last["result"]["outcome"] == "updated"
