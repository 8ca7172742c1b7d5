"""PKCS#11 URIs (RFC 7512), as far as a key in a token needs them.  A PIN has no place in one.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

from workbench.identity.ca.errors import CaFolderInvalid

_SAFE: Final = "/-._~:[]@!$'()*+,="
_KNOWN: Final = frozenset({"token", "object", "module-path"})


@dataclass(frozen=True, slots=True)
class KeyUri:
    """A key in a token: the module's path, the token's label, the key's label."""

    module: str
    token: str
    object: str = ""

    def __str__(self) -> str:
        path = f"token={quote(self.token, _SAFE)};object={quote(self.object, _SAFE)}"
        return f"pkcs11:{path}?module-path={quote(self.module, _SAFE)}"

    def named(self, name: str) -> KeyUri:
        """The same token's key of that name."""
        return replace(self, object=name)


def parse_uri(text: str) -> KeyUri:
    """The URI's parts; raises CaFolderInvalid where one is missing, twice there, or not known here."""
    scheme, colon, rest = text.partition(":")
    path, _, query = rest.partition("?")
    parts: dict[str, str] = {}
    for item in [*path.split(";"), *query.split("&")]:
        name, equals, value = item.partition("=")
        if not item:
            continue
        if not equals or name not in _KNOWN or name in parts:
            raise _wrong(
                f"'{name[:40]}' has no place in it" if name not in parts else f"'{name}' is twice there"
            )
        parts[name] = unquote(value, errors="strict")
    missing = [name for name in ("token", "object", "module-path") if not parts.get(name)]
    if scheme != "pkcs11" or not colon or missing:
        raise _wrong(f"{', '.join(missing) or 'its scheme'} is missing")
    return KeyUri(parts["module-path"], parts["token"], parts["object"])


def _wrong(why: str) -> CaFolderInvalid:
    return CaFolderInvalid(
        f"a PKCS#11 URI cannot be used: {why}",
        cause="it needs token, object and module-path; a PIN is never written into it",
        action="write it as pkcs11:token=LABEL;object=NAME?module-path=/path/to/module.so",
    )
