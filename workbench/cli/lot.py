"""`workbench lot`: lots in the database that all stations share."""

from __future__ import annotations

from workbench.cli import lot_show, lot_units, lot_work
from workbench.cli.commands import new_app

app = new_app(help="Open, show and close lots; ship, scrap and readmit their units.", no_args_is_help=True)

for verb in (lot_work, lot_show, lot_units):
    verb.register(app)
