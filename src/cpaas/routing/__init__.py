"""Which routes a message shall try, in which order, and why."""
