"""Enrolment of a board with a TPM 2.0: one module for each phase, and `flow` that strings them together.

May use the TPM wire, the power switch, the CA's client and the ledger; prints nothing, and knows no slot.
"""
