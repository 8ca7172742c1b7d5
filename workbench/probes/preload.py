"""Loads pyOCD and its probe drivers, which takes a second: for a process that others are forked from."""

from __future__ import annotations

import pyocd.core.session
import pyocd.probe.aggregator  # noqa: F401
