"""Objects: create, keep, certify, sign, quote, activate a credential."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tpm2_pytss.constants import ESYS_TR, TPM2_ALG, TPM2_CC, TPM2_SE
from tpm2_pytss.types import (
    TPM2B_DIGEST,
    TPM2B_ENCRYPTED_SECRET,
    TPM2B_ID_OBJECT,
    TPM2B_PUBLIC,
    TPM2B_SENSITIVE,
    TPML_DIGEST,
    TPMT_PUBLIC,
    TPMT_SENSITIVE,
    TPMT_SIG_SCHEME,
    TPMT_TK_CREATION,
    TPMT_TK_HASHCHECK,
)

from workbench.wires.tpm.connection import AUTH, AUTH_BOTH, AUTH_IN, EXTRA_BOTH, EXTRA_OUT
from workbench.wires.tpm.errors import TpmRefused
from workbench.wires.tpm.nv import NvCommands
from workbench.wires.tpm.state import pcr_selection
from workbench.wires.tpm.values import (
    ALG_NULL,
    ALG_SHA256,
    Attested,
    Created,
    EkKind,
    First,
    Hashed,
    Hierarchy,
    KeyPolicy,
    Public,
)

NO_SCHEME: Final = TPMT_SIG_SCHEME(scheme=TPM2_ALG.NULL)


class KeyCommands(NvCommands):
    """Keys of the endorsement hierarchy and what they attest."""

    def create_primary(self, hierarchy: Hierarchy, template: bytes, outside_info: bytes = b"") -> Created:
        """CreatePrimary of a TPMT_PUBLIC with an empty authorization; the object is transient."""
        area = TPM2B_PUBLIC(publicArea=self._structure(TPMT_PUBLIC, template, "the template"))
        tr, public, data, digest, ticket = self._call(
            "CreatePrimary",
            lambda session: self._esapi.create_primary(
                None, area, self._hierarchy(hierarchy), outside_info, session1=session
            ),
            AUTH_BOTH,
        )
        handle = self._adopt(tr)
        self._publics[handle] = made = public.publicArea.marshal()
        return Created(
            handle=handle,
            public=made,
            name=self._wire.names.of(handle),
            creation_data=data.creationData.marshal(),
            creation_hash=bytes(digest),
            ticket=ticket.marshal(),
        )

    def load_external(self, public: bytes, sensitive: bytes | None = None) -> int:
        """LoadExternal of a TPMT_PUBLIC, with a TPMT_SENSITIVE if both parts are known; its handle."""
        area = TPM2B_PUBLIC(publicArea=self._structure(TPMT_PUBLIC, public, "the public area"))
        private = None
        if sensitive is not None:
            private = TPM2B_SENSITIVE(
                sensitiveArea=self._structure(TPMT_SENSITIVE, sensitive, "the sensitive area")
            )
        hierarchy = self._hierarchy(Hierarchy.NULL)
        tr = self._call("LoadExternal", lambda _: self._esapi.load_external(area, private, hierarchy))
        return self._adopt(tr)

    def read_public(self, handle: int) -> Public | None:
        """ReadPublic; None where there is no such object.

        In a salted session the command's HMAC covers the object's Name, as in `nv_public`.
        """
        if self.is_secure and handle in self._objects:
            with contextlib.suppress(TpmRefused):
                return self._read_public(handle)
        if handle >> 24 == First.PERSISTENT >> 24:
            self._objects.pop(handle, None)
        if not self._exists(self._object, handle):
            return None
        return self._read_public(handle)

    def _read_public(self, handle: int) -> Public:
        tr = self._object(handle)
        public, name, _ = self._call(
            "ReadPublic", lambda session: self._esapi.read_public(tr, session1=session), EXTRA_OUT
        )
        return Public(public.publicArea.marshal(), bytes(name))

    def evict(self, handle: int, persistent: int, hierarchy: Hierarchy = Hierarchy.OWNER) -> None:
        """EvictControl: keeps the object `handle` at `persistent`; the same number twice removes it."""
        tr = self._object(handle)
        kept = self._call(
            "EvictControl",
            lambda session: self._esapi.evict_control(
                self._hierarchy(hierarchy), tr, persistent, session1=session
            ),
            AUTH,
        )
        if handle == persistent:
            self._objects.pop(persistent, None)
        else:
            self._objects[persistent] = kept

    # -- attestation

    def certify(self, handle: int, signer: int, qualifying: bytes, policy: KeyPolicy | None) -> Attested:
        """Certify the object `handle` with the key `signer`.

        The object's ADMIN role comes from a policy session; without `policy` from its empty authorization,
        which a key with adminWithPolicy refuses (0x124).
        """
        key, by = self._object(handle), self._object(signer)
        with self._policy(policy, TPM2_CC.Certify) as role:
            attest, signature = self._call(
                "Certify",
                lambda session: self._esapi.certify(
                    key, by, qualifying, NO_SCHEME, session1=role, session2=session
                ),
                AUTH_BOTH,
            )
        return Attested(bytes(attest), signature.marshal())

    def certify_creation(self, signer: int, created: Created, handle: int, qualifying: bytes) -> Attested:
        """CertifyCreation: `signer` says that the TPM made the object, now loaded as `handle`, with
        `created`'s creation data.
        """
        by, key = self._object(signer), self._object(handle)
        ticket = self._structure(TPMT_TK_CREATION, created.ticket, "the creation ticket")
        attest, signature = self._call(
            "CertifyCreation",
            lambda session: self._esapi.certify_creation(
                by, key, qualifying, created.creation_hash, NO_SCHEME, ticket, session1=session
            ),
            AUTH_BOTH,
        )
        return Attested(bytes(attest), signature.marshal())

    def quote(self, handle: int, qualifying: bytes, banks: Mapping[int, Sequence[int]]) -> Attested:
        """Quote of PCR numbers by bank (hash algorithm)."""
        key = self._object(handle)
        attest, signature = self._call(
            "Quote",
            lambda session: self._esapi.quote(
                key, pcr_selection(banks), qualifying, NO_SCHEME, session1=session
            ),
            AUTH_BOTH,
        )
        return Attested(bytes(attest), signature.marshal())

    def sign(
        self,
        handle: int,
        digest: bytes,
        hash_alg: int = ALG_SHA256,
        *,
        scheme: int = ALG_NULL,
        ticket: bytes | None = None,
    ) -> bytes:
        """Sign a digest: TPMT_SIGNATURE.  `scheme` (such as 0x0014 RSASSA) where the key leaves it open;
        a restricted key needs the `ticket` of `hash`.
        """
        key = self._object(handle)
        how = TPMT_SIG_SCHEME(scheme=scheme)
        if scheme != ALG_NULL:
            how.details.any.hashAlg = hash_alg
        proof = None
        if ticket is not None:
            proof = self._structure(TPMT_TK_HASHCHECK, ticket, "the hash ticket")
        signature = self._call(
            "Sign",
            lambda session: self._esapi.sign(key, TPM2B_DIGEST(digest), how, proof, session1=session),
            AUTH_IN,
        )
        return bytes(signature.marshal())

    def hash(self, data: bytes, hash_alg: int, hierarchy: Hierarchy = Hierarchy.ENDORSEMENT) -> Hashed:
        """Hash up to 1024 bytes inside the TPM, with the ticket that a restricted key wants."""
        digest, ticket = self._call(
            "Hash",
            lambda session: self._esapi.hash(
                data, TPM2_ALG(hash_alg), self._hierarchy(hierarchy), session1=session
            ),
            EXTRA_BOTH,
        )
        return Hashed(bytes(digest), ticket.marshal())

    def activate_credential(
        self,
        key: int,
        ek: int,
        blob: bytes,
        secret: bytes,
        *,
        key_policy: KeyPolicy | None,
        ek_kind: EkKind,
    ) -> bytes:
        """ActivateCredential: the secret that MakeCredential closed up for `ek` and the Name of `key`.

        `blob` is a TPM2B_ID_OBJECT, `secret` a TPM2B_ENCRYPTED_SECRET, both with their sizes.
        """
        box = self._structure(TPM2B_ID_OBJECT, blob, "the credential blob")
        seed = self._structure(TPM2B_ENCRYPTED_SECRET, secret, "the encrypted secret")
        key_tr, ek_tr = self._object(key), self._object(ek)
        with self._policy(key_policy, TPM2_CC.ActivateCredential) as role, self._ek_auth(ek_kind) as user:
            opened = self._call(
                "ActivateCredential",
                lambda session: self._esapi.activate_credential(
                    key_tr, ek_tr, box, seed, session1=role, session2=user, session3=session
                ),
                EXTRA_BOTH,
            )
        return bytes(opened)

    # -- policy sessions

    @contextlib.contextmanager
    def _policy(self, policy: KeyPolicy | None, command: int) -> Iterator[Any]:
        """A session that satisfies the command's branch of a DevID policy (TCG DevID, 7.3.6):
        PolicySecret(endorsement), PolicyCommandCode(command), PolicyOR(branches).
        """
        if policy is None:
            yield ESYS_TR.PASSWORD
            return
        with self._session_for(TPM2_SE.POLICY, policy.hash_alg) as session:
            self._policy_secret(session)
            self._call("PolicyCommandCode", lambda _: self._esapi.policy_command_code(session, command))
            branches = TPML_DIGEST([TPM2B_DIGEST(branch) for branch in policy.branches])
            self._call("PolicyOR", lambda _: self._esapi.policy_or(session, branches))
            yield session

    @contextlib.contextmanager
    def _ek_auth(self, kind: EkKind) -> Iterator[Any]:
        """USER role of an EK: PolicySecret(endorsement) for the low range, a password for the high."""
        if kind == "H":
            yield ESYS_TR.PASSWORD
            return
        with self._session_for(TPM2_SE.POLICY, ALG_SHA256) as session:
            self._policy_secret(session)
            yield session

    def _policy_secret(self, session: Any) -> None:
        by = self._hierarchy(Hierarchy.ENDORSEMENT)
        self._call(
            "PolicySecret",
            lambda auth: self._esapi.policy_secret(by, session, expiration=0, session1=auth),
            AUTH,
        )
