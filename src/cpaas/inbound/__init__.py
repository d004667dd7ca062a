"""Numbers that recipients write to, and whose account a reply is for."""
