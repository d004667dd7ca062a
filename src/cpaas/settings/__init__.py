"""What the operator changes at run time: options, their checks, and which value is in force."""
