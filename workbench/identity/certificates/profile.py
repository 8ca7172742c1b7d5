"""Certificate profiles: what a certificate of a kind says, who may issue it, how long it is valid.

A profile is a TOML file, `NAME.toml`.  It is looked for in the folder that the caller names (a CA's
`profiles/`), then among those that come with the workbench; the first file with the name counts.  A profile
that contradicts itself does not load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from workbench.errors import InputError
from workbench.identity.certificates import profile_file as pf
from workbench.identity.certificates.contradictions import contradictions
from workbench.identity.certificates.fields import CertificateFieldInvalid, HardwareModule
from workbench.toml_file import FileInvalid, Problem, parse, read_bytes, shown_text, suggestion

_OURS: Final = Path(__file__).resolve().parent / "profiles"


class CertificateProfileInvalid(FileInvalid):
    """A certificate profile is wrong, or contradicts itself."""

    code = "certificate-profile-invalid"
    default_cause = "a profile whose certificates nobody could accept, or a mistyped key or value"
    default_action = "correct the profile where the message says; docs/certificates.md describes it"


class CertificateProfileUnknown(InputError):
    """There is no certificate profile of that name."""

    code = "certificate-profile-unknown"
    default_cause = "a mistyped name, or a profile that lies elsewhere"
    default_action = "use a name from the list, or give the path of the profile's file"


@dataclass(frozen=True, slots=True)
class CertificateProfile:
    """A certificate profile that holds.  The tables are those of the file, see `profile_file`."""

    path: Path
    name: str
    title: str
    kind: pf.Kind
    subject: pf.Subject
    validity: pf.Validity
    key: pf.Key
    extensions: pf.Extensions
    limits: pf.Limits

    @property
    def is_ca(self) -> bool:
        """Whether its certificates issue others."""
        return self.extensions.basic_constraints == "ca"

    def hardware_module(self, serial: bytes) -> HardwareModule:
        """hardwareModuleName of the chip with that number, under the profile's hardware type.

        Raises CertificateFieldInvalid where the profile has no such name.
        """
        if self.extensions.hardware_type is None:
            raise CertificateFieldInvalid(f"profile {self.name} has no place for hardwareModuleName")
        return HardwareModule(self.extensions.hardware_type, serial)


def load_profile(name_or_path: str | Path, *, folder: Path | None = None) -> CertificateProfile:
    """The profile of that name, or from that file if it is a Path, ends in `.toml` or has a slash.

    `folder` holds profiles that come before the workbench's own.  Raises CertificateProfileUnknown, or
    CertificateProfileInvalid with all mistakes, or else all contradictions.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _from_file(Path(name_or_path))
    known = profile_paths(folder)
    if text not in known:
        hint = suggestion(text, known) or f"; known are: {', '.join(known)}"
        raise CertificateProfileUnknown(f"no certificate profile is called '{shown_text(text)}'{hint}")
    return _from_file(known[text])


def parse_profile(content: bytes, path: Path) -> CertificateProfile:
    """The profile that `content` describes; `path` is where it is from, for its name and errors."""
    file = parse(content, path, pf.ProfileFile, CertificateProfileInvalid)
    problems = [*_name(file, path), *contradictions(file)]
    if problems:
        raise CertificateProfileInvalid(path, problems)
    head = file.profile
    return CertificateProfile(
        path=path.absolute(),
        name=head.name,
        title=head.title,
        kind=head.kind,
        subject=file.subject,
        validity=file.validity,
        key=file.key,
        extensions=file.extensions,
        limits=file.limits,
    )


def profile_paths(folder: Path | None = None) -> dict[str, Path]:
    """Files of all profiles by name, sorted; those in `folder` come before the workbench's own."""
    found: dict[str, Path] = {}
    for place in [folder, _OURS]:
        if place is not None and place.is_dir():
            for path in sorted(place.glob("*.toml")):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def _from_file(path: Path) -> CertificateProfile:
    if path.is_dir():
        raise CertificateProfileInvalid(
            path, [Problem("(file)", "a folder", "must be a certificate profile, NAME.toml")]
        )
    return _parsed(read_bytes(path, CertificateProfileInvalid), path, path.absolute())


@lru_cache(maxsize=32)
def _parsed(content: bytes, path: Path, _absolute: Path) -> CertificateProfile:
    """A CA reads a profile for each certificate, and finds the same bytes."""
    return parse_profile(content, path)


def _name(file: pf.ProfileFile, path: Path) -> Iterator[Problem]:
    if path.suffix == ".toml" and path.stem != file.profile.name:
        yield Problem(
            "profile.name", repr(file.profile.name), f"must be {path.stem!r}, as the file is called"
        )
