"""Requests of units with a TPM: genuine ones from a swtpm, and forged ones from software keys that lie in all
they can.

`Lab.real` asks the TPM, `Lab.soft` needs none; both end in a `Bid`, the arguments of `check_tpm_request`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.tpm_identity_soft import SoftKey, area_of, soft_key
from tests.tpm_identity_vendor import NOW, Vendor
from tests.tpm_lab import started_tpm
from workbench.identity.tpm.checks import check_tpm_request
from workbench.identity.tpm.csr import CsrFields, build_contents, build_csr
from workbench.identity.tpm.ek import ek_template
from workbench.identity.tpm.errors import IdentityRefused
from workbench.identity.tpm.names import digest, name_of, qualified_name
from workbench.identity.tpm.policies import devid_branches
from workbench.identity.tpm.policy import CheckedTpm, TpmPolicy
from workbench.identity.tpm.request import NonceState, TpmFacts, TpmRequest, qualifying_data
from workbench.identity.tpm.structures import (
    GENERATED,
    Alg,
    Attest,
    Certified,
    ClockInfo,
    Created,
    PublicArea,
    RsaKey,
    build_attest,
    build_public,
    parse_public,
)
from workbench.identity.tpm.templates import KINDS, SHAPES, Kind, template
from workbench.wires.tpm.tpm import Tpm
from workbench.wires.tpm.values import Hierarchy, KeyPolicy

SERIAL, MODEL, STATION = "SN-0001", "Gateway 7", "line-3"
REQUEST_ID = "7b1f0f62-5c1e-4b51-9a53-5d2b6f6f0a11"
NONCE = hashlib.sha256(b"a nonce").digest()
QUALIFYING = qualifying_data(NONCE, SERIAL, STATION)
EK_HANDLE = 0x81010002


# -- bids


@dataclass(frozen=True)
class Bid:
    """The arguments of `check_tpm_request`."""

    request: TpmRequest
    policy: TpmPolicy
    nonce: NonceState
    now: datetime = NOW

    def check(self) -> CheckedTpm:
        return check_tpm_request(self.request, self.policy, self.nonce, self.now)

    @property
    def outcome(self) -> str:
        """`accepted`, or the reason of the refusal."""
        try:
            self.check()
        except IdentityRefused as refused:
            return refused.reason
        return "accepted"

    def asking(self, **changes: Any) -> Bid:
        """The same with other values in the request."""
        return replace(self, request=replace(self.request, **changes))

    def told(self, **changes: Any) -> Bid:
        """The same with other things that the TPM is said to have told."""
        return self.asking(properties=replace(self.request.properties, **changes))

    def under(self, **changes: Any) -> Bid:
        """The same under another policy."""
        return replace(self, policy=replace(self.policy, **changes))

    def under_ek(self, **changes: Any) -> Bid:
        """The same under another policy for EKs."""
        return self.under(ek=replace(self.policy.ek, **changes))


@dataclass(frozen=True)
class Parts:
    """What a CSR is made of; `sign` is the IDevID's."""

    idevid: bytes
    iak: bytes
    attest: bytes
    attest_signature: bytes
    creation: bytes
    creation_signature: bytes
    sign: Callable[[bytes], bytes]
    ticket: bytes = b""
    hash_alg: int = Alg.SHA256


def _same(value: bytes) -> bytes:
    return value


