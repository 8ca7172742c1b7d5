"""Attempts as text, for the time between their end and the shared database.  Pure."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import datetime
from typing import Any

from workbench.station.lots.values import Attempt


def encode(attempt: Attempt) -> str:
    """As JSON that any database takes: without NUL, lone surrogates and numbers that are none."""
    values = asdict(attempt)
    for name in ("started_at", "finished_at"):
        values[name] = values[name].isoformat()
    return json.dumps(_storable(values))


def decode(text: str) -> Attempt:
    """The attempt again; raises ValueError, TypeError or KeyError for anything else."""
    values = json.loads(text)
    for name in ("started_at", "finished_at"):
        values[name] = datetime.fromisoformat(values[name])
    for name in ("steps", "measurements"):
        values[name] = tuple(values[name])
    return Attempt(**values)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_storable(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    return value
