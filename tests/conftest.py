"""What several test files share: fixtures from modules of their own, and benches of virtual boards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.firmware_emulator import built_samples
from workbench.boards.bench import Bench, load_bench
from workbench.boards.bench_write import write_virtual_bench

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("workbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("workbench")

pytest_plugins = ["pytester", "tests.fixtures_postgres", "tests.fixtures_twins"]


@pytest.fixture(scope="session", autouse=True)
def own_runtime() -> Iterator[Path]:
    """A short folder for sockets and leases of this test process: its tests never meet the user's boards."""
    folder = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_RUNTIME", str(folder))
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def bench_of_twins(tmp_path: Path) -> Iterator[Callable[[int], Bench]]:
    """Makes benches of that many virtual boards v1, v2, …, which are off; all are off again at the end."""
    with ExitStack() as stack:

        def make(count: int) -> Bench:
            folder = tmp_path / f"bench-{count}"
            folder.mkdir()
            bench = load_bench(write_virtual_bench(folder, count))
            stack.callback(switch_off, bench)
            return bench

        yield make


@pytest.fixture(scope="session")
def workbench_bench(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The bench of the `board` fixture: the one that is named, or else one of a virtual board of its own."""
    named = pytestconfig.getoption("--workbench-bench") or os.environ.get("WORKBENCH_BENCH")
    if named:
        yield load_bench(Path(named))
        return
    bench = load_bench(write_virtual_bench(tmp_path_factory.mktemp("bench"), 1))
    yield bench
    switch_off(bench)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of the firmware samples, built: NAME/NAME.hex."""
    return built_samples()


def switch_off(bench: Bench) -> None:
    """All boards of the bench."""
    for slot in bench.slots.values():
        slot.need_power().off()
