"""What a TPM made by the templates is accepted; what software made like it passes the checks and dies at
the challenge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.tpm_identity_lab import NONCE, QUALIFYING, SERIAL, Lab, open_lab
from tests.tpm_identity_refusal import ACCEPTED
from tests.tpm_identity_soft import area_of, soft_key, soft_sensitive
from tests.tpm_lab import needs_swtpm
from workbench.identity.tpm.credential import make_credential
from workbench.identity.tpm.policies import devid_branches
from workbench.identity.tpm.policy import EkMode
from workbench.identity.tpm.request import (
    TpmRequestMalformed,
    qualifying_data,
    request_from_map,
    request_to_map,
)
from workbench.identity.tpm.structures import Alg, Attribute
from workbench.identity.tpm.templates import KINDS, SHAPES, Variant, template_area, variant_names
from workbench.wires.tpm.errors import TpmRefused
from workbench.wires.tpm.values import KeyPolicy

pytestmark = needs_swtpm
FORMS = [(id, variant) for id in ("H-1", "H-2", "H-3", "H-4") for variant in variant_names(id)]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab() as opened:
        yield opened


@pytest.mark.parametrize(("id", "variant"), FORMS)
def test_keys_of_every_template_pass(lab: Lab, id: str, variant: Variant) -> None:
    areas = {kind: template_area(SHAPES[id], kind, variant) for kind in KINDS}
    checked = lab.real(**areas).check()  # type: ignore[arg-type]
    assert (checked.idevid.template, checked.iak.template) == (id, id)
    for key in (checked.idevid, checked.iak):
        load_der_public_key(key.spki)
        assert key.spki_sha256 == hashlib.sha256(key.spki).hexdigest()


def test_result_says_what_was_proved(lab: Lab) -> None:
    bid = lab.genuine()
    checked = bid.check()
    assert (checked.serial, checked.request_id) == (SERIAL, bid.request.request_id)
    assert checked.idevid.public == lab.publics["idevid"]
    assert checked.iak.name == lab.tickets["iak"].name
    assert checked.ek.trust == "certificate"
    assert checked.ek.path == ("CN=Vendor EK CA", "CN=Vendor Root")
    assert checked.csr_sha256 == hashlib.sha256(bid.request.csr).hexdigest()
    assert (checked.firmware, checked.reset_count) == (lab.facts.firmware, lab.facts.reset_count)
    assert checked.notes == ("revocation was not asked", "no order book")


def test_same_request_and_the_one_it_replaces_may_come_again(lab: Lab) -> None:
    bid = lab.genuine()
    mine = bid.request.request_id
    assert bid.under(holder=lambda kind, value: mine).outcome == ACCEPTED
    assert bid.under(holder=lambda kind, value: "old", replaces="old").outcome == ACCEPTED
    assert bid.under(holder=lambda kind, value: "old", replaces="older").outcome == "serial-taken"


def test_ordered_unit_on_all_lists_passes(lab: Lab) -> None:
    bid = lab.genuine().under(
        order_book=lambda serial, model: serial == SERIAL,
        manufacturers=frozenset({"IBM"}),
        firmware=frozenset({lab.facts.firmware}),
        max_resets=lab.facts.reset_count,
        templates=frozenset({"H-2"}),
    )
    assert bid.check().notes == ("revocation was not asked",)


def test_ek_without_certificate_passes_by_the_list_alone(lab: Lab) -> None:
    digest = lab.genuine().check().ek.digest
    bid = lab.with_ek(None).under_ek(mode=EkMode.ALLOW_LIST, allow_list=frozenset({digest}))
    checked = bid.check()
    assert (checked.ek.trust, checked.ek.hw_serial, checked.ek.permanent_id) == ("allow-list", digest, None)
    # A certificate that does not verify is not helped by the list.
    assert bid.asking(ek_cert=lab.ek_cert[:-1]).outcome == "csr-ek-certificate-differs"


def test_request_without_creation_passes_where_the_policy_says_so(lab: Lab) -> None:
    bid = lab.real(fields={"iak_attest": b"", "iak_attest_signature": b"", "ca_data": b""})
    assert bid.under(require_creation=False).outcome == ACCEPTED


# -- software keys


def test_perfect_forgery_passes_the_checks_and_dies_at_the_challenge(lab: Lab) -> None:
    iak = soft_key(area_of("iak"))
    checked = lab.soft(iak=iak).check()
    blob = make_credential(lab.ek_public, b"s" * 32, checked.iak.name)
    policy = KeyPolicy(Alg.SHA256, devid_branches("iak", Alg.SHA256))
    # The TPM does not load software keys that say that they are its own ...
    with pytest.raises(TpmRefused) as refused:
        lab.tpm.load_external(iak.public, soft_sensitive(iak))
    assert refused.value.rc & 0xBF == 0x82  # TPM_RC_ATTRIBUTES
    # ... and opens nothing for a key of another Name.
    with pytest.raises(TpmRefused):
        lab.tpm.activate_credential(lab.handles["iak"], 0x81010002, *blob, key_policy=policy, ek_kind="H")


def test_software_key_that_activates_is_refused_by_its_attributes(lab: Lab) -> None:
    """Without the checks the challenge alone would prove nothing: the TPM activates for a key that
    software made.
    """
    area = area_of("iak")
    loose = Attribute.FIXED_TPM | Attribute.FIXED_PARENT | Attribute.SENSITIVE_DATA_ORIGIN
    loose |= Attribute.RESTRICTED | Attribute.ADMIN_WITH_POLICY
    iak = soft_key(replace(area, attributes=area.attributes & ~loose, auth_policy=b""))
    assert lab.soft(iak=iak).outcome == "iak-attributes"
    handle = lab.tpm.load_external(iak.public, soft_sensitive(iak))
    try:
        public = lab.tpm.read_public(handle)
        assert public is not None
        blob = make_credential(lab.ek_public, b"s" * 32, public.name)
        opened = lab.tpm.activate_credential(handle, 0x81010002, *blob, key_policy=None, ek_kind="H")
    finally:
        lab.tpm.flush(handle)
    assert opened == b"s" * 32


def test_restricted_key_signs_no_attestation_that_it_did_not_make(lab: Lab) -> None:
    with pytest.raises(TpmRefused):
        lab.tpm.sign(lab.handles["iak"], hashlib.sha256(lab.genuine().request.csr).digest())


# -- the nonce


def test_qualifying_data_tells_every_pair_of_texts_apart() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", ""), ("a\0", "bc"), ("a", "\0bc")]
    assert len({qualifying_data(NONCE, *pair) for pair in pairs}) == len(pairs)
    assert len(QUALIFYING) == 32


# -- over the socket


def test_request_survives_the_socket(lab: Lab) -> None:
    bid = lab.genuine()
    for request in (bid.request, replace(bid.request, ek_cert=None, ek_chain=(b"a", b"b"))):
        assert request_from_map(request_to_map(request)) == request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("serial", 7),
        ("serial", "x" * 201),
        ("serial", "\ud800"),
        ("csr", "text"),
        ("csr", bytes(65537)),
        ("ek_cert", b"\0" * 8193),
        ("ek_chain", b"der"),
        ("ek_chain", [b"a"] * 9),
        ("station_time", True),
        ("station_time", -1),
        ("station_time", 1.5),
        ("properties", {}),
        ("properties", {"manufacturer": "IBM "}),
        ("extra", 1),
    ],
)
def test_map_of_another_form_is_refused(lab: Lab, name: str, value: object) -> None:
    fields = request_to_map(lab.genuine().request)
    fields[name] = value
    with pytest.raises(TpmRequestMalformed):
        request_from_map(fields)


def test_map_without_a_field_is_refused(lab: Lab) -> None:
    fields = request_to_map(lab.genuine().request)
    for name in fields:
        with pytest.raises(TpmRequestMalformed):
            request_from_map({k: v for k, v in fields.items() if k != name})
    others: tuple[object, ...] = (None, [], b"", "text", 7)
    for other in others:
        with pytest.raises(TpmRequestMalformed):
            request_from_map(other)
