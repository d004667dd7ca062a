"""Accounts, their owners and the credentials of their programs."""
