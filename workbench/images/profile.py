"""Security profiles: how images are authenticated, encrypted and compressed, where keys live, what stops a
rollback, and what that protects, in words.

A profile is a TOML file, `NAME.toml`.  It is looked for in the bench folder's `profiles/`, then in the
folders of WORKBENCH_PROFILES, then among those that come with the workbench; the first file with the name
counts.  A profile that contradicts itself does not load.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench import settings
from workbench.errors import InputError
from workbench.images import profile_file as pf
from workbench.images.contradictions import contradictions
from workbench.images.tlvs import cid_of, vid_of
from workbench.toml_file import FileInvalid, Problem, parse, read_bytes, shown_text, suggestion

_OURS: Final = Path(__file__).resolve().parent / "profiles"

_WRAPS: Final[tuple[pf.KeyWrap, ...]] = ("none", "aes-kw", "ecies-p256")
"""Key wraps that the sample bootloader can be built with."""


class ProfileInvalid(FileInvalid):
    """A profile is wrong, or contradicts itself."""

    code = "profile-invalid"
    default_cause = "a profile that cannot hold what it promises, or a mistyped key or value"
    default_action = "correct the profile where the message says, then run `workbench profile check`"


class ProfileUnknown(InputError):
    """There is no profile of that name."""

    code = "profile-unknown"
    default_cause = "a mistyped name, or a profile that lies elsewhere"
    default_action = "see `workbench profile list`; further folders can be named in WORKBENCH_PROFILES"


class ProfileUnbuildable(InputError):
    """The sample bootloader cannot be built for a profile."""

    code = "profile-unbuildable"
    default_cause = "the sample bootloader has no code for it"
    default_action = "choose a profile that it carries: `workbench profile check NAME --target TARGET`"


@dataclass(frozen=True, slots=True)
class Profile:
    """A security profile that holds.  The tables are those of the file, see `profile_file`."""

    path: Path
    name: str
    title: str
    tier: pf.Tier
    suits: str
    protects: tuple[str, ...]
    given_up: tuple[str, ...]
    authenticity: pf.Authenticity
    encryption: pf.Encryption
    compression: pf.Compression
    keys: pf.Keys
    rollback: pf.Rollback
    product: pf.Product
    proof: pf.Proof
    consent: pf.Consent

    @property
    def per_unit(self) -> bool:
        """Whether each unit needs an image of its own."""
        return self.keys.symmetric == "unit"

    @property
    def signer(self) -> pf.SignatureAlgorithm | None:
        """Algorithm of the signature, None without one."""
        return self.authenticity.algorithm

    def vendor_id(self) -> bytes:
        """VID, 16 bytes."""
        return vid_of(self.product.vendor)

    def class_id(self, device: str) -> bytes:
        """CID, 16 bytes; `device`, such as the target's name, counts where the profile names none."""
        return cid_of(self.product.device or device, self.vendor_id())


