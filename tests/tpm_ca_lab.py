"""A line's certificate authority, made anew with other settings."""

from __future__ import annotations

from tests.tpm_enrol_lab import PASSPHRASE, Line
from workbench.identity.ca.ca_file import FILE_NAME, read_ca_file
from workbench.identity.ca.client import open_ca
from workbench.identity.ca.create import NewCa, create_ca
from workbench.identity.ca.vendors import ek_policy
from workbench.identity.tpm.policy import EkPolicy
from workbench.virtual.tpm_boards import plug


def another_ca(line: Line, name: str, settings: str) -> EkPolicy:
    """Gives the line a CA with those lines in [tpm]; what that CA believes of endorsement keys."""
    folder = line.folder / name
    pem = plug(line.folder / "boards", "of-the-vendor").vendor_roots.read_bytes()
    new = NewCa(name="TEST other", organization="TEST Widgets", test=True, vendor_roots=pem)
    create_ca(folder, new, PASSPHRASE)
    file = folder / FILE_NAME
    text = file.read_text()
    assert "[tpm]\n" in text
    file.write_text(text.replace("[tpm]\n", f"[tpm]\n{settings}\n"))
    line.ca = lambda: open_ca(folder, lambda: PASSPHRASE)
    return ek_policy(folder, read_ca_file(folder).tpm)
