"""A carrier and a customer that remember in a journal, so that they can be killed and come back."""
