"""The one way in which evidence writes JSON, and a reader that takes no other.  Pure.

Sorted keys, no spaces, ASCII.  A value has one form only, so that no byte of a file can change unnoticed.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def encode(value: Any) -> bytes:
    """Raises ValueError for NaN and infinities, TypeError for what JSON has not."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def decode(data: bytes) -> Any:
    """The value; raises ValueError for everything that `encode` would have written in another way."""
    try:
        value = json.loads(data.decode("ascii"), parse_constant=_refuse)
        same = encode(value) == data
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not same:
        raise ValueError("not in canonical form")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
