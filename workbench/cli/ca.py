"""`workbench ca`: the factory's certificate authority."""

from __future__ import annotations

from workbench.cli import ca_approve, ca_init, ca_issue, ca_lint, ca_revoke, ca_root, ca_serve, ca_show
from workbench.cli.commands import new_app

app = new_app(
    help="Make and run the certificate authority that issues identities.",
    no_args_is_help=True,
)
for verb in (ca_init, ca_serve, ca_issue, ca_show, ca_revoke, ca_approve, ca_root, ca_lint):
    verb.register(app)
