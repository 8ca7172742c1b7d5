"""Numbers of reports in words.  Pure."""

from __future__ import annotations

from workbench.station.reports.unit_run import Measurement


def measured(m: Measurement) -> str:
    """`boot-time = 0.42 s (limits 0 … 1) ok`."""
    limits = f" (limits {limits_of(m.low, m.high)})" if m.low is not None or m.high is not None else ""
    return (
        f"{m.name} = {value(m.value)}{f' {m.unit}' if m.unit else ''}{limits} {'ok' if m.passed else 'OUT'}"
    )


def limits_of(low: float | None, high: float | None) -> str:
    """`0 … 1`, `at most 1`, `at least 0`, or nothing."""
    if low is None:
        return "" if high is None else f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} … {high:g}"


def value(measured_value: float | int | str | bool) -> str:
    """A measured value: numbers with six digits, anything else as it is."""
    if isinstance(measured_value, float):
        return f"{measured_value:.6g}"
    return str(measured_value)


def share(part: int, whole: int) -> str:
    """`97.5 %`, or `–` of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def seconds(elapsed_s: float | None) -> str:
    """`0.42 s`, `3 min 5 s`, `–`."""
    if elapsed_s is None:
        return "–"
    if elapsed_s >= 120:
        return f"{int(elapsed_s // 60)} min {int(elapsed_s % 60)} s"
    return f"{elapsed_s:.2f} s" if elapsed_s < 10 else f"{elapsed_s:.1f} s"
