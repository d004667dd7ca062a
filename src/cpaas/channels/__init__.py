"""One folder per channel, the same file names in each: translators between us and a carrier."""
