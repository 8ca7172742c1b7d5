"""Hierarchies: authorizations, dictionary-attack protection, Clear, and what ends an identity for ever."""

from __future__ import annotations

from tpm2_pytss.types import TPM2B_AUTH

from workbench.wires.tpm.connection import AUTH, AUTH_IN
from workbench.wires.tpm.errors import TpmValueInvalid
from workbench.wires.tpm.keys import KeyCommands
from workbench.wires.tpm.values import Hierarchy


class HierarchyCommands(KeyCommands):
    """Commands about whole hierarchies."""

    def use_auth(self, hierarchy: Hierarchy, auth: bytes) -> None:
        """Authorizes with `auth` from now on, instead of the empty authorization.  Sends nothing."""
        try:
            self._esapi.tr_set_auth(self._hierarchy(hierarchy), TPM2B_AUTH(auth))
        except IndexError as error:
            raise TpmValueInvalid(f"an authorization of {len(auth)} bytes is too long") from error

    def change_auth(self, hierarchy: Hierarchy, new: bytes) -> None:
        """HierarchyChangeAuth, and use `new` from now on.  Without `secure` it crosses the wire in clear."""
        self._call(
            "HierarchyChangeAuth",
            lambda session: self._esapi.hierarchy_change_auth(
                self._hierarchy(hierarchy), TPM2B_AUTH(new), session1=session
            ),
            AUTH_IN,
        )
        self.use_auth(hierarchy, new)

    def da_parameters(self, max_tries: int, interval_s: int, lockout_recovery_s: int) -> None:
        """DictionaryAttackParameters, by the lockout authorization."""
        self._call(
            "DictionaryAttackParameters",
            lambda session: self._esapi.dictionary_attack_parameters(
                max_tries, interval_s, lockout_recovery_s, session1=session
            ),
            AUTH,
        )

    def da_lock_reset(self) -> None:
        """DictionaryAttackLockReset, by the lockout authorization."""
        self._call(
            "DictionaryAttackLockReset",
            lambda session: self._esapi.dictionary_attack_lock_reset(session1=session),
            AUTH,
        )

    def clear_control(self, *, disable: bool, auth: Hierarchy = Hierarchy.LOCKOUT) -> None:
        """ClearControl; only the platform may enable Clear again."""
        self._call(
            "ClearControl",
            lambda session: self._esapi.clear_control(self._hierarchy(auth), disable, session1=session),
            AUTH,
        )

    def clear(self, auth: Hierarchy = Hierarchy.LOCKOUT) -> None:
        """Clear: owner's objects and indices, and the authorizations, are gone."""
        self._call("Clear", lambda session: self._esapi.clear(self._hierarchy(auth), session1=session), AUTH)
        self._objects = {handle: tr for handle, tr in self._objects.items() if handle >> 24 == 0x80}

    def change_eps(self) -> None:
        """ChangeEPS: a new endorsement seed.  Every key of the identity is gone for ever."""
        self._call(
            "ChangeEPS",
            lambda session: self._esapi.change_eps(self._hierarchy(Hierarchy.PLATFORM), session1=session),
            AUTH,
        )

    def clock_set(self, clock_ms: int) -> None:
        """ClockSet by the owner: forward only; safe again once beyond what the TPM may have shown."""
        owner = self._hierarchy(Hierarchy.OWNER)
        self._call("ClockSet", lambda session: self._esapi.clock_set(clock_ms, owner, session1=session), AUTH)

    def hierarchy_control(
        self, enable: Hierarchy, *, state: bool, auth: Hierarchy = Hierarchy.PLATFORM
    ) -> None:
        """HierarchyControl: switches a hierarchy on or off; the platform comes back with the next Startup."""
        self._call(
            "HierarchyControl",
            lambda session: self._esapi.hierarchy_control(
                self._hierarchy(auth), self._hierarchy(enable), state, session1=session
            ),
            AUTH,
        )
