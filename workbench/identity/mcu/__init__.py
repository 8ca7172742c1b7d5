"""Identity of a microcontroller without a TPM: request, checks, enrolment."""