def load_profile(name_or_path: str | Path, *, bench_folder: Path | None = None) -> Profile:
    """The profile of that name, or from that file if it is a Path, ends in `.toml` or has a slash.

    Raises ProfileUnknown, or ProfileInvalid with all mistakes, or else all contradictions.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text:
        return _from_file(Path(name_or_path))
    known = profile_paths(bench_folder)
    if text not in known:
        raise ProfileUnknown(f"no profile is called '{shown_text(text)}'{suggestion(text, known)}")
    return _from_file(known[text])


def parse_profile(content: bytes, path: Path) -> Profile:
    """The profile that `content` describes; `path` is where it is from, for its name and errors."""
    file = parse(content, path, pf.ProfileFile, ProfileInvalid)
    problems = [*_name(file, path), *contradictions(file)]
    if problems:
        raise ProfileInvalid(path, problems)
    return _profile(file, path)


def profile_paths(bench_folder: Path | None = None) -> dict[str, Path]:
    """Files of all profiles by name, sorted; where two folders have the same name, the nearer one."""
    found: dict[str, Path] = {}
    for folder in profile_folders(bench_folder):
        for path in sorted(folder.glob("*.toml")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def list_profiles(*, bench_folder: Path | None = None) -> tuple[Profile | ProfileInvalid, ...]:
    """All profiles, sorted by name; a wrong file is listed as the error that loading it gives."""
    profiles: list[Profile | ProfileInvalid] = []
    for path in profile_paths(bench_folder).values():
        try:
            profiles.append(_from_file(path))
        except ProfileInvalid as error:
            profiles.append(error)
    return tuple(profiles)


def profile_folders(bench_folder: Path | None = None) -> list[Path]:
    """Where profiles are looked for, nearest first; folders that are not there are left out."""
    own = [bench_folder / "profiles"] if bench_folder is not None else []
    return [folder for folder in [*own, *settings.profile_folders(), _OURS] if folder.is_dir()]


def build_flags(profile: Profile) -> list[str]:
    """What the sample bootloader is compiled with, as -D arguments beside its PROFILE.

    Raises ProfileUnbuildable where it has no code for what the profile asks.
    """
    refuse_unbuildable(profile)
    encryption = profile.encryption
    switches = {
        "WB_SIG_NONE": profile.signer is None,
        "WB_SIG_ECDSA_P256": profile.signer == "ecdsa-p256",
        "WB_SIG_RSA2048": profile.signer == "rsa-2048",
        "WB_CHAIN": profile.authenticity.chain,
        "WB_MAC": profile.authenticity.method == "mac",
        "WB_ENC_KW": encryption.method == "aes-kw",
        "WB_ENC_ECIES_P256": encryption.method == "ecies-p256",
        "WB_ENC_REQUIRED": encryption.required,
        "WB_COUNTER": profile.rollback.counter != "none",
        "WB_ALLOW_VERSION_DOWNGRADE": profile.rollback.allow_version_downgrade,
    }
    return [f"-D{name}={int(on)}" for name, on in switches.items()]


def refuse_unbuildable(profile: Profile) -> None:
    """Raises ProfileUnbuildable where the sample bootloader has no code for what the profile asks."""
    lacks = {
        "keys in a TPM": profile.keys.storage != "flash",
        "a counter in a TPM": profile.rollback.counter == "tpm",
        f"{profile.signer} signatures": profile.signer not in (None, "ecdsa-p256", "rsa-2048"),
        "signatures without certificates": profile.signer is not None and not profile.authenticity.chain,
        f"encryption by {profile.encryption.method}": profile.encryption.method not in _WRAPS,
        "AES-256": profile.encryption.method != "none" and profile.encryption.bits != 128,
        "compression": profile.compression != "none",
    }
    if wanted := [what for what, lacking in lacks.items() if lacking]:
        names = ", ".join(wanted)
        raise ProfileUnbuildable(
            f"profile {profile.name} wants what the sample bootloader has no code for: {names}"
        )


def _from_file(path: Path) -> Profile:
    if path.is_dir():
        raise ProfileInvalid(path, [Problem("(file)", "a folder", "must be a profile, NAME.toml")])
    return parse_profile(read_bytes(path, ProfileInvalid), path)


def _name(file: pf.ProfileFile, path: Path) -> Iterator[Problem]:
    if path.suffix == ".toml" and path.stem != file.profile.name:
        yield Problem(
            "profile.name", repr(file.profile.name), f"must be {path.stem!r}, as the file is called"
        )


def _profile(file: pf.ProfileFile, path: Path) -> Profile:
    head = file.profile
    return Profile(
        path=path.absolute(),
        name=head.name,
        title=head.title,
        tier=head.tier,
        suits=head.suits,
        protects=head.protects,
        given_up=head.given_up,
        authenticity=file.authenticity,
        encryption=file.encryption,
        compression=file.compression.method,
        keys=file.keys,
        rollback=file.rollback,
        product=file.product,
        proof=file.proof,
        consent=file.consent,
    )
