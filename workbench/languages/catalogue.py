"""A language's catalogue file (.po) as translations that gettext can look up, made in memory.

Files in the form that programs read (.mo) are not kept: the .po file is the one source.
"""

from __future__ import annotations

import io
from functools import lru_cache
from gettext import GNUTranslations
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from workbench.languages.forms import Forms

if TYPE_CHECKING:
    import polib

DOMAIN = "workbench"
FACES: Final = "workbench/tui/"
"""Texts with fields that only these files use are filled in after they were translated: no forms."""


class Catalogue(GNUTranslations):
    """Translations, and the forms of texts that were filled in before."""

    forms: Forms


def catalogue_file(code: str) -> Traversable:
    """Where the catalogue of that language lies, also in an installed package."""
    return resources.files("workbench.languages") / "locale" / code / "LC_MESSAGES" / f"{DOMAIN}.po"


def load_catalogue(code: str) -> Catalogue | None:
    """The translations to that language; None where its file is not there or cannot be read."""
    try:
        return translations(catalogue_file(code).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4)
def translations(text: str) -> Catalogue:
    """The content of a .po file as translations; raises ValueError where it is none.

    What is not translated or marked as fuzzy is left out, so that the English text shows.
    """
    import polib

    try:
        file = polib.pofile(text, wrapwidth=0)
        made = Catalogue(io.BytesIO(file.to_binary()))
    except (OSError, UnicodeDecodeError) as failure:
        raise ValueError(str(failure)) from failure
    made.forms = Forms((entry.msgid, entry.msgstr) for entry in file.translated_entries() if _is_told(entry))
    return made


def _is_told(entry: polib.POEntry) -> bool:
    """Whether a finished text may have this form."""
    if entry.msgid_plural:
        return False
    return "{" not in entry.msgid or not all(place.startswith(FACES) for place, _line in entry.occurrences)
