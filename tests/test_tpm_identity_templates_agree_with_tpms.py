"""Policies are derived and equal to what is published; Names are those that a TPM computes; templates are
recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_lab import needs_swtpm, started_tpm
from workbench.identity.tpm import policies
from workbench.identity.tpm.ek import EK_TEMPLATES, ek_area, ek_digest, ek_template, recognise_ek
from workbench.identity.tpm.errors import TpmStructureMalformed
from workbench.identity.tpm.names import name_of, nv_name, qualified_name
from workbench.identity.tpm.structures import Alg, Attribute, EccKey, parse_public
from workbench.identity.tpm.templates import (
    CERT_INDICES,
    HANDLES,
    KINDS,
    SHAPES,
    Kind,
    recognise,
    recognise_variant,
    shape_of,
    template,
    variant_names,
    variants,
)
from workbench.wires.tpm.tpm import Tpm
from workbench.wires.tpm.values import Hierarchy

DEVID_POLICIES = {
    ("idevid", Alg.SHA256): "ad6b3a2284fd698a0710bf5cc1b9bdf15e2532e3f601fa4b93a6a8fa8de579ea",
    ("iak", Alg.SHA256): "5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07",
    ("idevid", Alg.SHA384): "4db1aa836d0b5615df6ee53a40ef70c61c217f4303d44695"
    "925972bc927006cfa5cbdf6dc18c4dbe329b2f1542c3dd33",
    ("iak", Alg.SHA384): "129d94ebf84556652c6eef43bbb757512ac87e52be7b349c"
    "a6ce4d826f749fcf672f51716c5cbb605f313bf345aab312",
    ("idevid", Alg.SHA512): "7dd7500fd6c1b94f97a6af910da147301ef28f662fee06f225a4ccadda3b4e6b"
    "38e66b2f3ad5dee1a0503cd2daedb1e68cfe4f84b03a8cd22bb6a976f071a72f",
    ("iak", Alg.SHA512): "8060d1fb31716a29e48a6e5fece088bcfc1b278fc162255e81c3eca3544cd44a"
    "f94410c3715d561cccd9e39a6cb2646d43535bb54ea88710deb5f7836bd9b586",
}
"""As the published implementations have them (keylime, swtpm)."""
EK_POLICIES = {
    Alg.SHA256: "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0",
    Alg.SHA384: "b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4"
    "cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12",
    Alg.SHA512: "b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a4"
    "29c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea",
}
"""PolicyB of the EK Credential Profile."""


@pytest.mark.parametrize(("kind", "alg"), DEVID_POLICIES)
def test_devid_policy_is_derived(kind: Kind, alg: Alg) -> None:
    assert policies.devid_policy(kind, alg).hex() == DEVID_POLICIES[(kind, alg)]


@pytest.mark.parametrize("alg", EK_POLICIES)
def test_ek_policy_is_derived(alg: Alg) -> None:
    assert policies.ek_policy_high(alg).hex() == EK_POLICIES[alg]
    low = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"
    assert policies.ek_policy_low().hex() == low


def test_policy_depends_on_all_that_it_is_made_of() -> None:
    secret = policies.policy_secret(Alg.SHA256)
    certify = policies.policy_command_code(Alg.SHA256, secret, policies.CC_CERTIFY)
    assert len({secret, certify, *policies.devid_branches("idevid", Alg.SHA256)}) == 4
    first, second = policies.devid_branches("idevid", Alg.SHA256), policies.devid_branches("iak", Alg.SHA256)
    assert first[:3] == second[:3]
    assert first[3] != second[3]


@pytest.fixture(scope="module")
def tpm() -> Iterator[Tpm]:
    with started_tpm() as opened:
        yield opened


@needs_swtpm
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("id", SHAPES)
def test_name_of_each_key_is_what_the_tpm_says(tpm: Tpm, id: str, kind: Kind) -> None:
    names = {}
    for form in variants(id, kind):
        created = tpm.create_primary(Hierarchy.ENDORSEMENT, form.public)
        try:
            area = parse_public(created.public)
            assert name_of(area) == created.name
            found = recognise(area)
            assert found is not None
            assert (found.id, found.kind) == (id, kind)
            names[form.variant] = created.name
        finally:
            tpm.flush(created.handle)
    # Each form gives another key, the same one each time: the Name tells which form was used.
    assert len(set(names.values())) == len(variant_names(id))
    for variant, name in names.items():
        assert recognise_variant(names, name) == variant
    assert recognise_variant(names, b"\0\x0b" + bytes(32)) is None


@needs_swtpm
@pytest.mark.parametrize("id", [id for id in EK_TEMPLATES if id not in ("H-6", "H-7")])
def test_ek_of_each_template_is_recognised(tpm: Tpm, id: str) -> None:
    created = tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template(id))
    try:
        area = parse_public(created.public)
        assert recognise_ek(area) == id
        assert name_of(area) == created.name
        assert ek_digest(created.public) == ek_digest(area)
    finally:
        tpm.flush(created.handle)


@needs_swtpm
def test_name_of_an_nv_index_is_what_the_tpm_says(tpm: Tpm) -> None:
    tpm.nv_define(0x01C90300, 32, 0x00040004 | 0x00020002, hierarchy=Hierarchy.OWNER)
    public = tpm.nv_public(0x01C90300)
    assert public is not None
    mine = nv_name(public.index, public.name_alg, public.attributes, public.auth_policy, public.size)
    assert mine == public.name


def test_areas_beside_the_templates_are_not_recognised() -> None:
    area = soft_key(area_of("iak")).area
    assert recognise(area) is not None
    for change in (
        {"attributes": area.attributes & ~Attribute.RESTRICTED},
        {"attributes": area.attributes | Attribute.NO_DA},
        {"auth_policy": b""},
        {"name_alg": Alg.SHA384},
        {"scheme": None},
    ):
        assert recognise(replace(area, **change)) is None
    assert recognise(ek_area("H-2")) is None
    assert recognise_ek(area) is None


def test_low_range_nonce_is_filled_up_in_unique() -> None:
    area = ek_area("L-2", b"nonce")
    assert isinstance(area.key, EccKey)
    assert area.key.x == b"nonce" + bytes(27)
    assert (EK_TEMPLATES["L-2"].nonce_index, EK_TEMPLATES["H-2"].nonce_index) == (0x01C0000B, None)


def test_unknown_templates_have_names_in_their_errors() -> None:
    with pytest.raises(KeyError):
        template("H-9", "iak")
    with pytest.raises(KeyError):
        template("H-1", "iak", "y-equal")
    with pytest.raises(TpmStructureMalformed):
        shape_of("H-9")
    with pytest.raises(TpmStructureMalformed):
        qualified_name(b"\xff\xff" + bytes(32))
    with pytest.raises(ValueError):
        name_of(b"bytes")


def test_places_are_those_of_the_registry() -> None:
    assert HANDLES == {"idevid": 0x81020000, "iak": 0x81020001}
    assert CERT_INDICES == {"idevid": 0x01C90200, "iak": 0x01C90100}
    assert [t.cert_index for t in EK_TEMPLATES.values()] == [
        0x01C00002, 0x01C0000A, 0x01C00012, 0x01C00014, 0x01C00016, 0x01C00018, 0x01C0001C, 0x01C0001E,
    ]  # fmt: skip


@needs_swtpm
@pytest.mark.parametrize("id", EK_TEMPLATES)
def test_ek_template_is_the_one_of_another_library(id: str) -> None:
    from tpm2_pytss.internal.templates import ek_template as theirs

    known = theirs.lookup(id)
    assert known.template.publicArea.marshal() == ek_template(id)
    assert known.cert_index == EK_TEMPLATES[id].cert_index
