"""The queue: one way in, whoever carries it."""
