"""Keys in a PKCS#11 token.  The only module that knows python-pkcs11; its exceptions end here.

A session can be lost at any time: the token was unplugged, its server was restarted, another program closed
all sessions.  Then this logs in again, once, and repeats the call; a wrong PIN is never tried twice, for a
token counts the tries.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pkcs11
from asn1crypto import core, keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from workbench.identity.ca.ca_file import Algorithm
from workbench.identity.ca.errors import CaKeyUnavailable
from workbench.identity.ca.key_store import hash_of
from workbench.identity.ca.messages import KeyStoreKind
from workbench.identity.ca.pkcs11_uri import KeyUri
from workbench.identity.ca.token_thread import TokenThread

T = TypeVar("T")

SOFTHSM_MAKERS: Final = ("softhsm",)
_CURVE_NAMES: Final = {"ecdsa-p256": "secp256r1", "ecdsa-p384": "secp384r1"}
_PIN_ERRORS: Final = (
    pkcs11.PinIncorrect,
    pkcs11.PinLocked,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)


class Token:
    """A session with a token, logged in; opened again when it was lost."""

    def __init__(self, module: str, label: str, pin: bytes, *, call_s: float) -> None:
        self._module = module
        self._label = label
        self._pin: bytes | None = pin
        self._thread = TokenThread(call_s=call_s)
        self._session: Any = None
        self._kind: KeyStoreKind = "pkcs11"
        self._users = 0
        self.logins = 0
        """How often this logged in."""
        self._thread.call(lambda: self._translated(self._log_in))

    @property
    def kind(self) -> KeyStoreKind:
        """`softhsm` for a token that is software, `pkcs11` for any other."""
        return self._kind

    def call(self, act: Callable[[Any], T]) -> T:
        """What `act` does with the session; with a new one, once, where the session was lost.

        Raises CaKeyUnavailable, TokenStuck.
        """
        return self._thread.call(lambda: self._translated(lambda: self._with_session(act)))

    def hold(self) -> Token:
        """One more key uses it."""
        self._users += 1
        return self

    def release(self) -> None:
        """One key less; the last one closes the session."""
        self._users -= 1
        if self._users <= 0 and not self._thread.stuck:
            _OPEN.pop((self._module, self._label), None)
            self._thread.call(self._log_out)
            self._thread.end()
            self._pin = None

    def _with_session(self, act: Callable[[Any], T]) -> T:
        if self._session is None:
            self._log_in()
        try:
            return act(self._session)
        except _PIN_ERRORS:
            raise
        except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned, pkcs11.MechanismInvalid):
            raise
        except pkcs11.PKCS11Error:
            self._log_out()
            self._log_in()
            return act(self._session)

    def _log_in(self) -> None:
        library = pkcs11.lib(self._module)
        try:
            token = library.get_token(token_label=self._label)
            self._session = token.open(rw=True, user_pin=self._pin_text())
        except pkcs11.UserAlreadyLoggedIn:
            self._session = token.open(rw=True)
        except (*_PIN_ERRORS, pkcs11.MultipleTokensReturned):
            raise
        except pkcs11.PKCS11Error:
            _start_again(library)
            token = library.get_token(token_label=self._label)
            self._session = token.open(rw=True, user_pin=self._pin_text())
        self.logins += 1
        maker = f"{token.manufacturer_id} {token.model}".casefold()
        self._kind = "softhsm" if any(name in maker for name in SOFTHSM_MAKERS) else "pkcs11"

    def _pin_text(self) -> str:
        return (self._pin or b"").decode(errors="replace")

    def _log_out(self) -> None:
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        except pkcs11.PKCS11Error:
            return

    def _translated(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except _PIN_ERRORS as error:
            raise CaKeyUnavailable(
                f"the token '{self._label}' does not accept this PIN ({type(error).__name__})",
                cause="a wrong PIN, or a token that locked itself after wrong ones",
                action="give the right PIN; a token counts wrong ones and locks itself",
            ) from None
        except (pkcs11.PKCS11Error, RuntimeError, AttributeError) as error:
            raise CaKeyUnavailable(
                f"the token '{self._label}' cannot be used: {type(error).__name__} {error}".rstrip(),
                cause="the module was not found, the token was removed, or the key is not in it",
                action="check the module's path and the token's label in ca.toml, and the token itself",
            ) from error


_OPEN: Final[dict[tuple[str, str], Token]] = {}
"""Tokens in use: keys of one token share a session, for a login holds for the whole process."""


def open_token(uri: KeyUri, pin: bytes, *, call_s: float = 10) -> Token:
    """The token, logged in; raises CaKeyUnavailable."""
    known = _OPEN.get((uri.module, uri.token))
    if known is None:
        known = _OPEN[(uri.module, uri.token)] = Token(uri.module, uri.token, pin, call_s=call_s)
    return known


def make_signing_key(token: Token, name: str, algorithm: Algorithm) -> None:
    """A key pair made in the token, which never leaves it; raises CaKeyUnavailable if the name is taken."""
    curve = encode_named_curve_parameters(_CURVE_NAMES[algorithm])

    def make(session: Any) -> None:
        domain = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
        domain.generate_keypair(
            store=True,
            label=name,
            id=_id(name),
            mechanism=Mechanism.EC_KEY_PAIR_GEN,
            private_template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.SIGN: True,
                Attribute.DERIVE: False,
            },
        )

    _refuse_taken(token, name)
    token.call(make)


def make_secret_key(token: Token, name: str) -> None:
    """A secret for HMAC made in the token, which never leaves it; raises CaKeyUnavailable."""

    def make(session: Any) -> None:
        session.generate_key(
            KeyType.GENERIC_SECRET,
            256,
            store=True,
            label=name,
            id=_id(name),
            mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
            template={
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.SIGN: True,
                Attribute.VALUE_LEN: 32,
            },
        )

    _refuse_taken(token, name)
    token.call(make)


def remove_keys(token: Token, names: tuple[str, ...]) -> None:
    """Destroys the keys of those names: what a CA that was not finished left in the token."""

    def remove(session: Any) -> None:
        for name in names:
            for found in list(session.get_objects({Attribute.LABEL: name, Attribute.ID: _id(name)})):
                found.destroy()

    token.call(remove)


class Pkcs11SigningKey:
    """A signing key in a token."""

    def __init__(self, token: Token, uri: KeyUri) -> None:
        self._token = token.hold()
        self._name = uri.object
        try:
            self._public = self._token.call(self._find_public)
        except BaseException:
            self._token.release()
            raise

    @property
    def kind(self) -> KeyStoreKind:
        """The token's."""
        return self._token.kind

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its other half."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """As SigningKey says.  A token's answer is checked before it is believed."""
        algorithm = hash_of(self._public.curve)
        digest = hashlib.new(algorithm.name, data).digest()
        raw = self._token.call(lambda session: self._private(session).sign(digest, mechanism=Mechanism.ECDSA))
        half = len(raw) // 2
        signature = encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
        try:
            self._public.verify(signature, data, ec.ECDSA(algorithm))
        except InvalidSignature:
            raise CaKeyUnavailable("the token made a signature that does not verify") from None
        return signature

    def close(self) -> None:
        """Gives the session back."""
        self._token.release()

    def _private(self, session: Any) -> Any:
        return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=self._name, id=_id(self._name))

    def _find_public(self, session: Any) -> ec.EllipticCurvePublicKey:
        found = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=self._name, id=_id(self._name))
        curve = keys.ECDomainParameters.load(found[Attribute.EC_PARAMS]).native
        point = core.OctetString.load(found[Attribute.EC_POINT]).native
        kinds = {"secp256r1": ec.SECP256R1(), "secp384r1": ec.SECP384R1()}
        if curve not in kinds:
            raise CaKeyUnavailable(f"the token's key '{self._name}' is neither on P-256 nor on P-384")
        return ec.EllipticCurvePublicKey.from_encoded_point(kinds[curve], point)


class Pkcs11SecretKey:
    """A secret in a token."""

    def __init__(self, token: Token, uri: KeyUri) -> None:
        self._token = token.hold()
        self._name = uri.object

    def derive(self, data: bytes) -> bytes:
        """As SecretKey says."""
        made: bytes = self._token.call(
            lambda session: session.get_key(
                object_class=ObjectClass.SECRET_KEY, label=self._name, id=_id(self._name)
            ).sign(data, mechanism=Mechanism.SHA256_HMAC)
        )
        return made

    def close(self) -> None:
        """Gives the session back."""
        self._token.release()


def _start_again(library: Any) -> None:
    """Initialises the module anew, also where somebody else in this process ended it."""
    with contextlib.suppress(pkcs11.PKCS11Error):
        library.finalize()
    library.initialize()


def _refuse_taken(token: Token, name: str) -> None:
    taken = token.call(lambda session: len(list(session.get_objects({Attribute.LABEL: name}))))
    if taken:
        raise CaKeyUnavailable(
            f"the token has a key called '{name}' already",
            cause="the token holds another CA's keys",
            action="use another token, or another --name",
        )


def _id(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:8]
