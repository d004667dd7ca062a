"""Opens every list page and dashboard of both consoles, many times, and tells how long each took.

`python bench/console_pages.py ADMIN_URL PORTAL_URL PASSWORD [--admin admin] [--user owner1]` with
a running copy whose database bench/fill.py filled. One page at a time; the time is the server's own
(Server-Timing): session, view, queries and rendering.
"""

import argparse
import http.client
import re
import statistics
import urllib.parse
from typing import Final

ROUNDS: Final = 30
ADMIN: Final = (
    "/dashboard/", "/users/", "/users/?q=account+77", "/users/?status=active", "/users/1/",
    "/routes/",
    "/reports/", "/reports/?days=7d", "/reports/?days=7d&status=FAILED",
    "/reports/?days=7d&status=CANCELLED", "/reports/?days=7d&account=1",
    "/reports/?days=7d&account=900&status=CANCELLED", "/reports/?days=7d&error=dlt_mismatch",
    "/reports/?days=7d&campaign=11", "/reports/?days=7d&number=%2B97155*",
)  # fmt: skip
PORTAL: Final = (
    "/dashboard/", "/reports/", "/reports/?days=7d", "/reports/?days=7d&status=FAILED",
    "/reports/?days=7d&status=CANCELLED", "/quick/", "/settings/",
)  # fmt: skip


class Reader:
    """One person's browser: a kept connection with cookies."""

    def __init__(self, url: str) -> None:
        found = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(
            found.hostname or "", found.port or 80, timeout=60
        )
        self._cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, float]:
        """Status, page and milliseconds."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if form is not None:
            body = urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request("GET" if form is None else "POST", path, body, headers)
        answer = self._connection.getresponse()
        page = answer.read().decode()
        took = float((answer.headers["Server-Timing"] or "0").rpartition("=")[2])
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, page, took

    def log_in(self, username: str, password: str) -> None:
        """Through the login page."""
        _, page, _ = self.ask("/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, "the login page has no form"
        form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
        status, _, _ = self.ask("/login/", form)
        assert status == 302, f"{username} may not log in"


def measure(reader: Reader, paths: tuple[str, ...], rounds: int) -> list[tuple[str, float, float]]:
    """(path, median, 95th percentile) in milliseconds; the first look at each is left out."""
    found = []
    for path in paths:
        status, page, _ = reader.ask(path)
        assert status == 200, f"{status} for {path}"
        times = [reader.ask(path)[2] for _ in range(rounds)]
        found.append((path, statistics.median(times), statistics.quantiles(times, n=20)[-1]))
        older = re.search(r'href="(\?[^"]*after=[^"]+)"', page)
        if older is not None:
            deep = path.partition("?")[0] + older[1].replace("&amp;", "&").replace(" ", "+")
            times = [reader.ask(deep)[2] for _ in range(rounds)]
            name = f"{path} (next page)"
            found.append((name, statistics.median(times), statistics.quantiles(times, n=20)[-1]))
    return found


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("admin_url")
    parser.add_argument("portal_url")
    parser.add_argument("password")
    parser.add_argument("--admin", default="admin")
    parser.add_argument("--user", default="owner1")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    for console, url, name, paths in (
        ("admin", given.admin_url, given.admin, ADMIN),
        ("portal", given.portal_url, given.user, PORTAL),
    ):
        reader = Reader(url)
        reader.log_in(name, given.password)
        for path, median, p95 in measure(reader, paths, given.rounds):
            print(f"{console:7}{path:55} {median:8.1f} {p95:8.1f} ms")


if __name__ == "__main__":
    main()
