"""What the TPM identity rests on, decided over bytes: structures, Names, policies, templates, checks.

Pure: no TPM library, no I/O, no clock of its own; a certificate authority without a TPM can run all of it.
"""
