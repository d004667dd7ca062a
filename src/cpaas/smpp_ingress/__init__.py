"""The SMPP server for customers: their binds, what they submit, and the receipts they get back."""
