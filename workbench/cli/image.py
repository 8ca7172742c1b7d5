"""`workbench image`: firmware images in MCUboot's format.  One module for each verb."""

from __future__ import annotations

from workbench.cli import image_build, image_encrypt, image_inspect, image_keys, image_sign, image_verify
from workbench.cli.commands import new_app

app = new_app(help="Build, sign, encrypt, inspect and verify firmware images.", no_args_is_help=True)

for verb in (image_build, image_sign, image_encrypt, image_inspect, image_verify, image_keys):
    verb.register(app)
