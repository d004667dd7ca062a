"""Sender ids: requested by accounts, approved by the operator, named as `from`."""