@dataclass
class Lab:
    """A swtpm with EK, IDevID and IAK by the template H-2 at persistent handles, and its vendor."""

    tpm: Tpm
    vendor: Vendor
    ek_public: bytes
    ek_cert: bytes
    facts: TpmFacts
    handles: dict[Kind, int] = field(default_factory=dict)
    publics: dict[Kind, bytes] = field(default_factory=dict)
    tickets: dict[Kind, Any] = field(default_factory=dict)
    known: dict[str, Bid] = field(default_factory=dict)

    @property
    def ek_area(self) -> PublicArea:
        return parse_public(self.ek_public)

    def genuine(self) -> Bid:
        """A request that is right in everything, made once."""
        if "genuine" not in self.known:
            self.known["genuine"] = self.real()
        return self.known["genuine"]

    def other(self) -> Bid:
        """As right, from other software keys: of another unit."""
        if "other" not in self.known:
            self.known["other"] = self.soft()
        return self.known["other"]

    # -- from the TPM

    def real(
        self,
        *,
        idevid: PublicArea | None = None,
        iak: PublicArea | None = None,
        idevid_policy: Kind | None = "idevid",
        in_hierarchy: Hierarchy = Hierarchy.ENDORSEMENT,
        qualifying: bytes = QUALIFYING,
        creation_qualifying: bytes = QUALIFYING,
        parts: Callable[[Parts], Parts] = lambda p: p,
        **assembly: Any,
    ) -> Bid:
        """A request with the persistent keys, or with others that the TPM makes by the areas given here."""
        with contextlib.ExitStack() as stack:
            signing = self._key(stack, "idevid", idevid, in_hierarchy)
            attesting = self._key(stack, "iak", iak, in_hierarchy)
            name_alg = parse_public(signing[1]).name_alg
            policy = KeyPolicy(name_alg, devid_branches(idevid_policy, name_alg)) if idevid_policy else None
            seen = self.tpm.certify(signing[0], attesting[0], qualifying, policy)
            made = self.tpm.certify_creation(attesting[0], attesting[2], attesting[0], creation_qualifying)
            whole = Parts(
                idevid=signing[1],
                iak=attesting[1],
                attest=seen.attest,
                attest_signature=seen.signature,
                creation=made.attest,
                creation_signature=made.signature,
                sign=lambda message: self.sign(signing[0], message, name_alg),
                ticket=attesting[2].ticket,
                hash_alg=name_alg,
            )
            return self.assemble(parts(whole), **assembly)

    def _key(
        self, stack: contextlib.ExitStack, kind: Kind, area: PublicArea | None, hierarchy: Hierarchy
    ) -> tuple[int, bytes, Any]:
        if area is None:
            return self.handles[kind], self.publics[kind], self.tickets[kind]
        created = self.tpm.create_primary(hierarchy, build_public(area))
        stack.callback(self.tpm.flush, created.handle)
        return created.handle, created.public, created

    def sign(self, handle: int, message: bytes, hash_alg: int = Alg.SHA256) -> bytes:
        """TPM2_Sign; an RSA key whose template leaves the scheme open signs RSASSA."""
        public = self.tpm.read_public(handle)
        assert public is not None
        area = parse_public(public.public)
        scheme = Alg.RSASSA if isinstance(area.key, RsaKey) else Alg.ECDSA
        chosen = Alg.NULL if area.scheme else scheme
        return self.tpm.sign(handle, digest(hash_alg, message), hash_alg, scheme=chosen)

    # -- from software

    def soft(
        self,
        *,
        idevid: SoftKey | None = None,
        iak: SoftKey | None = None,
        attest: Callable[[Attest], Attest] = lambda a: a,
        creation: Callable[[Attest], Attest] = lambda a: a,
        attest_bytes: Callable[[bytes], bytes] = _same,
        parts: Callable[[Parts], Parts] = lambda p: p,
        **assembly: Any,
    ) -> Bid:
        """A request that no TPM made, with everything as a TPM would have written it, unless it is
        changed here.
        """
        idevid = idevid or soft_key(area_of("idevid"))
        iak = iak or soft_key(area_of("iak"))
        attested = attest_bytes(build_attest(attest(self._attest(idevid, iak))))
        created = build_attest(creation(self._creation(iak)))
        whole = Parts(
            idevid=idevid.public,
            iak=iak.public,
            attest=attested,
            attest_signature=iak.sign(attested),
            creation=created,
            creation_signature=iak.sign(created),
            sign=idevid.sign,
        )
        return self.assemble(parts(whole), **assembly)

    def _attest(self, idevid: SoftKey, iak: SoftKey) -> Attest:
        clock = ClockInfo(123_456, self.facts.reset_count, self.facts.restart_count, True)
        name = name_of(idevid.area)
        said = Certified(name, qualified_name(name))
        return Attest(
            GENERATED, qualified_name(name_of(iak.area)), QUALIFYING, clock, self.facts.firmware, said
        )

    def _creation(self, iak: SoftKey) -> Attest:
        return replace(self._attest(iak, iak), attested=Created(name_of(iak.area), bytes(32)))

    # -- together

    def assemble(
        self,
        parts: Parts,
        *,
        fields: dict[str, bytes] | None = None,
        contents: Callable[[bytes], bytes] = _same,
        csr: Callable[[bytes], bytes] = _same,
        hash_alg: int | None = None,
        signature: bytes | None = None,
        request: dict[str, Any] | None = None,
    ) -> Bid:
        """`fields` change the CSR's, `contents` what is signed, `csr` the whole afterwards."""
        values = {
            "model": MODEL.encode(),
            "serial": SERIAL.encode(),
            "ca_data": NONCE,
            "boot_log": b"",
            "ek_cert": self.ek_cert,
            "iak_public": parts.iak,
            "iak_ticket": parts.ticket,
            "iak_attest": parts.creation,
            "iak_attest_signature": parts.creation_signature,
            "idevid_public": parts.idevid,
            "idevid_attest": parts.attest,
            "idevid_attest_signature": parts.attest_signature,
        }
        inner = contents(
            build_contents(CsrFields(**{**values, **(fields or {})}), hash_alg or parts.hash_alg)
        )
        signed = parts.sign(inner) if signature is None else signature
        asked = TpmRequest(
            request_id=REQUEST_ID,
            serial=SERIAL,
            model=MODEL,
            station=STATION,
            ek_cert=self.ek_cert,
            ek_public=self.ek_public,
            csr=csr(build_csr(inner, signed)),
            properties=self.facts,
            station_time=int(NOW.timestamp()),
        )
        policy = TpmPolicy(ek=self.vendor.policy, templates=frozenset(SHAPES))
        nonce = NonceState(NONCE, int((NOW + timedelta(minutes=10)).timestamp()))
        return Bid(replace(asked, **(request or {})), policy, nonce)

    def with_ek(self, certificate: bytes | None, public: bytes | None = None) -> Bid:
        """The genuine keys beside another EK or another EK certificate, everything signed again."""
        request = {"ek_cert": certificate, "ek_public": public or self.ek_public}
        return self.real(fields={"ek_cert": certificate or b""}, request=request)

    def opens(self, bid: Bid, blob: tuple[bytes, bytes], iak: int) -> bytes:
        """TPM2_ActivateCredential with the lab's EK."""
        area = parse_public(bid.check().iak.public)
        policy = KeyPolicy(area.name_alg, devid_branches("iak", area.name_alg))
        return self.tpm.activate_credential(iak, EK_HANDLE, *blob, key_policy=policy, ek_kind="H")


@contextlib.contextmanager
def open_lab() -> Iterator[Lab]:
    """A new TPM with its keys."""
    with started_tpm() as tpm:
        vendor = Vendor()
        ek = tpm.create_primary(Hierarchy.ENDORSEMENT, ek_template("H-2"))
        tpm.evict(ek.handle, EK_HANDLE)
        tpm.flush(ek.handle)
        lab = Lab(tpm, vendor, ek.public, vendor.certify(parse_public(ek.public)), read_facts(tpm))
        for kind in KINDS:
            chosen = template("H-2", kind)
            created = tpm.create_primary(Hierarchy.ENDORSEMENT, chosen.public, hashlib.sha256(NONCE).digest())
            tpm.evict(created.handle, chosen.handle)
            tpm.flush(created.handle)
            lab.handles[kind], lab.publics[kind], lab.tickets[kind] = chosen.handle, created.public, created
        yield lab


def read_facts(tpm: Tpm) -> TpmFacts:
    """What a station reads in its preflight."""
    told, clock = tpm.properties(), tpm.clock()
    high, low = told.firmware
    return TpmFacts(told.manufacturer, told.vendor, high << 32 | low, clock.reset_count, clock.restart_count)
