"""`workbench profile`: security profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import options as opt
from workbench.cli import stdout
from workbench.cli.commands import new_app
from workbench.cli.complete import profile_names, target_names
from workbench.cli.report import reporting

if TYPE_CHECKING:
    from workbench.images.profile import Profile
    from workbench.updates.fit import Finding

app = new_app(help="List, explain and check security profiles.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(metavar="PROFILE", help="Name of a profile, or its file.", autocompletion=profile_names),
]


@app.command("list")
def list_(bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """List the security profiles that the workbench knows.

    They come with the workbench, from the bench's folder profiles/, and from the folders in
    WORKBENCH_PROFILES.

    \b
    Example:
      workbench profile list
    """
    from workbench.cli.profile_words import row, value
    from workbench.images.profile import Profile, list_profiles

    with reporting("profile list", opt.Output(json=json, plain=plain)) as report:
        rows = []
        for found in list_profiles(bench_folder=_folder(bench)):
            if isinstance(found, Profile):
                report.observe("profile", value(found))
                rows.append(row(found))
            else:
                report.observe("profile-invalid", found.as_dict())
                rows.append(
                    [found.path.stem, "WRONG", str(found.path), "", "", "see `workbench profile check`"]
                )
        if not json:
            headings = ["profile", "tier", "authenticated by", "encrypted by", "keys", "rollback stopped by"]
            stdout.table(headings, rows, plain=plain)


@app.command()
def show(name: Name, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Explain a profile to those who decide: what it protects, what is given up, and how it is made.

    \b
    Example:
      workbench profile show tier-2-ecdsa
    """
    from workbench.cli.profile_words import facts, value

    with reporting("profile show", opt.Output(json=json, plain=plain)) as report:
        profile = _load(name, bench)
        report.observe("profile", value(profile))
        if json:
            return
        stdout.say(f"{profile.title}  ({profile.name})\n")
        stdout.say_wrapped(f"For: {profile.suits}\n")
        for heading, sentences in (("Protects", profile.protects), ("Given up", profile.given_up)):
            stdout.say(heading)
            stdout.say_wrapped("\n".join(f"  - {sentence}" for sentence in sentences) + "\n")
        stdout.table(["how", "value"], facts(profile), plain=plain)
        stdout.say(f"\nfile: {profile.path}")


@app.command()
def check(
    names: Annotated[
        list[str],
        typer.Argument(metavar="PROFILE...", help="Profiles or their files.", autocompletion=profile_names),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET",
            help="Also whether this kind of board can carry it; may be repeated.",
            autocompletion=target_names,
            show_default=False,
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            metavar="BYTES",
            help="With --target: size of the release, to see whether it fits: 90K.",
            show_default=False,
        ),
    ] = None,
    bench: opt.Bench = None,
    json: opt.Json = False,
    plain: opt.Plain = False,
) -> None:
    """Check that profiles do not contradict themselves, and that boards can carry them; say why not.

    \b
    Examples:
      workbench profile check my-profile.toml
      workbench profile check tier-2-rsa --target microbit-v1 --image-size 90K
    """
    from workbench.boards.target import load_target
    from workbench.cli.image_files import number
    from workbench.errors import WorkbenchError
    from workbench.updates.fit import ProfileMisfit, carrier_of, fit, refused_only

    with reporting("profile check", opt.Output(json=json, plain=plain)) as report:
        carriers = [carrier_of(load_target(text, bench_folder=_folder(bench))) for text in target or ()]
        size = number(image_size)
        wrong: list[WorkbenchError] = []
        for name in names:
            try:
                profile = _load(name, bench)
            except WorkbenchError as error:
                report.observe("profile-invalid", {**error.as_dict()})
                wrong.append(error)
                continue
            if not carriers and not json:
                stdout.say(f"ok      {profile.name}: {profile.title}")
            for carrier in carriers:
                findings = fit(profile, carrier, size)
                report.observe("fit", _fit(profile, carrier.name, findings))
                if not json:
                    stdout.say_wrapped(_fit_words(profile, carrier.name, findings))
                if refused := refused_only(findings):
                    wrong.append(ProfileMisfit(profile.name, carrier.name, refused))
        if wrong:
            raise wrong[0]


@app.command()
def flags(name: Name, bench: opt.Bench = None, json: opt.Json = False, plain: opt.Plain = False) -> None:
    """Print what the sample bootloader is compiled with for a profile.

    \b
    Example:
      workbench profile flags tier-2-ecdsa
    """
    from workbench.images.profile import build_flags

    with reporting("profile flags", opt.Output(json=json, plain=plain)) as report:
        defines = build_flags(_load(name, bench))
        report.result["flags"] = list[Any](defines)
        if not json:
            stdout.say(" ".join(defines))


def _load(name: str, bench: Path | None) -> Profile:
    from workbench.images.profile import load_profile

    return load_profile(name, bench_folder=_folder(bench))


def _fit(profile: Profile, target: str, findings: list[Finding]) -> dict[str, Any]:
    fits = all(finding.level == "remark" for finding in findings)
    told = [{"level": f.level, "key": f.key, "reason": f.reason} for f in findings]
    return {"profile": profile.name, "target": target, "fits": fits, "findings": told}


def _fit_words(profile: Profile, target: str, findings: list[Finding]) -> str:
    verdict = "refused" if any(f.level == "refused" for f in findings) else "ok"
    head = f"{verdict:<8}{profile.name} on {target}"
    return "\n".join([head, *(f"  {f.level}: {f}" for f in findings)])


def _folder(bench: Path | None) -> Path:
    from workbench.cli.target import bench_folder

    return bench_folder(bench)
