"""Voice: calls that speak or play a message, by a SIP trunk or a Calls API."""
