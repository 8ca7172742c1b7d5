"""Recipes as the station works with them: read once, never changed, with the hash of all that they name.

    recipe = load_recipe(Path("sensor.toml"))
    recipe.sha256                    # changes with the recipe and with every file that it names
    recipe.refuse_changed()          # before each unit: still the same files?

Paths are absolute here; in the file they are relative to it.  Reads files, touches no board and no database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.station.recipes import recipe_file as rf
from workbench.station.recipes.errors import RecipeChanged, RecipeInvalid
from workbench.station.recipes.named_files import NamedFile, read_named
from workbench.toml_file import Problem, parse, read_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Irreversible work that the recipe permits, by name; the default is no."""

    lock: bool = False
    replace_identity: bool = False
    erase: bool = False

    def grants(self, name: str) -> bool:
        """Whether the permission called so in [permit] is given; unknown ones are not."""
        known = {"lock": self.lock, "replace-identity": self.replace_identity, "erase": self.erase}
        return known.get(name, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseSource:
    """What goes into units.

    folder    build folder with boot.hex and app.bin, as `find_firmware` takes it (step provision)
    firmware  one firmware file (steps flash and verify)
    image     release file (steps update, verify-identity)
    """

    folder: Path | None = None
    firmware: Path | None = None
    image: Path | None = None
    version: str = "1.0.0"
    counter: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Security profile (a name, or the path of a file) and the keys for it.

    `keys_credential`: file whose first line is the passphrase of the key folder.
    """

    profile: str | Path
    keys: Path | None = None
    keys_credential: Path | None = None
    device_key: Literal["on-chip", "injected"] = "injected"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityOrders:
    """What an enrolment takes, see `station.enroll.Wanted` and `TpmWanted`.

    `evidence`, `escrow_folder`: None means the bench's own.  `label_chip`: the unit's label shows a part of
    the chip's ID, which is asked for.
    """

    ca: Path
    ca_credential: Path | None = None
    evidence: Path | None = None
    evidence_credential: Path | None = None
    template: str = "H-3"
    unique: str | None = None
    vendor_roots: Path | None = None
    escrow_key: Path | None = None
    escrow_folder: Path | None = None
    allow: frozenset[str] = frozenset()
    manufacturers: frozenset[str] | None = None
    label_chip: bool = False
    off_s: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabasePolicy:
    """What a station does when the shared database is gone, and how many serial numbers it holds in reserve.

    continue: goes on with reserved serial numbers; stop: begins no further unit.
    """

    on_loss: Literal["stop", "continue"] = "stop"
    reserve: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Longest times in seconds: of one step that has none of its own, and of a whole unit."""

    step_s: float = 120.0
    unit_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """One [[plan]] table: the step's kind, its own name in this plan if it has one, and its own options."""

    step: str
    name: str | None = None
    limit_s: float | None = None
    retries: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe, loaded.

    targets   names of the kinds of boards that it is for
    label     the [label] table as it stands, None where there is none
    files     the files that it names, with their hashes
    sha256    hash of the recipe's own bytes and of all `files`: what exactly a unit was made by
    """

    path: Path
    name: str
    title: str
    model: str
    targets: tuple[str, ...]
    production: bool = False
    start: Literal["scan", "confirm"] = "scan"
    permit: Permissions = Permissions()
    release: ReleaseSource | None = None
    security: Security | None = None
    identity: IdentityOrders | None = None
    database: DatabasePolicy = DatabasePolicy()
    limits: Limits = Limits()
    label: Mapping[str, Any] | None = None
    plan: tuple[PlanEntry, ...]
    files: tuple[NamedFile, ...] = ()
    sha256: str = ""

    @property
    def folder(self) -> Path:
        """Folder of the recipe file."""
        return self.path.parent

    def beside(self, path: str) -> Path:
        """A path as it stands in the recipe, for steps whose options name files."""
        return self.folder / path

    def refuse_changed(self) -> None:
        """Raises RecipeChanged where the recipe or a file that it names is not the one that was loaded."""
        now = {named.path: named.sha256 for named in load_recipe(self.path).files}
        for named in self.files:
            if now.get(named.path) != named.sha256:
                raise RecipeChanged(f"{named.path} is not what it was when recipe {self.name} was loaded")


def load_recipe(path: Path) -> Recipe:
    """The recipe in that file.  Files that it names and that are not there have no hash; see `check_recipe`.

    Raises RecipeInvalid with all mistakes.
    """
    path = path.absolute()
    content = read_bytes(path, RecipeInvalid)
    file = parse(content, path, rf.RecipeFile, RecipeInvalid)
    problems = _contradictions(file)
    if problems:
        raise RecipeInvalid(path, problems)
    return _recipe(file, path, content)


def _contradictions(file: rf.RecipeFile) -> list[Problem]:
    """What single fields do not show."""
    head, found = file.recipe, []
    if bool(head.target) == bool(head.targets):
        found.append(
            Problem("recipe.target", repr(head.target), "must be given, or `targets` instead, but not both")
        )
    names = [entry.name for entry in file.plan if entry.name is not None]
    for number, entry in enumerate(file.plan):
        if entry.name is not None and names.count(entry.name) > 1:
            found.append(
                Problem(f"plan[{number}].name", repr(entry.name), "must be a name that no other step has")
            )
    if file.limits.unit_s < file.limits.step_s:
        found.append(Problem("limits.unit_s", f"{file.limits.unit_s:g}", "must not be less than step_s"))
    return found


def _recipe(file: rf.RecipeFile, path: Path, content: bytes) -> Recipe:
    head, folder = file.recipe, path.parent
    release = None if file.release is None else _release(file.release, folder)
    security = None if file.security is None else _security(file.security, folder)
    identity = None if file.identity is None else _identity(file.identity, folder)
    own = NamedFile("recipe", path, hashlib.sha256(content).hexdigest())
    files = (own, *read_named(release, security, identity))
    targets = head.targets or ((head.target,) if head.target else ())
    return Recipe(
        path=path,
        name=head.name,
        title=head.title or head.name,
        model=head.model or head.name,
        targets=targets,
        production=head.production,
        start=head.start,
        permit=Permissions(**file.permit.model_dump()),
        release=release,
        security=security,
        identity=identity,
        database=DatabasePolicy(**file.database.model_dump()),
        limits=Limits(**file.limits.model_dump()),
        label=file.label,
        plan=tuple(_entry(entry) for entry in file.plan),
        files=files,
        sha256=_sha256_of(files),
    )


def _release(table: rf.ReleaseTable, folder: Path) -> ReleaseSource:
    return ReleaseSource(
        folder=_beside(folder, table.folder),
        firmware=_beside(folder, table.firmware),
        image=_beside(folder, table.image),
        version=table.version,
        counter=table.counter,
    )


def _security(table: rf.SecurityTable, folder: Path) -> Security:
    is_path = "/" in table.profile or table.profile.endswith(".toml")
    return Security(
        profile=folder / table.profile if is_path else table.profile,
        keys=_beside(folder, table.keys),
        keys_credential=_beside(folder, table.keys_credential),
        device_key=table.device_key,
    )


def _identity(table: rf.IdentityTable, folder: Path) -> IdentityOrders:
    named = (
        "ca_credential",
        "evidence",
        "evidence_credential",
        "vendor_roots",
        "escrow_key",
        "escrow_folder",
    )
    paths = {name: _beside(folder, getattr(table, name)) for name in named}
    return IdentityOrders(
        ca=folder / table.ca,
        template=table.template,
        unique=table.unique,
        allow=frozenset(table.allow),
        manufacturers=None if table.manufacturers is None else frozenset(table.manufacturers),
        label_chip=table.label_chip,
        off_s=table.off_s,
        **paths,
    )


def _entry(table: rf.PlanTable) -> PlanEntry:
    return PlanEntry(
        step=table.step,
        name=table.name,
        limit_s=table.limit_s,
        retries=table.retries,
        options=dict(table.model_extra or {}),
    )


def _beside(folder: Path, path: str | None) -> Path | None:
    return None if path is None else folder / path


def _sha256_of(files: tuple[NamedFile, ...]) -> str:
    """Of roles and hashes, not of places: the same recipe in another folder is the same."""
    told = sorted(f"{named.role} {named.sha256 or 'absent'}" for named in files)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
