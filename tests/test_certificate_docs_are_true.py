"""docs/certificates.md names every profile and every rule as they are, and its example loads."""

from __future__ import annotations

import re
from pathlib import Path

from tests.certificate_lab import PROFILES
from workbench.identity.certificates.lint import RULES, UNREADABLE
from workbench.identity.certificates.pair import PAIR_CODES
from workbench.identity.certificates.profile import CertificateProfile, load_profile, parse_profile

TEXT = (Path(__file__).parent.parent / "docs" / "certificates.md").read_text()


def _rows(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading."""
    lines = TEXT.split(f"\n## {heading}\n", 1)[1].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def test_table_of_rules_is_that_of_the_code() -> None:
    told = _rows("Rules")
    right = [[f"`{r.code}`", ", ".join(r.kinds) if r.kinds else "all", r.says, r.reference] for r in RULES]
    assert told[: len(right)] == right
    assert re.findall(r"`([^`]+)`", " ".join(row[0] for row in told[len(right) :])) == [
        *PAIR_CODES,
        UNREADABLE,
    ]


def test_table_of_profiles_is_that_of_the_files() -> None:
    told = _rows("Profiles")
    assert [row[0].strip("`") for row in told] == list(PROFILES)
    for row in told:
        assert row[1:] == _told(load_profile(row[0].strip("`")))


def test_example_of_a_profile_loads() -> None:
    example = TEXT.split("```toml\n", 1)[1].split("```", 1)[0]
    profile = parse_profile(example.encode(), Path("acme-idevid.toml"))
    assert profile.kind == "idevid"
    assert profile.subject.fixed["organizationName"] == "ACME"


def _told(profile: CertificateProfile) -> list[str]:
    rules, days = profile.extensions, profile.validity.days
    length = "" if rules.path_length is None else f", {rules.path_length}"
    names = [*rules.alt_names, *(f"({name})" for name in rules.alt_names_optional)]
    return [
        profile.title,
        "without end" if days is None else f"{days} days",
        ", ".join(profile.key.algorithms),
        ", ".join(rules.key_usage),
        rules.basic_constraints + length,
        ", ".join([*rules.extended_key_usage, *rules.policies]) or "–",
        ", ".join(names) or "–",
    ]
