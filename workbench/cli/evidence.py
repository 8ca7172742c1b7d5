"""`workbench evidence`: signed files that say what a unit is and what was tried on it."""

from __future__ import annotations

from workbench.cli import evidence_init, evidence_log, evidence_show, evidence_verify
from workbench.cli.commands import new_app

app = new_app(help="Verify and show the signed evidence of units.", no_args_is_help=True)
for verb in (evidence_init, evidence_verify, evidence_show, evidence_log):
    verb.register(app)
