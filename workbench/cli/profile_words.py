"""A security profile in words and as data.  Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from workbench.images.profile import Profile

_AUTHENTICITY: Final = {"none": "nothing", "mac": "HMAC-SHA256"}
_SIGNATURES: Final = {
    "ecdsa-p256": "ECDSA P-256", "rsa-2048": "RSA-2048-PSS", "rsa-3072": "RSA-3072-PSS", "ed25519": "Ed25519",
}  # fmt: skip
_WRAPS: Final = {
    "aes-kw": "AES key wrap", "ecies-p256": "ECIES on P-256", "ecies-x25519": "ECIES on X25519",
    "rsa-oaep-2048": "RSA-OAEP",
}  # fmt: skip
_COUNTERS: Final = {
    "none": "versions only", "write-once": "counter in write-once memory", "tpm": "counter in the TPM",
}  # fmt: skip
_SCOPES: Final = {
    "none": "no shared secret", "fleet": "one secret in the whole fleet", "unit": "a secret in each unit",
}  # fmt: skip
_PROOFS: Final = {
    "none": "cannot prove what it runs", "hmac-sha256": "HMAC-SHA256 over a fresh challenge",
    "ecdsa-p256": "ECDSA signature over a fresh challenge",
}  # fmt: skip


def authenticated(profile: Profile) -> str:
    """How an image is told from a forged one."""
    if profile.signer is None:
        return _AUTHENTICITY[profile.authenticity.method]
    chain = ", X.509 chain" if profile.authenticity.chain else ""
    return f"{_SIGNATURES[profile.signer]}{chain}"


def encrypted(profile: Profile) -> str:
    """How an image is kept from readers."""
    encryption = profile.encryption
    if encryption.method == "none":
        return "not"
    must = "always" if encryption.required else "if wanted"
    return f"AES-{encryption.bits}-CTR, {_WRAPS[encryption.method]}, {must}"


def row(profile: Profile) -> list[str]:
    """The profile in a line of a table."""
    keys = f"{_SCOPES[profile.keys.symmetric]}, in {_place(profile)}"
    rollback = _COUNTERS[profile.rollback.counter]
    return [profile.name, profile.tier, authenticated(profile), encrypted(profile), keys, rollback]


def facts(profile: Profile) -> list[list[str]]:
    """How the profile is made, for a table of two columns."""
    key_pair = {"none": "none", "injected": "made by the station", "generated": "made on the device"}
    older = "may be installed" if profile.rollback.allow_version_downgrade else "are refused"
    consent = profile.consent
    put_off = f", put off at most {consent.max_deferrals} times" if consent.severity == "mandatory" else ""
    return [
        ["hash", "SHA-256"],
        ["authenticated by", authenticated(profile)],
        ["encrypted", encrypted(profile)],
        ["compressed", profile.compression],
        ["shared secrets", _SCOPES[profile.keys.symmetric]],
        ["device's own key pair", key_pair[profile.keys.device_key]],
        ["keys lie in", _place(profile)],
        ["security counter", _COUNTERS[profile.rollback.counter]],
        ["older versions, same counter", older],
        ["other products' images", "are refused" if profile.product.required else "are not told apart"],
        ["proof of what runs", _PROOFS[profile.proof.challenge]],
        ["measured boot", "yes" if profile.proof.measured_boot else "no"],
        ["consent", "not asked" if consent.severity == "none" else f"{consent.severity}{put_off}"],
        ["images", "one for each unit" if profile.per_unit else "one for all units"],
    ]


def value(profile: Profile) -> dict[str, Any]:
    """The profile for `--json`, as in its file."""
    plain: dict[str, Any] = {}
    for item in fields(profile):
        found = getattr(profile, item.name)
        plain[item.name] = found.model_dump() if hasattr(found, "model_dump") else found
    return plain | {
        "path": str(profile.path),
        "protects": list(profile.protects),
        "given_up": list(profile.given_up),
    }


def _place(profile: Profile) -> str:
    return "a TPM" if profile.keys.storage == "tpm" else "protected flash"
