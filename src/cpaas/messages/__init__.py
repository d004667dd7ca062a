"""What a message is: its statuses, its lanes and the envelopes that carry it between steps."""
