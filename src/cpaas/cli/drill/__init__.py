"""The drill: a private copy under traffic, whose parts are killed, and the books compared after."""
