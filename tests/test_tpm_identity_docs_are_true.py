"""The tables of docs/tpm-identity.md say what the code does."""

from __future__ import annotations

from pathlib import Path

from workbench.identity.tpm.checks import CHECKS
from workbench.identity.tpm.ek import EK_TEMPLATES
from workbench.identity.tpm.policies import POLICY_INDICES, devid_policy
from workbench.identity.tpm.quirks import QUIRKS
from workbench.identity.tpm.reasons import REASONS
from workbench.identity.tpm.structures import Alg
from workbench.identity.tpm.templates import ATTRIBUTES, CERT_INDICES, HANDLES, KINDS, SHAPES

PAGE = (Path(__file__).parents[1] / "docs" / "tpm-identity.md").read_text()


def _rows(title: str) -> list[str]:
    """Rows of the first table after a heading, without its head."""
    lines = PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [line for line in lines if line.startswith("|")][2:]


def test_every_reason_is_listed_with_its_check_and_action() -> None:
    checks = {reason: check.name for check in CHECKS for reason in check.reasons}
    wanted = [
        f"| `{reason}` | {checks.get(reason, '–')} | {said.cause} | {said.action} |"
        for reason, said in REASONS.items()
    ]
    assert _rows("Reasons") == wanted


def test_checks_are_listed_in_their_order() -> None:
    told = [name for row in _rows("Checks") for name in row.split("|")[2].replace(",", " ").split()]
    assert told == [check.name for check in CHECKS]


def test_quirks_are_listed() -> None:
    assert _rows("Quirks") == [f"| `{name}` | {meaning} |" for name, meaning in QUIRKS.items()]


def test_templates_places_and_policies_are_listed() -> None:
    assert _rows("Templates") == [f"| {s.id} | {s.title} |" for s in SHAPES.values()]
    assert _rows("Places") == [
        f"| {kind} | `{ATTRIBUTES[kind]:#010x}` | `{HANDLES[kind]:#010x}` | `{CERT_INDICES[kind]:#010x}` |"
        for kind in KINDS
    ]
    assert _rows("Policies") == [
        f"| {kind} | {alg.name} | `{POLICY_INDICES[(kind, alg)]:#010x}` | `{devid_policy(kind, alg).hex()}` |"
        for alg in (Alg.SHA256, Alg.SHA384, Alg.SHA512)
        for kind in KINDS
    ]


def test_ek_templates_are_listed() -> None:
    assert _rows("Endorsement keys") == [
        f"| {t.id} | {t.title} | `{t.cert_index:#010x}` "
        f"| {f'`{t.nonce_index:#010x}`' if t.nonce_index else '–'} | `{t.template_index:#010x}` |"
        for t in EK_TEMPLATES.values()
    ]
