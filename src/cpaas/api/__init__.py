"""The public REST API: one file per noun over the same core functions."""
