"""Tokens in which something only equals what must be there: true for 1, 4.0 for 4."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attest_lab import ASKED, KEY, SIGNED, claims, signed
from workbench.identity.attest.cose import exact_cbor
from workbench.identity.attest.errors import EatRefused
from workbench.identity.attest.verify import key_id, verify_eat

KID = key_id(KEY.public_key())
FORGED = {
    "header true for 1": lambda: signed(claims(), protected=b"\xa1\xf5\x26"),
    "header 1.0 for 1": lambda: signed(claims(), protected=cbor2.dumps({1.0: -7})),
    "algorithm -7.0": lambda: signed(claims(), protected=cbor2.dumps({1: -7.0})),
    "key ID under 4.0": lambda: signed(claims(), headers={4.0: KID}),
    "claim under 10.0": lambda: signed({float(k) if k == 10 else k: v for k, v in claims().items()}),
    "component under true": lambda: signed(claims(components=[{True: "app", **_rest()}])),
    "dates where texts are": lambda: signed(claims(profile=cbor2.CBORTag(1, 0))),
}


def _rest() -> dict[int, object]:
    (told,) = claims()[2399]
    return {key: value for key, value in told.items() if key != 1}


@pytest.mark.parametrize("name", FORGED)
def test_what_only_equals_it_is_refused(name: str) -> None:
    with pytest.raises(EatRefused) as refused:
        verify_eat(FORGED[name](), ASKED, SIGNED, ASKED.at_s)
    assert refused.value.reason in ("cose-form", "cose-algorithm", "claims")


@given(st.floats() | st.dictionaries(st.booleans() | st.floats(), st.integers(), min_size=1))
def test_numbers_that_are_no_integers_are_nowhere(value: object) -> None:
    for inside in (value, [value], {1: value}, cbor2.CBORTag(18, [value])):
        with pytest.raises(EatRefused):
            exact_cbor(cbor2.dumps(inside), 1024, "claims")
