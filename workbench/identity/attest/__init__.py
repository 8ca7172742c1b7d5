"""Attestation: what a device says of itself in a signed token, held against what the ledger knows of it."""
