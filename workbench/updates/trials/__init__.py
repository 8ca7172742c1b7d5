"""Trials: attacks on a board's bootloader and application, and whether they held."""
