"""`workbench identity`: give units an identity that nobody can change or copy.  One module for each verb."""

from __future__ import annotations

from workbench.cli import identity_enroll, identity_rehearse, identity_rma, identity_show, identity_verify
from workbench.cli.commands import new_app

app = new_app(
    help="Give units an identity, lock it, verify it; see what the ledger knows.", no_args_is_help=True
)

for verb in (identity_enroll, identity_verify, identity_rehearse, identity_show, identity_rma):
    verb.register(app)
