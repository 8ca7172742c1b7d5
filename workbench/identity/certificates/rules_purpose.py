"""Rules for CAs, signers of releases and servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workbench.identity.certificates import oids
from workbench.identity.certificates.contradictions import CA_KINDS
from workbench.identity.certificates.fields import DNS_NAME
from workbench.identity.certificates.rule import Case, rule


@rule("ca-powers", "RFC 5280 sections 4.2.1.3 and 4.2.1.9", kinds=CA_KINDS)
def ca_powers(case: Case) -> Iterator[str]:
    """A CA says so, signs certificates and CRLs, and limits the CAs below it."""
    constraints = case.view.constraints
    if constraints is None or not constraints[0]:
        yield "basic constraints do not say CA"
    elif case.profile.kind == "issuing" and constraints[1] != 0:
        yield "an issuing CA may have CAs below it"
    if not case.view.key_usage >= {"keyCertSign", "cRLSign"}:
        yield "its key may not sign certificates and CRLs"


@rule("ca-policies", "RFC 5280 sections 4.2.1.4 and 6.1.3 (d)", kinds=("issuing",))
def ca_policies(case: Case) -> Iterator[str]:
    """An issuing CA lets the policies below it hold (anyPolicy)."""
    if oids.ANY_POLICY not in case.view.policies:
        yield "without anyPolicy no policy below it holds in a path"


@rule("release-signer", "docs/images.md, what `verify` looks at (4)", kinds=("release-signer",))
def release_signer(case: Case) -> Iterator[str]:
    """What a device checks of a signer: digitalSignature, code signing, says that it is no CA."""
    if "digitalSignature" not in case.view.key_usage:
        yield "key usage has no digitalSignature"
    if case.view.purposes != (oids.EKU_CODE,):
        yield "extended key usage is not code signing alone"
    if case.view.constraints != (False, None):
        yield "basic constraints do not say that it is no CA"


@rule("server-names", "RFC 9525 section 6.3; RFC 5280 section 4.2.1.6", kinds=("update-server",))
def server_names(case: Case) -> Iterator[str]:
    """A server has a DNS name or an IP address, no wildcards, and no other name in its commonName."""
    names = {n.value.decode("latin-1") for n in case.view.alt_names if n.kind == "dns_name"}
    addresses = [n.value for n in case.view.alt_names if n.kind == "ip_address"]
    if not names and not addresses:
        yield "it has neither a DNS name nor an IP address"
    for name in sorted(names):
        if not DNS_NAME.match(name):
            yield f"{name!r} is no DNS name in lower case without wildcards"
    if any(len(address) not in (4, 16) for address in addresses):
        yield "an IP address has neither 4 nor 16 bytes"
    for attribute in case.view.attributes:
        looks_like_one = "." in attribute.text and DNS_NAME.match(attribute.text)
        if attribute.oid == oids.COMMON_NAME and looks_like_one and names and attribute.text not in names:
            yield "commonName is a DNS name that is not among the alternative names"


@rule("server-purpose", "RFC 5280 section 4.2.1.12", kinds=("update-server",))
def server_purpose(case: Case) -> Iterator[str]:
    """A server authenticates itself and does nothing else."""
    if case.view.purposes != (oids.EKU_SERVER,):
        yield "extended key usage is not serverAuth alone"


RULES: Final = (ca_powers, ca_policies, release_signer, server_names, server_purpose)
