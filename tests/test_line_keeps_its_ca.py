"""While a line is open its CA serves: no unit waits for the CA's worker to open its keys."""

from __future__ import annotations

import os

from tests.ca_lab import PASSPHRASE, new_ca
from tests.console_ends import wait_until
from tests.line_lab import line_lab
from workbench.identity.ca import places
from workbench.identity.ca.start_worker import connect


def test_the_ca_serves_until_the_line_is_closed() -> None:
    with line_lab() as lab:
        folder = new_ca(lab.folder)
        credential = lab.folder / "ca.pass"
        credential.touch(mode=0o600)
        credential.write_bytes(PASSPHRASE)
        recipe = lab.recipe("pass", identity={"ca": "ca", "ca_credential": "ca.pass"})

        def serves() -> bool:
            found = connect(places.socket_path(folder))
            if found is not None:
                found.close()
            return found is not None

        with lab.line(recipe):
            wait_until(serves, 60.0)
        assert not serves()


def test_a_line_whose_ca_cannot_be_opened_works_all_the_same() -> None:
    with line_lab() as lab:
        new_ca(lab.folder)
        credential = lab.folder / "ca.pass"
        credential.write_bytes(b"another passphrase")
        os.chmod(credential, 0o600)
        recipe = lab.recipe("pass", identity={"ca": "ca", "ca_credential": "ca.pass"})
        with lab.line(recipe) as line:
            assert line.state().slots
