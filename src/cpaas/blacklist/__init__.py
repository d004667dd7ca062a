"""Numbers that get no message: of one account or of all, on one channel or on every one."""
