"""What a forgery is, and for which profiles it makes sense.  Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workbench.images.profile import Profile
from workbench.images.reasons import Reason
from workbench.updates.trials.workshop import Workshop

When = Callable[[Profile], str | None]
"""Why a forgery does not apply to a profile, None where it does."""

STRUCTURE: Final = frozenset({Reason.MAGIC, Reason.SIZE, Reason.TLV, Reason.UNSUPPORTED, Reason.NOT_BOOTABLE})
"""Reasons for which the application already may refuse: it reads an image's form, and knows no keys."""


def always(_: Profile) -> str | None:
    """For every profile."""
    return None


def if_signed(profile: Profile) -> str | None:
    """Images are signed."""
    return None if profile.signer else "the profile signs nothing"


def if_chained(profile: Profile) -> str | None:
    """Signers have certificates."""
    return None if profile.authenticity.chain else "the profile knows no certificates"


def if_mac(profile: Profile) -> str | None:
    """Images carry a MAC."""
    return None if profile.authenticity.method == "mac" else "the profile has no MAC"


def if_authenticated(profile: Profile) -> str | None:
    """Something tells the maker's images from others."""
    return None if profile.authenticity.method != "none" else "nothing authenticates images: see the leaks"


def if_leaky(profile: Profile) -> str | None:
    """Nothing does."""
    return None if profile.authenticity.method == "none" else "images are authenticated"


def if_encrypting(profile: Profile) -> str | None:
    """The unit can decrypt."""
    return None if profile.encryption.method != "none" else "the profile has no encryption"


def if_always_encrypted(profile: Profile) -> str | None:
    """The unit takes no image in the clear."""
    return None if profile.encryption.required else "the profile takes images in the clear too"


def if_counting(profile: Profile) -> str | None:
    """There is a security counter."""
    return None if profile.rollback.counter != "none" else "the profile has no security counter"


def if_no_downgrade(profile: Profile) -> str | None:
    """Lower versions are refused."""
    return "the profile allows older versions" if profile.rollback.allow_version_downgrade else None


def if_product(profile: Profile) -> str | None:
    """Vendor and class count."""
    return None if profile.product.required else "the profile asks for no vendor and class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgery:
    """An attack by an image.

    `reasons` are those for which the board may refuse it: a refusal for another one means that the check
    that should have refused did not.  Empty: the board takes it, as the profile warns.  `host` is the same
    for our own verifier, which speaks for more kinds of devices; NONE in it: it may accept.
    """

    name: str
    title: str
    make: Callable[[Workshop], bytes]
    reasons: frozenset[Reason]
    host: frozenset[Reason]
    when: When = always
    application: bool = False
    """The application alone must refuse it; the bootloader would have nothing against it."""

    @property
    def shows(self) -> bool:
        """Whether it succeeds, and is there to be seen."""
        return not self.reasons and not self.application

    @property
    def structural(self) -> bool:
        """Whether the application may refuse it already."""
        return self.application or bool(self.reasons & STRUCTURE)

    @property
    def expected(self) -> str:
        """In words."""
        if self.application:
            return "refused by the application"
        if self.shows:
            return "accepted, as the profile warns"
        return "refused: " + " or ".join(sorted(reason.word for reason in self.reasons))


def forged(
    name: str,
    title: str,
    make: Callable[[Workshop], bytes],
    *reasons: Reason,
    when: When = always,
    host: tuple[Reason, ...] | None = None,
    application: bool = False,
) -> Forgery:
    """A forgery; `host` where our own verifier differs."""
    return Forgery(
        name=name,
        title=title,
        make=make,
        reasons=frozenset(reasons),
        host=frozenset(reasons or (Reason.NONE,)) if host is None else frozenset(host),
        when=when,
        application=application,
    )


def also(*conditions: When) -> When:
    """All of them must hold."""

    def check(profile: Profile) -> str | None:
        return next((why for condition in conditions if (why := condition(profile)) is not None), None)

    return check
