"""The configuration as an immutable value in memory, so that the hot path never reads tables."""
