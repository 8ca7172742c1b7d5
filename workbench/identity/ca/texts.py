"""Texts that come over the socket: bounded, printable, and nothing that looks like something else.  Pure."""

from __future__ import annotations

import uuid

from workbench.identity.ca.errors import CaRefused
from workbench.identity.ca.messages import MAX_TEXT_CHARS


def checked_text(name: str, value: object) -> str:
    """A text of 1 to 200 printable characters without spaces at its ends; raises CaRefused."""
    good = isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARS
    if good and isinstance(value, str) and value.isprintable() and value == value.strip():
        return value
    raise CaRefused(
        f"'{name}' is not a text of 1 to {MAX_TEXT_CHARS} printable characters",
        reason="field-invalid",
        cause="a label that was read wrong, or a station of another version",
        action="correct the value, then enrol the unit again",
    )


def checked_uuid(name: str, value: object) -> str:
    """A UUID in its usual form; raises CaRefused."""
    try:
        if isinstance(value, str) and str(uuid.UUID(value)) == value:
            return value
    except ValueError:
        pass
    raise CaRefused(
        f"'{name}' is no UUID",
        reason="field-invalid",
        cause="a station of another version",
        action="bring station and certificate authority to the same version",
    )
