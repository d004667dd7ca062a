"""Other systems' interfaces on our port, in their words: Kannel, Jasmin, Twilio."""
