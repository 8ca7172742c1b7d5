"""Rules about the holder: key, subject, and what the profile lets the certificate be used for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from workbench.identity.certificates import oids
from workbench.identity.certificates.fields import attribute_problem
from workbench.identity.certificates.rule import Case, rule

PRINTABLE_STRING: Final = 19
UTF8_STRING: Final = 12
_RSA_EXPONENT: Final = 65537
NAMES: Final = {
    oids.COUNTRY: "countryName",
    oids.ORGANIZATION: "organizationName",
    oids.ORGANIZATIONAL_UNIT: "organizationalUnitName",
    oids.COMMON_NAME: "commonName",
    oids.SERIAL_NUMBER: "serialNumber",
}
_ALT_NAMES: Final = {
    "dns_name": "dNSName",
    "ip_address": "iPAddress",
    oids.HARDWARE_MODULE_NAME: "hardwareModuleName",
    oids.PERMANENT_IDENTIFIER: "permanentIdentifier",
}


@rule("key-algorithm", "the profile's [key]; TCG DevID section 7.3.4 for TPMs")
def key_algorithm(case: Case) -> Iterator[str]:
    """The key is of a kind that the profile allows."""
    if case.view.key_algorithm not in case.profile.key.algorithms:
        yield f"the key is {case.view.key_algorithm}, allowed are {', '.join(case.profile.key.algorithms)}"


@rule("key-weak", "CVE-2017-15361 (ROCA); TPMs make keys with the exponent 65537")
def key_weak(case: Case) -> Iterator[str]:
    """An RSA key has the exponent 65537, no small factor, and is not of the kind that ROCA factors."""
    key = case.view.key
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        if any(numbers.n % prime == 0 for prime in _SMALL_PRIMES):
            yield "the modulus has a small factor"
        if numbers.e != _RSA_EXPONENT:
            yield f"the public exponent is {numbers.e}"
        if all(_is_power(65537, numbers.n, prime) for prime in _ROCA_PRIMES):
            yield "the modulus has the structure of keys that can be factored (ROCA)"


@rule("subject-attributes", "the profile's [subject]; IEEE 802.1AR")
def subject_attributes(case: Case) -> Iterator[str]:
    """The subject has what the profile requires, nothing else, and each attribute once."""
    rules = case.profile.subject
    fixed: dict[str, str] = {str(name): value for name, value in rules.fixed.items()}
    required: set[str] = {*rules.required, *fixed}
    found = [NAMES.get(a.oid, a.oid) for a in case.view.attributes]
    for name in sorted(required - set(found)):
        yield f"{name} is missing"
    for name in sorted(set(found) - required - {*rules.optional}):
        yield f"{name} is not in the profile"
    for name in sorted({n for n in found if found.count(n) > 1}):
        yield f"{name} is there {found.count(name)} times"
    if not case.view.single_valued:
        yield "several attributes share one part of the name"
    for attribute in case.view.attributes:
        name = NAMES.get(attribute.oid, attribute.oid)
        if attribute.text != fixed.get(name, attribute.text):
            yield f"{name} is not {fixed[name]!r}"


@rule("subject-text", "RFC 5280 section 4.1.2.4 and appendix A.1; X.520")
def subject_text(case: Case) -> Iterator[str]:
    """Attributes are short, visible, composed text in the right string type."""
    for attribute in case.view.attributes:
        name = NAMES.get(attribute.oid, attribute.oid)
        if wrong := attribute_problem(name, attribute.text):
            yield f"{name} {wrong}"
        printable_only = name in ("countryName", "serialNumber")
        if attribute.tag not in ((PRINTABLE_STRING,) if printable_only else (PRINTABLE_STRING, UTF8_STRING)):
            yield f"{name} is in string type {attribute.tag}"


@rule("key-usage", "RFC 5280 section 4.2.1.3; the profile's [extensions]")
def key_usage(case: Case) -> Iterator[str]:
    """Key usage is there, critical, and has the bits of the profile."""
    found = case.view.find(oids.KEY_USAGE)
    if found is None:
        yield "key usage is missing"
    elif not found.critical:
        yield "key usage is not critical"
    if found is not None and case.view.key_usage != set(case.profile.extensions.key_usage):
        yield f"key usage is {', '.join(sorted(case.view.key_usage)) or 'empty'}"


@rule("basic-constraints", "RFC 5280 section 4.2.1.9; the profile's [extensions]")
def basic_constraints(case: Case) -> Iterator[str]:
    """Basic constraints are as in the profile: absent, no CA, or a CA with its path length."""
    rules = case.profile.extensions
    right = {
        "absent": None,
        "no-ca": (False, None),
        "ca": (True, rules.path_length),
    }[rules.basic_constraints]
    found = case.view.constraints
    if found != right:
        yield f"basic constraints are {_constraint_words(found)}, not {_constraint_words(right)}"


@rule("extended-key-usage", "RFC 5280 section 4.2.1.12; the profile's [extensions]")
def extended_key_usage(case: Case) -> Iterator[str]:
    """Extended key usage is that of the profile."""
    found, right = case.view.purposes, case.profile.extensions.extended_key_usage
    if sorted(found) != sorted(right):
        yield f"extended key usage is {', '.join(found) or 'absent'}, not {', '.join(right) or 'absent'}"


@rule("certificate-policies", "RFC 5280 section 4.2.1.4; the profile's [extensions]")
def policies(case: Case) -> Iterator[str]:
    """Certificate policies are those of the profile."""
    found, right = case.view.policies, case.profile.extensions.policies
    if sorted(found) != sorted(right):
        yield f"policies are {', '.join(found) or 'absent'}, not {', '.join(right) or 'absent'}"


@rule("alt-names", "RFC 5280 section 4.2.1.6; the profile's [extensions]")
def alt_names(case: Case) -> Iterator[str]:
    """The kinds of alternative name that the profile requires are there, and no other."""
    rules = case.profile.extensions
    found = {_ALT_NAMES.get(n.oid or n.kind, n.oid or n.kind) for n in case.view.alt_names}
    required: set[str] = {*rules.alt_names}
    for kind in sorted(required - found):
        yield f"{kind} is missing"
    for kind in sorted(found - required - {*rules.alt_names_optional}):
        yield f"{kind} is not in the profile"


@rule("subject-key-identifier", "RFC 5280 section 4.2.1.2; IEEE 802.1AR advises against it")
def subject_key(case: Case) -> Iterator[str]:
    """The subject key identifier is there where the profile has it, and 20 bytes."""
    found = case.view.subject_key_identifier
    if found is None and case.profile.extensions.subject_key_identifier:
        yield "the subject key identifier is missing"
    if found is not None and len(found) != 20:
        yield f"the subject key identifier has {len(found)} bytes"


def _constraint_words(constraints: tuple[bool, int | None] | None) -> str:
    if constraints is None:
        return "absent"
    ca, length = constraints
    return ("CA" if ca else "no CA") + ("" if length is None else f" with path length {length}")


_SMALL_PRIMES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79)
_ROCA_PRIMES: Final = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def _is_power(generator: int, modulus: int, prime: int) -> bool:
    """Whether `modulus` is a power of `generator` modulo `prime`, as in every ROCA key and few others."""
    value, seen = 1, set[int]()
    while value not in seen:
        seen.add(value)
        value = value * generator % prime
    return modulus % prime in seen


RULES: Final = (
    key_algorithm,
    key_weak,
    subject_attributes,
    subject_text,
    key_usage,
    basic_constraints,
    extended_key_usage,
    policies,
    alt_names,
    subject_key,
)
