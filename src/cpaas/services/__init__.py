"""Composition roots: the only modules that build pools and hand them to functions."""
