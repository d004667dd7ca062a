"""Routes to carriers and the rules that send messages over them, as the operator edits them."""
