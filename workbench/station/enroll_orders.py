"""What is wanted of a unit, as the order that its kind's flow takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.identity.mcu.means import Order as McuOrder
    from workbench.identity.tpm_enroll.means import Order as TpmOrder
    from workbench.identity.tpm_enroll.recipe import Escrow, Recipe
    from workbench.images.keys import KeyFolder
    from workbench.station.enroll import TpmWanted, Wanted

IMAGE_DIGEST_BYTES: Final = 32
"""What a unit attests of a hash: a SHA-512 is cut."""


class TemplateUnknown(InputError):
    """A template or allowance is misspelt."""

    code = "enrolment-option-unknown"
    default_cause = "a misspelt name"
    default_action = "see `workbench identity enroll --help`"


def tpm_order(wanted: Wanted, target: str) -> TpmOrder:
    """The order for a unit with a TPM.  Raises what `tpm_recipe` raises."""
    from workbench.identity.tpm_enroll.means import Order

    return Order(
        serial=wanted.serial,
        target=target,
        station=wanted.station,
        recipe=tpm_recipe(wanted),
        permit_lock=wanted.permit_lock,
        label_ek=wanted.label,
        rma=wanted.rma,
        off_s=wanted.off_s,
    )


def mcu_order(wanted: Wanted, folder: KeyFolder | None, *, known: bool = False) -> McuOrder:
    """The order for a microcontroller.  `known`: one that is enrolled, whose certificate must lead to the CA
    in `wanted.ca`.

    Raises ReleaseInvalid, ImageFileUnreadable, CaFolderInvalid.
    """
    from workbench.station.enroll_mcu import Order, challenge_key_from

    more: dict[str, Any] = {}
    if folder is not None:
        more["challenge_key"] = challenge_key_from(folder)
    if known:
        more["chain"] = ca_chain(wanted)
    if wanted.image is not None:
        from workbench.images import files
        from workbench.updates.release import release_of

        release = release_of(files.read(wanted.image))
        more |= {"image": release.digest[:IMAGE_DIGEST_BYTES], "version": str(release.version)}
    return Order(
        serial=wanted.serial,
        model=wanted.model,
        station=wanted.station,
        permit_lock=wanted.permit_lock,
        rma=wanted.rma,
        label_chip=wanted.label,
        off_s=wanted.off_s,
        **more,
    )


def key_folder(wanted: Wanted) -> KeyFolder | None:
    """The key folder of units of tier 1 and 1+; raises KeyMissing."""
    from workbench.images import keys

    return None if wanted.keys is None else keys.load(wanted.keys, wanted.keys_passphrase)


def ca_chain(wanted: Wanted) -> tuple[bytes, ...]:
    """The CA's certificates in DER, its root last; raises CaFolderInvalid."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from workbench.identity.ca.opened import read_chain

    return tuple(found.public_bytes(Encoding.DER) for found in read_chain(wanted.ca))


def tpm_recipe(wanted: Wanted) -> Recipe:
    """The recipe for a unit with a TPM.  Raises TemplateUnknown, EscrowKeyInvalid, CaFolderInvalid."""
    from workbench.identity.tpm.templates import SHAPES, variant_names
    from workbench.identity.tpm_enroll.recipe import ALLOWANCES, Recipe

    asked = wanted.tpm
    if asked.template not in SHAPES:
        raise TemplateUnknown(f"there is no template {asked.template}; there are: {', '.join(SHAPES)}")
    form = next((v for v in variant_names(asked.template) if v == asked.unique), None)
    if asked.unique is not None and form is None:
        known = ", ".join(variant_names(asked.template))
        raise TemplateUnknown(f"template {asked.template} has no form {asked.unique}; it has: {known}")
    if unknown := sorted(asked.allow - ALLOWANCES.keys()):
        raise TemplateUnknown(f"nothing is called {unknown[0]}; may be allowed: {', '.join(ALLOWANCES)}")
    return Recipe(
        model=wanted.model,
        template=asked.template,
        unique=form,
        escrow=_escrow(asked),
        manufacturers=asked.manufacturers,
        ek=_ek_policy(wanted),
        allow=asked.allow,
    )


def _escrow(asked: TpmWanted) -> Escrow | None:
    from workbench.identity.tpm_enroll.escrow import load_escrow_key
    from workbench.identity.tpm_enroll.recipe import Escrow
    from workbench.images import files

    if asked.escrow_key is None or asked.escrow_folder is None:
        return None
    pem = files.read(asked.escrow_key, max_bytes=files.MAX_KEY_FILE_BYTES)
    return Escrow(load_escrow_key(pem), asked.escrow_folder)


def _ek_policy(wanted: Wanted) -> Any:
    """What the CA believes; with `vendor_roots` those vendors instead."""
    from dataclasses import replace

    from workbench.identity.ca.ca_file import read_ca_file
    from workbench.identity.ca.vendors import ek_policy
    from workbench.identity.tpm.policy import EkMode
    from workbench.station.evidence import load_certificates

    policy = ek_policy(wanted.ca, read_ca_file(wanted.ca).tpm)
    if wanted.tpm.vendor_roots is None:
        return policy
    roots = tuple(load_certificates(wanted.tpm.vendor_roots))
    mode = EkMode.REQUIRE_CERTIFICATE if policy.mode is EkMode.REFUSE else policy.mode
    return replace(policy, roots=roots, mode=mode)
