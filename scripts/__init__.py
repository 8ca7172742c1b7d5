"""Helpers of ./start and ./check; not part of the installed workbench."""
