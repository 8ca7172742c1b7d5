"""The steps that plans may name: the built-in ones, and those of installed packages.

A package registers its steps under the entry point group `workbench.steps`:

    [project.entry-points."workbench.steps"]
    solder-check = "my_package.steps:SolderCheck"

Built-in modules are imported when a plan names them, so that a list of names costs nothing.
"""

from __future__ import annotations

import importlib
import re
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from workbench.station.steps.errors import StepNotLoadable, StepUnknown
from workbench.station.steps.step import Step
from workbench.toml_file import Table, shown_text, suggestion

GROUP: Final = "workbench.steps"
BUILT_IN: Final[dict[str, str]] = {
    "flash": "flash:Flash",
    "verify": "verify:Verify",
    "erase": "erase:Erase",
    "provision": "provision:Provision",
    "enroll": "enroll:Enroll",
    "verify-identity": "verify_identity:VerifyIdentity",
    "update": "update:Update",
    "trial": "trial:Trial",
    "expect": "expect:Expect",
    "power-cycle": "power_cycle:PowerCycle",
    "label": "label:Label",
    "scan-label": "scan_label:ScanLabel",
    "confirm": "confirm:Confirm",
}
"""Name of a step, its module here and its class."""
NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def step_names() -> tuple[str, ...]:
    """All names that a plan may use, the built-in ones first."""
    own = sorted({found.name for found in entry_points(group=GROUP)} - BUILT_IN.keys())
    return (*BUILT_IN, *own)


def step_named(name: str) -> Step[Any]:
    """The step of that name.  A built-in name cannot be taken by a package.

    Raises StepUnknown, StepNotLoadable.
    """
    if name in BUILT_IN:
        module, _, cls = BUILT_IN[name].partition(":")
        made: Step[Any] = getattr(importlib.import_module(f"{__package__}.{module}"), cls)()
        return made
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        names = step_names()
        raise StepUnknown(
            f"there is no step '{shown_text(name)}'{suggestion(name, names)}",
            cause=f"a misspelt name, or a package that is not installed; there are: {', '.join(names)}",
        )
    if len({point.value for point in found}) > 1:
        who = " and ".join(sorted(_package(point) for point in found))
        raise StepNotLoadable(
            f"step {name} is brought by {who}",
            cause="two packages use one name",
            action="rename the step in one of them, or remove that package",
        )
    return _load(found[0])


def _load(point: EntryPoint) -> Step[Any]:
    """A step of a package, checked so that a run does not stumble over it later."""
    where = f"step {shown_text(point.name)} of {_package(point)} ({point.value})"
    try:
        step = point.load()()
    except Exception as error:
        raise StepNotLoadable(f"{where}: {type(error).__name__}: {shown_text(str(error), 200)}") from error
    if not isinstance(step, Step):
        raise StepNotLoadable(f"{where} is no workbench.station.steps.step.Step")
    if getattr(step, "name", None) != point.name or not NAME.fullmatch(point.name):
        told = shown_text(str(getattr(step, "name", None)))
        raise StepNotLoadable(
            f"{where} calls itself '{told}': both names must be the same, as in solder-check"
        )
    options: object = step.Options
    if not (isinstance(options, type) and issubclass(options, Table)):
        raise StepNotLoadable(f"{where}: Options must be a subclass of workbench.toml_file.Table")
    if step.resumable not in ("repeat", "look"):
        raise StepNotLoadable(f"{where}: resumable must be 'repeat' or 'look'")
    return step


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an installed package"
