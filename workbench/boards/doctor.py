"""Doctor: look at this machine and its bench, and say for each thing found what to do about it.

Works without any hardware and changes nothing.  Probes are listed by the caller's function, since listing
them needs the debug library.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from workbench.boards import doctor_access, doctor_bench, doctor_system
from workbench.boards.bench import Bench, BenchMissing, find_bench, load_bench
from workbench.boards.detect import ProbeSeen
from workbench.boards.finding import Finding, Status, worst
from workbench.errors import WorkbenchError
from workbench.toml_file import shown_text

__all__ = ["Finding", "ListProbes", "Status", "examine", "worst"]

ListProbes = Callable[[], Sequence[ProbeSeen]]


def examine(bench_path: Path | None = None, *, list_probes: ListProbes | None = None) -> Iterator[Finding]:
    """Every finding, each as soon as it is known; a check that fails is a finding too, never an exception.

    `bench_path` None looks for the bench as every command does.
    """
    yield from doctor_system.programs()
    yield from doctor_system.packages()
    yield from doctor_system.targets()
    yield doctor_system.runtime_folder()
    yield from doctor_access.access()
    probes = yield from _probes(list_probes)
    bench = yield from _bench(bench_path)
    yield doctor_system.disk_space(bench.folder if bench is not None else Path.cwd())
    if bench is not None:
        yield from doctor_bench.slots(bench, probes)


def _probes(list_probes: ListProbes | None) -> Generator[Finding, None, Sequence[ProbeSeen] | None]:
    if list_probes is None:
        return None
    try:
        probes = list_probes()
    except WorkbenchError as error:
        yield Finding("probes", "fail", error.what, error.action)
        return None
    names = ", ".join(shown_text(f"{p.unique_id} ({p.description})", 100) for p in probes)
    if probes:
        yield Finding("probes", "ok", names)
    else:
        action = "plug in a board with a CMSIS-DAP probe, or use virtual boards"
        yield Finding("probes", "warn", "no debug probe is plugged in", action)
    return probes


def _bench(path: Path | None) -> Generator[Finding, None, Bench | None]:
    try:
        bench = load_bench(path if path is not None else find_bench())
    except WorkbenchError as error:
        status: Status = "warn" if isinstance(error, BenchMissing) and path is None else "fail"
        yield Finding("bench file", status, error.what, error.action)
        return None
    count = f"{len(bench.slots)} slot{'' if len(bench.slots) == 1 else 's'}"
    action = "" if bench.slots else "add slots: `workbench bench detect` shows what is plugged in"
    yield Finding("bench file", "ok" if bench.slots else "warn", f"{bench.path}, {count}", action)
    return bench
