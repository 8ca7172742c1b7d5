"""Identities: certificate authority, enrolment of TPMs and microcontrollers, ledger, attestation, evidence."""
