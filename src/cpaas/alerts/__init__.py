"""Tells operators what needs them: once, again while it lasts, and when it is over."""
