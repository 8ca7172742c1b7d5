"""Benchmarks: `python -m benchmarks` measures all of them and renews the table in docs/benchmarks.md.

What the workbench adds is measured as a ratio against a baseline in the same run, the two taking turns, so
that a slow or busy machine makes both slow.
"""
