"""Senders with tokens of their own: WABA numbers and RCS bots, and the accounts that use them."""
