"""Identities: certificate authority, enrolment, ledger, attestation, evidence."""
