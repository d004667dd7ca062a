"""A customer's webhook receiver that keeps what it gets and can misbehave in every known way."""
