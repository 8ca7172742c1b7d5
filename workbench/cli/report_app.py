"""`workbench report`: what the runs on units come to."""

from __future__ import annotations

from workbench.cli import report_export, report_lot, report_run, report_unit
from workbench.cli.commands import new_app

app = new_app(help="Report on lots, units and runs; export them.", no_args_is_help=True)
for verb in (report_lot, report_unit, report_run, report_export):
    verb.register(app)
