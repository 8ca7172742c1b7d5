"""Packages that bring steps of their own, as engineers write them: installed for a test by their metadata."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OWN_STEPS: Final = r"""
import os, threading, time
from workbench.errors import Blame, InputError, Stopped, WorkbenchError
from workbench.station.steps.step import Step
from workbench.toml_file import Table


class Options(Table):
    do: str = "pass"
    file: str = ""


class Base(Step[Options]):
    Options = Options

    def title(self, options):
        return "an own step"

    def run(self, ctx, options):
        return ACTS[options.do](ctx, options) or {}


def note(ctx, options):
    with open(options.file, "a") as file:
        file.write(ctx.key + "\n")


def failing(ctx, options):
    class Failed(WorkbenchError):
        code, blame = "own-" + options.file, Blame(options.file)
    raise Failed("told \x1b[31mred")


def flaky(ctx, options):
    note(ctx, options)
    if open(options.file).read().count(ctx.key) < 3:
        failing_of(ctx, "station")


def failing_of(ctx, blame):
    class Failed(WorkbenchError):
        code, blame_ = "own", blame
    Failed.blame = Blame(blame)
    raise Failed("not yet")


def swallow(ctx, options):
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            return


def tidy(ctx, options):
    ctx.state = "the fixture is closed"
    try:
        threading.Event().wait()
    finally:
        threading.Event().wait()


def spin(ctx, options):
    while True:
        try:
            sum(range(1000))
        except Exception:
            pass


def dirty(ctx, options):
    evil = "a\x1b]0;evil\x07b\x9b2J\u202ec\rd"
    ctx.note(evil)
    ctx.observe("said", {evil: [evil]})
    ctx.measure(evil, evil, evil)
    return {evil: evil, "bytes": b"\x1b"}


def bad_facts(ctx, options):
    ctx.facts["x"] = object()


def measured(ctx, options):
    for text in options.file.split(";"):
        name, value, low, high = text.split(",")
        number = lambda t: None if t == "" else float(t)
        ctx.measure(name, number(value), "V", number(low), number(high))


ACTS = {
    "pass": lambda ctx, options: {},
    "note": note,
    "fail": failing,
    "flaky": flaky,
    "hang": lambda ctx, options: threading.Event().wait(),
    "swallow": swallow,
    "tidy": tidy,
    "spin": spin,
    "bug": lambda ctx, options: 1 // 0,
    "exit": lambda ctx, options: (_ for _ in ()).throw(SystemExit(0)),
    "dirty": dirty,
    "list": lambda ctx, options: [1],
    "facts": bad_facts,
    "measure": measured,
    "interrupt": lambda ctx, options: (_ for _ in ()).throw(KeyboardInterrupt()),
    "scan": lambda ctx, options: {"scan": ctx.ask_scan("scan it", wait_s=float(options.file or 5))},
    "stop": lambda ctx, options: (_ for _ in ()).throw(Stopped("enough")),
}


class Own(Base):
    name = "own"


class OwnLock(Base):
    name = "own-lock"
    resumable = "look"

    def irreversible(self, options, recipe):
        return "lock"

    def look(self, ctx, options):
        if options.do == "unclear":
            return "unclear"
        done = os.path.exists(options.file) and ctx.serial in open(options.file).read().split()
        return "done" if done else "not-done"

    def run(self, ctx, options):
        ctx.commit()
        with open(options.file, "a") as file:
            file.write(ctx.serial + "\n")
        ctx.note("locked now")
        ctx.facts["locked"] = True


class Nameless(Base):
    name = "other"


class Careless(Base):
    name = "careless"

    def irreversible(self, options, recipe):
        return "lock"


broken = 1 // 1
"""
"""Steps of a package that an engineer might write, and many that one should not."""


@contextmanager
def installed(folder: Path, module: str, source: str, steps: dict[str, str]) -> Iterator[None]:
    """A package with steps, installed for the body: name of a step, its class."""
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {module}:{cls}" for name, cls in steps.items())
    (info / "entry_points.txt").write_text(f"[workbench.steps]\n{points}\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(module, None)
