"""The one way to refuse a person's input: what is wrong and what to do, a sentence each.

Consoles, API and command line show both; they differ only in how.
"""


class InputError(Exception):
    """Something asked for cannot be done; `field` names the input at fault, if one is."""

    def __init__(self, what: str, todo: str, field: str = "") -> None:
        super().__init__(f"{what}; {todo}")
        self.what = what
        self.todo = todo
        self.field = field
