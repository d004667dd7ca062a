"""The database from below: the embedded server, connection pools and migrations."""
