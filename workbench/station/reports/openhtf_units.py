"""Units of measurements as OpenHTF tells them: name, UNECE code and suffix.

The codes are those of UNECE Recommendation 20.  OpenHTF finds a unit by its name or its suffix and knows no
others; `ZZ` is the code for a unit that both sides agree on.
"""

from __future__ import annotations

from typing import Final

UNITS: Final = {
    "%": ("percent", "P1"),
    "A": ("ampere", "AMP"),
    "mA": ("milliampere", "4K"),
    "µA": ("microampere", "B84"),
    "V": ("volt", "VLT"),
    "mV": ("millivolt", "2Z"),
    "W": ("watt", "WTT"),
    "mW": ("milliwatt", "C31"),
    "Ω": ("ohm", "OHM"),
    "Hz": ("hertz", "HTZ"),
    "kHz": ("kilohertz", "KHZ"),
    "MHz": ("megahertz", "MHZ"),
    "s": ("second [unit of time]", "SEC"),
    "ms": ("millisecond", "C26"),
    "µs": ("microsecond", "B98"),
    "°C": ("degree Celsius", "CEL"),
    "dB": ("decibel", "2N"),
    "dBm": ("Decibel-milliwatts", "DBM"),
    "byte": ("byte", "AD"),
}
"""Name and code by suffix."""
_SPELLED: Final = {"ohm": "Ω", "uA": "µA", "us": "µs", "bytes": "byte"}
"""Other spellings of a suffix."""
OTHER: Final = "ZZ"
"""Code of a unit that is none of them."""


def unit_of(unit: str) -> dict[str, str]:
    """The unit, by its suffix; one that is not known keeps its own word."""
    suffix = _SPELLED.get(unit, unit)
    name, code = UNITS.get(suffix, (suffix, OTHER))
    return {"name": name, "code": code, "suffix": suffix}
