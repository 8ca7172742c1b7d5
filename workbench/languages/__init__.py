"""The words of the faces in the language of whoever reads them: a gettext catalogue, msgid = English.

`_` marks a text and translates it when it is called; `N_` only marks one (for tables made at import, whose
texts are translated where they are shown, with `_`); `ngettext` chooses between one and many.  Fill in values
after translating: `_("{count} left").format(count=3)`.  `said` translates a text that was filled in before:
what an error says, or the title of a step.  `scripts/words` finds all these texts.

This room imports nothing of the workbench, and a language that is not there is no error: then it is English,
because a line must not stand still for the want of words.
"""

from __future__ import annotations

from gettext import NullTranslations
from typing import Final

from workbench.languages.catalogue import Catalogue, load_catalogue

LANGUAGES: Final[dict[str, str]] = {"en": "English", "de": "Deutsch"}
"""What can be chosen: code, and the language's own name for itself."""

_ENGLISH: Final = NullTranslations()
_current: tuple[str, NullTranslations] = ("en", _ENGLISH)


def _(text: str) -> str:
    """`text` in the language that was set; the empty text stays empty."""
    return _current[1].gettext(text) if text else ""


def said(text: str) -> str:
    """A finished English text in the language that was set: what an error says, with its values in it, the
    title of a step, also from another process or from a file.  What is not known of it stays English.
    """
    known = _current[1]
    return known.forms.said(text) if isinstance(known, Catalogue) else text


def N_(text: str) -> str:  # noqa: N802 - the name that all gettext tools know
    """Marks `text` for the catalogue, and is `text` itself."""
    return text


def ngettext(one: str, many: str, count: int) -> str:
    """`one` or `many` in the language that was set; which of them, `count` and the language decide."""
    return _current[1].ngettext(one, many, count)


def supported(name: str) -> str | None:
    """The code in LANGUAGES that `name` means ("de", "de_AT.UTF-8", "DE-de"), None where there is none."""
    code = name.strip().replace("-", "_").split(".")[0].split("_")[0].lower()
    if code in ("c", "posix"):
        return "en"
    return code if code in LANGUAGES else None


def set_language(name: str) -> str:
    """All words from now on in the language that `name` means, for the whole process.

    Returns the code of the language that is really used: "en" where there is no such one.
    """
    global _current
    code = supported(name) or "en"
    loaded = load_catalogue(code) if code != "en" else None
    _current = (code, loaded) if loaded is not None else ("en", _ENGLISH)
    return _current[0]


def language() -> str:
    """Code of the language that is used now."""
    return _current[0]
