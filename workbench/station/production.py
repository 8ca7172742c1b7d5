"""A production line uses nothing that was made for tests: looked up before anything is written.

    with only_for_production(wanted):     # CA, tokens, the station's key, escrow key, key folder
        refuse_software_tpm(held)         # the TPM in the slot, by what it says of itself

What counts as made for tests is decided in `identity.certificates.production`; here it is collected.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.identity.certificates.production import Material, refuse_production

if TYPE_CHECKING:
    from workbench.identity.ca.messages import CaStatus
    from workbench.images.keys import KeyFolder
    from workbench.station.enroll import Wanted
    from workbench.station.slots import Held


@contextmanager
def only_for_production(wanted: Wanted) -> Iterator[None]:
    """Holds the CA open for the body, so that the one that was looked at is the one that answers.

    Raises NotForProduction, CaUnreachable, CaFolderInvalid, EvidenceKeyUnusable, EscrowKeyInvalid,
    KeyMissing.
    """
    from workbench.identity.ca.client import open_ca

    with open_ca(wanted.ca, wanted.ca_passphrase) as ca:
        refuse_production(material_of(wanted, ca.status()))
        yield


def material_of(wanted: Wanted, status: CaStatus) -> Material:
    """What a run would use, apart from the unit itself: `status` is what the CA's worker says of itself."""
    from workbench.station.enroll_orders import ca_chain, key_folder
    from workbench.station.evidence import load_chain

    folder = key_folder(wanted)
    signers = () if folder is None else _signers(folder)
    chains = (*ca_chain(wanted), *status.chain, status.root, *load_chain(wanted.evidence), *signers)
    return Material(
        certificates=tuple(dict.fromkeys(chains)),
        public_keys=_escrow_keys(wanted),
        key_store=status.key_store,
        token=_token_texts(wanted),
        test_keys=() if folder is None or not folder.is_test else (str(folder.path),),
    )


def refuse_software_tpm(held: Held) -> None:
    """Reads who made the slot's TPM and all its EK certificates.  Raises NotForProduction, SlotLacks, and
    what the TPM raises.
    """
    from workbench.identity.tpm_enroll.ek import certificates
    from workbench.wires.tpm.tpm import open_tpm

    with open_tpm(held.slot.need_tpm(), check=held.check) as tpm:
        tpm.startup()
        found = tpm.properties()
        material = Material(
            tpm_manufacturer=found.manufacturer, tpm_vendor=found.vendor, ek_certificates=certificates(tpm)
        )
    refuse_production(material)


def _signers(folder: KeyFolder) -> tuple[bytes, ...]:
    """Certificates of the key folder's own signer, in DER."""
    from workbench.images.certificates import der

    root = (der(folder.root_certificate),) if folder.has("root.cert.pem") else ()
    return (*root, *(folder.signer_chain if folder.has("signer.chain.pem") else ()))


def _escrow_keys(wanted: Wanted) -> tuple[bytes, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from workbench.identity.tpm_enroll.escrow import load_escrow_key
    from workbench.images import files

    if wanted.tpm.escrow_key is None:
        return ()
    key = load_escrow_key(files.read(wanted.tpm.escrow_key, max_bytes=files.MAX_KEY_FILE_BYTES))
    return (key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),)


def _token_texts(wanted: Wanted) -> tuple[str, ...]:
    """Module and label of every token that the CA's keys are in."""
    from workbench.identity.ca.ca_file import read_ca_file
    from workbench.identity.ca.pkcs11_uri import parse_uri

    keys = read_ca_file(wanted.ca).keys
    found = [parse_uri(uri) for uri in (keys.root, keys.issuing, keys.enrolment) if uri.startswith("pkcs11:")]
    return tuple(dict.fromkeys(text for uri in found for text in (uri.module, uri.token)))
