"""Somebody who follows a guide: clicks and types what it says, and reads what then stands there."""

import re
from typing import Any

from tests.browser.console import PASSWORD, Visitor

#: what a picture shows; pages are designed for more and for less.
SIZE = {"width": 1280, "height": 800}


def named(label: str) -> re.Pattern[str]:
    """A field's label to the letter, with or without the word that it may stay empty."""
    return re.compile(rf"^\s*{re.escape(label)}(\s+optional)?\s*$")


class Reader:
    """One person at one console."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page: Any = visitor.page
        self.page.set_viewport_size(SIZE)

    def enter(self, username: str, password: str = PASSWORD) -> None:
        """Types the console's address and logs in."""
        self.page.goto(f"{self.visitor.base}/")
        self.fill("Username", username)
        self.fill("Password", password)
        self.press("Log in")

    def open(self, screen: str) -> None:
        """A screen by its name in the sidebar; its heading says the same name."""
        word = self.page.get_by_text(screen, exact=True)
        self._go(self.page.locator("#sidebar a", has=word))
        self.page.get_by_role("heading", name=screen, level=1, exact=True).wait_for()

    def follow(self, name: str) -> None:
        """A link or a button that is a link, on the page."""
        self._go(self.page.locator("#main").get_by_role("link", name=name))

    def press(self, name: str, *, within: Any = None) -> None:
        """A button that leads to a page."""
        self._go((within or self.page).get_by_role("button", name=name))

    def ask(self, name: str) -> Any:
        """A button that asks first; returns the question."""
        self.page.get_by_role("button", name=name).first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.wait_for()
        return dialog

    def _go(self, what: Any) -> None:
        with self.page.expect_navigation(wait_until="load"):
            what.first.click()

    def field(self, label: str) -> Any:
        """A field by its whole label."""
        return self.page.get_by_label(named(label))

    def fill(self, label: str, value: str) -> None:
        """Types into a field."""
        self.field(label).fill(value)

    def choose(self, label: str, option: str) -> None:
        """Takes one of a list by the words that a person sees."""
        self.field(label).select_option(label=option)

    def tab(self, title: str) -> None:
        """Opens a section of a form."""
        self.page.get_by_role("tab", name=title, exact=True).click()

    def columns(self, table: int = 0) -> list[str]:
        """The headings of a table that can be seen."""
        heads = self.page.locator("table.grid").nth(table).locator("thead th:visible")
        return [one.strip() for one in heads.all_inner_texts()]

    def row(self, *texts: str) -> Any:
        """The row of a table that holds all these texts."""
        rows = self.page.locator("tbody tr")
        for text in texts:
            rows = rows.filter(has_text=re.compile(re.escape(text)))
        return rows.first

    def told(self, text: str) -> None:
        """The console said it."""
        self.page.locator(".note", has_text=re.compile(re.escape(text))).first.wait_for()

    def shows(self, *texts: str) -> None:
        """All of it stands on the page, to the letter."""
        said = self.visitor.text()
        missing = [one for one in texts if one not in said]
        assert not missing, f"{missing} not in {said[:2000]}"
