"""A language's catalogue file (.po) as translations that gettext can look up, made in memory.

Files in the form that programs read (.mo) are not kept: the .po file is the one source.
"""

from __future__ import annotations

import io
from gettext import GNUTranslations
from importlib import resources
from importlib.resources.abc import Traversable

DOMAIN = "workbench"


def catalogue_file(code: str) -> Traversable:
    """Where the catalogue of that language lies, also in an installed package."""
    return resources.files("workbench.languages") / "locale" / code / "LC_MESSAGES" / f"{DOMAIN}.po"


def load_catalogue(code: str) -> GNUTranslations | None:
    """The translations to that language; None where its file is not there or cannot be read."""
    try:
        return translations(catalogue_file(code).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def translations(text: str) -> GNUTranslations:
    """The content of a .po file as translations; raises ValueError where it is none.

    What is not translated or marked as fuzzy is left out, so that the English text shows.
    """
    import polib

    try:
        made: bytes = polib.pofile(text, wrapwidth=0).to_binary()
    except (OSError, UnicodeDecodeError) as failure:
        raise ValueError(str(failure)) from failure
    return GNUTranslations(io.BytesIO(made))
