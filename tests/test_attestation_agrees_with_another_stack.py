"""What our verifier reads and believes, pycose reads and verifies too, and the other way round."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from pycose.algorithms import HMAC256, Es256
from pycose.headers import KID, Algorithm
from pycose.keys.curves import P256
from pycose.keys.ec2 import EC2Key
from pycose.keys.symmetric import SymmetricKey
from pycose.messages.mac0message import Mac0Message
from pycose.messages.sign1message import Sign1Message

from tests.attest_lab import ASKED, KEY, MACED, SECRET, SIGNED, claims, maced, signed
from workbench.identity.attest.verify import key_id, verify_eat

NUMBERS = KEY.private_numbers()
EC2 = EC2Key(
    crv=P256,
    x=NUMBERS.public_numbers.x.to_bytes(32, "big"),
    y=NUMBERS.public_numbers.y.to_bytes(32, "big"),
    d=NUMBERS.private_value.to_bytes(32, "big"),
)


def parts(token: bytes) -> list[Any]:
    """The token's four parts: pycose 1.1 does not take the tuples of cbor2 from version 6 on."""
    protected, headers, payload, proof = cbor2.loads(token).value
    return [protected, dict(headers), payload, proof]


def test_pycose_verifies_what_we_believe() -> None:
    found = Sign1Message.from_cose_obj(parts(signed(claims())), True)
    found.key = EC2
    assert found.verify_signature()
    assert found.payload is not None
    assert cbor2.loads(found.payload) == claims()
    other = Mac0Message.from_cose_obj(parts(maced(claims(MACED))), True)
    other.key = SymmetricKey(k=SECRET)
    assert other.verify_tag()


def test_we_believe_what_pycose_signs() -> None:
    made = Sign1Message(
        phdr={Algorithm: Es256}, uhdr={KID: key_id(KEY.public_key())}, payload=cbor2.dumps(claims())
    )
    made.key = EC2
    assert verify_eat(made.encode(), ASKED, SIGNED, ASKED.at_s).kind == "sign1"


def test_we_believe_what_pycose_authenticates() -> None:
    made = Mac0Message(
        phdr={Algorithm: HMAC256}, uhdr={KID: key_id(SECRET)}, payload=cbor2.dumps(claims(MACED))
    )
    made.key = SymmetricKey(k=SECRET)
    assert verify_eat(made.encode(), ASKED, MACED, ASKED.at_s).kind == "mac0"


@pytest.mark.parametrize("external", [b"x"])
def test_external_data_is_not_ours(external: bytes) -> None:
    made = Sign1Message(
        phdr={Algorithm: Es256}, uhdr={}, payload=cbor2.dumps(claims()), external_aad=external
    )
    made.key = EC2
    with pytest.raises(Exception, match="was not made with this unit's key"):
        verify_eat(made.encode(), ASKED, SIGNED, ASKED.at_s)
