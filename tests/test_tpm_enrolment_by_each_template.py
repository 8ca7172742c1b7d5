"""Units are enrolled with the templates that the CA's settings name, RSA too, and with no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.tpm_ca_lab import another_ca
from tests.tpm_enrol_lab import Line, open_line
from tests.tpm_lab import needs_swtpm
from workbench.identity.ca.errors import CaRefused
from workbench.identity.state import State
from workbench.identity.tpm_enroll.flow import verify_again

pytestmark = needs_swtpm


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with open_line(tmp_path) as made:
        yield made


@pytest.mark.parametrize("template", ["H-1", "H-2", "H-4"])
def test_a_template_that_the_ca_names_gives_a_verified_unit(line: Line, template: str) -> None:
    policy = another_ca(line, "ca-named", f'templates = ["{template}"]')
    board = line.board("b1")
    recipe = line.recipe(template=template, ek=policy)
    outcome = line.enrol(board, "S1", recipe=recipe)
    assert outcome.state == "verified", outcome.why
    unit = line.ledger.find(serial="S1")
    assert unit is not None
    for der in unit.certificates.values():
        key = x509.load_der_x509_certificate(der).public_key()
        if template == "H-1":
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size == 2048
        else:
            assert isinstance(key, ec.EllipticCurvePublicKey)
            assert key.key_size == {"H-2": 256, "H-4": 521}[template]
    again = verify_again(line.order("S1", recipe=recipe), line.means(board), restart=True)
    assert again.state == "verified"


@pytest.mark.parametrize("template", ["H-1", "H-4"])
def test_a_template_that_the_ca_does_not_name_is_refused(line: Line, template: str) -> None:
    with pytest.raises(CaRefused) as refused:
        line.enrol(line.board("b1"), "S1", recipe=line.recipe(template=template))
    assert template in refused.value.what
    unit = line.ledger.find(serial="S1")
    assert unit is not None
    assert (unit.state, unit.certificates) == (State.KEYED, {})
