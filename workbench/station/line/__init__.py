"""The line: all slots of a station at once, a process for each, one lot at a time."""
