"""Campaigns: a text for every row of a file, launched in batches, each row accounted for."""
