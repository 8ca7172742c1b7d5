"""What a recipe names, opened for the verbs: firmware, keys, and what is wanted of an enrolment.

A recipe that lacks what a step needs is refused in the recipe's own words.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.station.steps.errors import AnswerImpossible, PlanImpossible

if TYPE_CHECKING:
    from workbench.boards.target import Target
    from workbench.images.keys import KeyFolder
    from workbench.images.profile import Profile
    from workbench.probes.images import Image
    from workbench.station.enroll import Wanted
    from workbench.station.recipes.recipe import IdentityOrders, Recipe, ReleaseSource, Security
    from workbench.station.steps.context import StepContext
    from workbench.updates.provision import Firmware
    from workbench.updates.release import Release


def need_release(recipe: Recipe, step: str) -> ReleaseSource:
    """Raises PlanImpossible."""
    if recipe.release is None:
        raise _lacks(recipe, step, "a [release] table")
    return recipe.release


def need_security(recipe: Recipe, step: str) -> Security:
    """Raises PlanImpossible."""
    if recipe.security is None or recipe.security.keys is None:
        raise _lacks(recipe, step, "a [security] table with profile and keys")
    return recipe.security


def need_identity(recipe: Recipe, step: str) -> IdentityOrders:
    """Raises PlanImpossible."""
    if recipe.identity is None:
        raise _lacks(recipe, step, "an [identity] table")
    return recipe.identity


def need_file(recipe: Recipe, step: str, path: Path | None, key: str) -> Path:
    """A file that the recipe names and that is there; raises PlanImpossible."""
    if path is None:
        raise _lacks(recipe, step, key)
    if not path.is_file():
        raise PlanImpossible(
            f"recipe {recipe.name}, step {step}: there is no file {path}",
            cause=f"{key} of the recipe names a file that is not there",
            action=f"make the file, or correct {key} in the recipe",
        )
    return path


def load_firmware(recipe: Recipe, step: str, target: Target, *, permit_identity: bool = False) -> Image:
    """The firmware of steps flash and verify.  Raises PlanImpossible, and what `load_images` raises."""
    from workbench.probes.images import load_images

    path = need_file(recipe, step, need_release(recipe, step).firmware, "[release] firmware")
    return load_images([path], target, permit_identity=permit_identity)


def load_release(recipe: Recipe, step: str) -> Release:
    """The release of step update.  Raises PlanImpossible, ReleaseInvalid, ImageFileUnreadable."""
    from workbench.images import files
    from workbench.updates.release import release_of

    return release_of(
        files.read(need_file(recipe, step, need_release(recipe, step).image, "[release] image"))
    )


def load_profile_of(recipe: Recipe, step: str, bench_folder: Path | None = None) -> Profile:
    """The recipe's security profile.  Raises PlanImpossible, ProfileUnknown, ProfileInvalid."""
    from workbench.images.profile import load_profile

    return load_profile(need_security(recipe, step).profile, bench_folder=bench_folder)


def load_keys(recipe: Recipe, step: str) -> KeyFolder:
    """The recipe's key folder.  Raises PlanImpossible, KeyMissing, CredentialInvalid."""
    from workbench.images import keys

    security = need_security(recipe, step)
    assert security.keys is not None
    return keys.load(security.keys, _passphrase(security.keys_credential))


def firmware_of(recipe: Recipe, step: str, target: Target, profile: Profile) -> Firmware:
    """Bootloader and application.  Raises PlanImpossible, FirmwareMissing, NotUpdatable."""
    from workbench.images.tlvs import Version
    from workbench.updates.provision import find_firmware

    release = need_release(recipe, step)
    if release.folder is None:
        raise _lacks(recipe, step, "[release] folder")
    return find_firmware(release.folder, target, profile, Version.parse(release.version), release.counter)


def wanted_of(ctx: StepContext, *, label: str | None = None, image: Path | None = None) -> Wanted:
    """What is wanted of this unit's identity.

    `label`: the part of the chip's ID that the unit's label shows; `image`: release that it must run.
    """
    from workbench.station.enroll import TpmWanted, Wanted
    from workbench.station.evidence import evidence_folder
    from workbench.station.evidence_log import log_station
    from workbench.station.places import database_url

    recipe, folder = ctx.recipe, ctx.bench.folder
    asked = need_identity(recipe, ctx.key)
    evidence = asked.evidence or evidence_folder(folder)
    security = recipe.security
    return Wanted(
        serial=ctx.serial,
        model=recipe.model,
        station=log_station(evidence) or ctx.station,
        ca=asked.ca,
        ledger=database_url(folder),
        evidence=evidence,
        ca_passphrase=_asking(asked.ca_credential, "[identity] ca_credential"),
        evidence_passphrase=_asking(asked.evidence_credential, "[identity] evidence_credential"),
        label=label,
        rma=ctx.rma,
        permit_lock=recipe.permit.lock,
        off_s=asked.off_s,
        tpm=TpmWanted(
            template=asked.template,
            unique=asked.unique,
            vendor_roots=asked.vendor_roots,
            escrow_key=asked.escrow_key,
            escrow_folder=asked.escrow_folder or ctx.bench.state_dir / "escrow",
            allow=asked.allow,
            manufacturers=asked.manufacturers,
        ),
        keys=None if security is None else security.keys,
        keys_passphrase=None if security is None else _passphrase(security.keys_credential),
        image=image,
        production=recipe.production,
    )


def _passphrase(credential: Path | None) -> bytes | None:
    from workbench.identity.ca.credential import read_credential

    return None if credential is None else read_credential(credential)


def _asking(credential: Path | None, key: str) -> Callable[[], bytes]:
    """Reads the file when it is needed; a line has nobody who could type a passphrase."""

    def ask() -> bytes:
        found = _passphrase(credential)
        if found is None:
            raise AnswerImpossible(
                f"a passphrase is needed, and the recipe names no {key}",
                cause="a line asks nobody for passphrases",
                action=f"set {key} in the recipe to a file of mode 0600",
            )
        return found

    return ask


def _lacks(recipe: Recipe, step: str, what: str) -> PlanImpossible:
    return PlanImpossible(
        f"recipe {recipe.name}: step {step} needs {what}",
        cause="the recipe does not say it",
        action=f"add {what} to the recipe; docs/recipes.md shows it",
    )
