"""Certificates of identities: profiles, how they are built, and the lints that each must pass.

Pure: bytes and frozen dataclasses in and out; the signature comes from a callable.
"""
