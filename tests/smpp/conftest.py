"""Gives the tests of this folder the two ends of a link."""

from tests.smpp.smpp_ends import pair, tls_contexts

__all__ = ["pair", "tls_contexts"]
