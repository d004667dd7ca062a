"""A message's life in order: accept, route, settle, recover. Features meet only here."""
