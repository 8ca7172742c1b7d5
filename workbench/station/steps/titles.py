"""Titles of steps that name something, in the language of whoever reads them.

Records, journals and the wire between processes hold titles in English; a face finds the form again here.
Pure.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from workbench.languages import N_, _

MEASURING: Final = N_("measuring {name}")
ERASING: Final = N_("erasing from {address}")
ATTACKING: Final = N_("attacking the unit: {trials}")
_FORMS: Final = (MEASURING, ERASING, ATTACKING)
_FIELD: Final = re.compile(r"\\\{(\w+)\\\}")


def title_words(title: str) -> str:
    """The title in the language that is set; one that nobody knows, as an engineer's own step, stays."""
    for form in _FORMS:
        found = _pattern(form).fullmatch(title)
        if found is not None:
            return _(form).format(**found.groupdict())
    return _(title)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.*)", re.escape(form)), re.DOTALL)
