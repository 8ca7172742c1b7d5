"""The command line: commands, what they print, and how they end.  One verb in each file.

Only `stdout` writes to standard output, and only `stderr` to standard error.  Modules of commands import
nothing heavy before their command runs.
"""
