"""Firmware images in MCUboot's format, their keys, and the security profiles that say how they are made."""
