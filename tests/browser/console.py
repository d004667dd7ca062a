"""A person at a console: logs in, opens pages, and notices everything that is wrong with them."""

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.browser.pictures import IMAGES, looks, take
from tests.journeys.platform import ROOT, Platform
from tests.parts import require

PASSWORD = "Quiet harbour 41 lamps"
WIDTHS = (1440, 1366, 1280, 390)
AXE = ROOT / "tests" / "peers" / "node_modules" / "axe-core" / "axe.min.js"
#: each cell's edges against its table's frame, each text against its box, the page against itself.
CUT_OFF = """() => {
  const found = [];
  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) found.push(`the page is ${over} px too wide`);
  for (const frame of document.querySelectorAll('.card, .table-wrap, .top, .sidebar')) {
    const right = frame.getBoundingClientRect().right + 1;
    const parts = 'td, th, button, .button, input, select, .figure, .badge';
    for (const one of frame.querySelectorAll(parts)) {
      const box = one.getBoundingClientRect();
      if (box.width && box.right > right) {
        const name = one.className || one.tagName;
        const text = one.textContent.trim().slice(0, 30);
        found.push(`${name} "${text}" ends at ${box.right}, its frame at ${right}`);
      }
    }
  }
  return found;
}"""


class Copy:
    """The running platform, and people made on it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def url(self, console: str) -> str:
        """Where a console is."""
        return str(self.platform.answer["urls"][console])

    def admin(self, name: str) -> str:
        """An admin with our password."""
        self.platform.cpaas("admin", "create", "--username", name, "--password", PASSWORD)
        return name

    def sql(self, statement: str) -> None:
        """What no screen does yet, straight in the database."""
        password = (self.platform.home / "h" / "postgres.password").read_text().strip()
        port = 5433 + self.platform.offset
        dsn = f"postgresql://cpaas:{password}@127.0.0.1:{port}/cpaas"
        with psycopg.connect(dsn) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def alone(self, service: str) -> Iterator[None]:
        """While one test stops and starts a service no other does."""
        with (self.platform.home / f"{service}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def customer(self, name: str, credit: str = "100") -> dict[str, Any]:
        """An account whose owner has our password."""
        made = self.platform.cpaas(
            "account", "create", name, "--username", name, "--credit", credit
        )
        self.platform.cpaas("admin", "reset-password", name, "--password", PASSWORD)
        return dict(made)

    def sandbox(self) -> str:
        """The sandbox's user with our password, set once: a reset would end others' sessions."""
        with (self.platform.home / "sandbox.lock").open("a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.seek(0)
            if not lock.read():
                self.platform.cpaas("admin", "reset-password", "sandbox", "--password", PASSWORD)
                lock.write("set")
        return "sandbox"


class Visitor:
    """One browser window with cookies of its own."""

    def __init__(
        self, browser: Any, copy: Copy, console: str, *, width: int = 1440, dark: bool = False
    ) -> None:
        self._copy = copy
        self.base = copy.url(console)
        self.visited: tuple[str, ...] = (self.base,)
        height = 844 if width < 500 else 900
        self.context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            service_workers="block",
        )
        self.page = self.context.new_page()
        self.faults: list[str] = []
        # The copy's logo is another test's: it may be taken away while a page is read.
        self.expected: list[str] = [r"^/logo\?"]
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        self.page.on("request", self._asked)
        self.page.on("response", self._answered)

    def _said(self, message: Any) -> None:
        # A refused page is noted by its response, with its address.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((*self.visited, "data:", "blob:")):
            self.faults.append(f"a request to the outside: {request.url}")

    def _answered(self, response: Any) -> None:
        path = response.url.removeprefix(self.base)
        if response.status >= 400 and not any(re.search(one, path) for one in self.expected):
            self.faults.append(f"{response.status} for {path}")

    def move(self, console: str) -> "Visitor":
        """Goes to the other console in the same browser."""
        self.base = self._copy.url(console)
        self.visited = (*self.visited, self.base)
        return self

    def log_in(self, username: str, password: str = PASSWORD) -> "Visitor":
        """Through the login page."""
        self.page.goto(f"{self.base}/login/")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_load_state("domcontentloaded")
        return self

    def go(self, path: str) -> Any:
        """Opens a page of the console; returns the response."""
        response = self.page.goto(f"{self.base}{path}")
        self.page.wait_for_load_state("load")
        return response

    def text(self) -> str:
        """What the page says, once it is there."""
        self.page.wait_for_load_state("domcontentloaded")
        return str(self.page.locator("body").inner_text())

    def check(self, *, axe: bool = True) -> None:
        """Nothing cut off at any width, no serious finding of axe in either theme."""
        size = self.page.viewport_size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            # Charts follow the window a moment later.
            self.page.wait_for_timeout(120)
            found = self.page.evaluate(CUT_OFF)
            assert not found, f"{self.page.url} at {width}: {found[:5]}"
        self.page.set_viewport_size(size)
        if axe:
            for theme in ("light", "dark"):
                self.theme(theme)
                self._axe(theme)
            self.theme("light")
        self.sound()

    def _axe(self, theme: str) -> None:
        require("axe-core")
        # The policy forbids inline scripts, so it goes in by the debugger's own way.
        if not self.page.evaluate("() => Boolean(window.axe)"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate(
            "() => axe.run(document, {resultTypes: ['violations']}).then(r => r.violations"
            ".filter(v => ['serious', 'critical'].includes(v.impact))"
            ".map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' '"
            " + n.any.map(a => a.message).join()).join(' | ')))"
        )
        assert not found, f"{self.page.url} in {theme}: {found}"

    def theme(self, name: str) -> None:
        """Light, dark or auto, as the user menu sets it."""
        self.page.evaluate("name => window.chooseTheme(name)", name)

    def shoot(self, name: str, *, each: bool = False) -> None:
        """A picture for the guides, only when asked for by CPAAS_TEST_PICTURES.

        `each`: in light, dark and on a phone.
        """
        if os.environ.get("CPAAS_TEST_PICTURES"):
            if each:
                looks(self.page, name)
            else:
                take(self.page, IMAGES / f"{name}.png")

    def sound(self) -> None:
        """Nothing went wrong so far."""
        assert not self.faults, self.faults

    def close(self) -> None:
        """Ends it; what went wrong fails the test."""
        self.context.close()
        self.sound()


class Mailbox:
    """A mail server on a free port that keeps what it gets."""

    def __init__(self) -> None:
        import socketserver

        kept: list[str] = []
        self.letters = kept

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 here\r\n")
                while line := self.rfile.readline().decode().strip():
                    verb = line[:4].upper()
                    if verb == "DATA":
                        self.wfile.write(b"354 go on\r\n")
                        letter = []
                        while (text := self.rfile.readline()) not in (b".\r\n", b""):
                            letter.append(text.decode())
                        kept.append("".join(letter))
                    self.wfile.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
                    if verb == "QUIT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()
