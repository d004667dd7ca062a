"""Opens every list page and dashboard of both consoles, many times, and tells how long each took.

`python bench/console_pages.py ADMIN_URL PORTAL_URL PASSWORD [--admin admin]
[--users owner1,owner7,owner900]` with a running copy whose database bench/fill.py filled. One page
at a time; the time is the server's own (Server-Timing): session, view, queries and rendering. The
exit code is 1 if a page's 95th percentile is above `--most` milliseconds.
"""

import argparse
import contextlib
import http.client
import re
import statistics
import sys
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Final

ROUNDS: Final = 30
#: of server time, for every page.
MS_MAX: Final = 300.0
#: owners of a very large, a large and a small account.
USERS: Final = ("owner1", "owner7", "owner900")
ADMIN: Final = (
    "/dashboard/", "/dashboard/insights/",
    "/users/", "/users/?q=account+77", "/users/?status=active", "/users/1/", "/users/1/tax/",
    "/users/top-ups/", "/users/top-ups/?status=PENDING",
    "/user-channels/", "/user-channels/1/",
    "/templates/", "/templates/?status=PENDING", "/templates/?channel=rcs&name=template_7",
    "/templates/1/",
    "/senders/", "/senders/?status=PENDING", "/senders/?q=account+77", "/senders/?q=S500X",
    "/senders/1/",
    "/routes/", "/routes/smpp1/",
    "/routing-rules/", "/routing-rules/?channel=sms", "/routing-rules/1/",
    "/routing-rules/explain/?account=1&channel=sms&number=%2B919812345678",
    "/strategies/", "/strategies/strategy1/",
    "/campaigns/", "/campaigns/?days=30d", "/campaigns/?days=30d&q=Offer+77",
    "/campaigns/?days=30d&status=PAUSED", "/campaigns/?days=30d&account=1", "/campaigns/11/",
    "/reports/", "/reports/?days=7d", "/reports/?days=7d&status=FAILED",
    "/reports/?days=7d&status=CANCELLED", "/reports/?days=7d&account=1",
    "/reports/?days=7d&account=900&status=CANCELLED", "/reports/?days=7d&error=dlt_mismatch",
    "/reports/?days=7d&campaign=11", "/reports/?days=7d&number=%2B97155*",
    "/report-summary/", "/report-summary/?days=30d", "/report-summary/?days=30d&by=channel",
    "/report-summary/?days=30d&by=route", "/report-summary/?days=30d&by=country",
    "/report-summary/?days=30d&by=day", "/report-summary/?days=7d&by=hour",
    "/report-summary/?days=30d&by=day&account=1",
    "/monitoring/", "/monitoring/alerts/", "/monitoring/dead-letters/", "/monitoring/receipts/",
    "/blacklist/", "/blacklist/?account=account+1", "/blacklist/?number=%2B919600000005",
    "/audit-logs/", "/audit-logs/?days=30d", "/audit-logs/?days=30d&actor=admin:admin7",
    "/audit-logs/?days=30d&action=view&what=message", "/audit-logs/?days=30d&account=900",
    "/admins/", "/admins/1/", "/settings/",
)  # fmt: skip
PORTAL: Final = (
    "/dashboard/", "/dashboard/insights/", "/quick/",
    "/templates/", "/templates/?status=PENDING", "/templates/?name=template_4",
    "/campaigns/", "/campaigns/?days=30d",
    "/identities/", "/senders/",
    "/reports/", "/reports/?days=7d", "/reports/?days=7d&status=FAILED",
    "/reports/?days=7d&status=CANCELLED", "/reports/?days=7d&error=no_receipt",
    "/reports/?days=7d&find=%2B919800000005",
    "/report-summary/", "/report-summary/?days=30d", "/report-summary/?days=30d&by=country",
    "/report-summary/?days=30d&by=day", "/report-summary/?days=7d&by=hour",
    "/anomalies/",
    "/billing/", "/billing/?days=7d", "/billing/?days=7d&kind=REFUND",
    "/blacklist/", "/blacklist/?number=%2B919600000005",
    "/inbox/", "/inbox/?days=7d", "/inbox/?channel=sms", "/settings/", "/api/",
)  # fmt: skip
#: the page of one row, as the list links to it: opened once from each list that has such rows.
ONE: Final = re.compile(r'href="(/(?:reports/[0-9a-f-]{36}|inbox/\w+/\d+|campaigns/\d+)/)"')


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

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def log_in(self, username: str, password: str) -> None:
        """Through the login page."""
        _, page, _ = self.ask("/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, "the login page has no form"
        form = {"csrfmiddlewaretoken": token[1], "username": username, "password": password}
        status, _, _ = self.ask("/login/", form)
        assert status == 302, f"{username} may not log in"


def measure(
    reader: Reader, paths: tuple[str, ...], rounds: int
) -> Iterator[tuple[str, list[float]]]:
    """(path, its milliseconds); the first look at each is left out."""
    opened = set()

    def look(path: str) -> tuple[str, list[float]]:
        status, page, _ = reader.ask(path)
        assert status == 200, f"{status} for {path}"
        return page, [reader.ask(path)[2] for _ in range(rounds)]

    for path in paths:
        page, times = look(path)
        yield path, times
        older = re.search(r'href="(\?[^"]*after=[^"]+)"', page)
        if older is not None:
            deep = older[1].replace("&amp;", "&").replace(" ", "+")
            yield f"{path} (next page)", look(path.partition("?")[0] + deep)[1]
        one, home = ONE.search(page), path.split("/")[1]
        if one is not None and home not in opened:
            opened.add(home)
            yield f"/{home}/ (one)", look(one[1])[1]


def everything(
    admin: tuple[str, str], portal: str, users: Sequence[str], password: str, rounds: int = ROUNDS
) -> Iterator[tuple[str, str, float, float]]:
    """(person, path, median, 95th percentile) of every page. admin: address and username."""
    people: list[tuple[str, str, tuple[str, ...]]] = [(admin[1], admin[0], ADMIN)]
    people += [(one, portal, PORTAL) for one in users]
    for name, url, paths in people:
        with contextlib.closing(Reader(url)) as reader:
            reader.log_in(name, password)
            for path, times in measure(reader, paths, rounds):
                yield name, path, statistics.median(times), statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("admin_url")
    parser.add_argument("portal_url")
    parser.add_argument("password")
    parser.add_argument("--admin", default="admin")
    parser.add_argument("--users", default=",".join(USERS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--most", type=float, default=MS_MAX)
    given = parser.parse_args()
    slow = False
    for name, path, median, p95 in everything(
        (given.admin_url, given.admin), given.portal_url, given.users.split(","), given.password,
        given.rounds,
    ):  # fmt: skip
        slow = slow or p95 > given.most
        sys.stdout.write(f"{name:10}{path:66} {median:8.1f} {p95:8.1f} ms\n")
        sys.stdout.flush()
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
