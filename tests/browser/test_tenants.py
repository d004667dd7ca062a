"""What one account can reach of another's: nothing, at any address of the portal, in any way."""

from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from tests.browser.addresses import addresses, filled, parts
from tests.browser.console import Copy, Visitor

from cpaas.kit.ids import new_id
from cpaas.schema.grants import TENANT

Visit = Any
#: stands in everything that is the other account's.
MARK = "zq7731"
#: what no row of tenants is: any value will do.
WORDS = {
    "token": ["nonsense"], "kind": ["live"], "month": ["2026-10"], "which": ["all", "failed"],
    "name": ["start", "pause", "resume", "cancel", "retry"], "channel": ["sms"],
}  # fmt: skip
#: the other account's own visit does not find a page there: its files were never made.
WITHOUT_CONTROL = ("reports:file",)
#: changed by the traffic itself, or checked apart.
MOVING = {
    "audit_log", "counter_minute", "counter_hour", "counter_day", "counter_account_day",
    "counter_error", "counter_error_hour",
}  # fmt: skip


@pytest.fixture
def database(copy: Copy) -> Iterator[psycopg.Connection[Any]]:
    """The platform's database, as its owner."""
    dsn = copy.platform.cpaas("db", "shell-dsn")["dsn"]
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def planted(database: psycopg.Connection[Any], account: int, message: str) -> dict[str, str]:
    """One of each thing that an address of the portal names, this account's; part -> id."""

    def row(table: str, **columns: Any) -> str:
        names = ", ".join(columns)
        marks = ", ".join(f"%({name})s" for name in columns)
        sql = f"INSERT INTO {table} (account_id, {names}) VALUES ({account}, {marks}) RETURNING id"
        return str(database.execute(sql.encode(), columns).fetchone()[0])  # type: ignore[index]

    template = row("template", channel="sms", name=MARK)
    row("template_version", template_id=template, type="TEXT", content=f'{{"body": "{MARK}"}}')
    row("inbound_message", id=new_id(), route_id=1, channel="sms", sender="919777000112",
        recipient="56161", body=MARK)  # fmt: skip
    return {
        "message_id": message,
        "template": template,
        "campaign_id": row("campaign", channel="sms", name=MARK, content=f'{{"text": "{MARK}"}}'),
        "export_id": row("export_job", kind="messages", format="csv", status="READY"),
        "invoice_id": row("invoice", month="2026-10-01", number=MARK, total_micro=1, tax_micro=0,
                          currency="INR", content="{}"),
        "request_id": row("top_up_request", amount_micro=7731, note=MARK),
        "invitation_id": row("team_invitation", email=f"{MARK}@example.com", digest=b"zq",
                             member_role="viewer", expires_at="2099-01-01"),
        "member_id": row("app_user", username=MARK, password="!", role="USER",
                         member_role="viewer"),
        "delivery_id": row("webhook_delivery", id=new_id(), event_type="message.delivered",
                           url=f"https://{MARK}.example", body=b"{}", status="delivered"),
        "number": "919777000112",
        "view": row("saved_view", user_id=1, screen="reports", name=MARK),
        "entry": row("blacklist_entry", number="+919777000113"),
    }  # fmt: skip


def nobodys(ids: dict[str, str]) -> dict[str, str]:
    """The same parts with ids that nothing has."""
    uuid = str(new_id())
    return {name: uuid if len(value) == 36 else "999999999" for name, value in ids.items()}


def state(database: psycopg.Connection[Any], account: int) -> dict[str, Any]:
    """What the account has, table by table."""
    found = {}
    for table in sorted(set(TENANT) - MOVING):
        sql = f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
        row = database.execute(f"{sql} WHERE account_id = %s".encode(), [account]).fetchone()
        found[table] = row and row[0]
    return found


def asked(visitor: Visitor, address: str, form: dict[str, str] | None = None) -> Any:
    """GET, or POST with the form as the pages send it: with the token against forgery."""
    request = visitor.context.request
    if form is None:
        return request.get(visitor.base + address, max_redirects=0)
    token = next(c["value"] for c in visitor.context.cookies() if c["name"].endswith("csrf"))
    head = {"X-CSRFToken": token, "Referer": visitor.base}
    return request.post(visitor.base + address, headers=head, form=form, max_redirects=0)


def each(route: str, ids: dict[str, str]) -> list[str]:
    """The route's addresses with these ids; KeyError for a part that nobody gave an id."""
    names = [name for name in parts(route) if name not in ids]
    choices = [WORDS[name] for name in names]
    return [filled(route, ids | dict(zip(names, one, strict=True))) for one in product(*choices)]


def test_every_address_with_anothers_ids_and_with_none(
    copy: Copy, visit: Visit, database: psycopg.Connection[Any]
) -> None:
    ours, theirs = copy.customer("tenanta"), copy.customer("tenantb")
    platform = copy.platform
    platform.cpaas(
        "sender", "create", "ZQSENDER", "--account", "tenantb", "--channel", "sms", "--approve"
    )
    sent = platform.send(theirs["api_key"], to="+919777000111", text=f"for tenantb {MARK}")
    platform.becomes(theirs["api_key"], sent["id"], "DELIVERED")
    ids = planted(database, theirs["id"], sent["id"])
    none = nobodys(ids)
    marks = (MARK, "919777000111", "tenantb", theirs["api_key"][:9])
    visitor, owner = visit("portal").log_in(ours["username"]), visit("portal").log_in("tenantb")
    session = database.execute(
        "SELECT session_key FROM portal_session WHERE account_id = %s", [theirs["id"]]
    ).fetchone()
    form = {
        "id": ids["view"], "key": str(session and session[0]), "sender": "ZQSENDER",
        "channel": "sms", "number": "+919777000113", "deed": "unblock", "role": "owner",
        "text": "hello", "format": "csv",
    }  # fmt: skip
    # Its own pages, first: they show it, and fetch what is kept of it once.
    routes = addresses(copy, "portal")
    for name, (route, is_open) in routes.items():
        for address in each(route, ids) if parts(route) and not is_open else ():
            got = asked(owner, address)
            known = asked(owner, each(route, none)[0]).status
            if known == 404 and name not in WITHOUT_CONTROL and "which" not in parts(route):
                assert got.status == 200, (name, got.status)
    before = state(database, theirs["id"])
    tried = 0
    for name, (route, _) in routes.items():
        if name == "logout":
            continue
        for address, nothing in zip(each(route, ids), each(route, none), strict=True):
            tried += 1
            for sends in (None, form):
                answer, other = asked(visitor, address, sends), asked(visitor, nothing, sends)
                assert answer.status < 500, (name, answer.status)
                # Whether it is somebody's or nobody's cannot be told apart.
                assert answer.status == other.status, (name, answer.status, other.status)
                said = answer.text().replace(address, "")
                assert not any(mark in said for mark in marks), (name, sends)
    for query in (
        f"/quick/?sent={ids['message_id']}", f"/reports/?id={ids['message_id']}",
        f"/reports/?find={ids['message_id']}", f"/reports/?campaign={ids['campaign_id']}",
        "/reports/?find=%2B919777000111&days=7d", "/quick/?template=zq", "/inbox/?channel=sms",
    ):  # fmt: skip
        said = asked(visitor, query).text()
        assert not any(mark in said for mark in (MARK, "tenantb")), query
    assert tried > 75
    assert state(database, theirs["id"]) == before
    done = database.execute(
        "SELECT count(*) FROM audit_log WHERE account_id = %s AND actor = 'user:tenanta'",
        [theirs["id"]],
    ).fetchone()
    assert done == (0,)


@pytest.mark.parametrize("console", ["admin", "portal"])
def test_no_address_is_open_without_a_login(copy: Copy, visit: Visit, console: str) -> None:
    """Nor with a login of the other console, whose cookie is given under this one's name."""
    nobody = visit(console)
    nobody.go("/login/")
    copy.admin(f"outside{console}")
    copy.customer(f"beside{console}")
    other = "portal" if console == "admin" else "admin"
    person = visit(other).log_in(f"beside{console}" if other == "portal" else f"outside{console}")
    foreign = {
        one["name"].replace(other, console): one["value"] for one in person.context.cookies()
    }
    stranger = visit(console)
    stranger.go("/login/")
    stranger.context.add_cookies(
        [
            {"name": name, "value": value, "url": stranger.base}
            for name, value in foreign.items()
            if name.endswith("_session")
        ]
    )
    tried = 0
    for name, (route, is_open) in addresses(copy, console).items():
        if is_open:
            continue
        address = filled(route, dict.fromkeys(parts(route), "1"))
        address = address.replace("/1/", f"/{new_id()}/") if "uuid" in route else address
        for who in (nobody, stranger):
            for sends in (None, {"name": "x"}):
                tried += 1
                answer = asked(who, address, sends)
                assert answer.status == 302, (name, answer.status)
                assert answer.headers["location"].startswith("/login/"), name
    assert tried > 250


#: names of fields and filters, on one page or another.
NAMES = (
    "id", "key", "number", "name", "text", "body", "amount", "role", "format", "channel", "q",
    "find", "after", "days", "from", "to", "status", "account", "campaign", "error", "kind",
    "sent", "template", "screen", "query", "back", "page", "by", "route", "month",
)  # fmt: skip


@pytest.mark.parametrize("console", ["admin", "portal"])
def test_nonsense_is_refused_and_never_a_defect(copy: Copy, visit: Visit, console: str) -> None:
    name = f"nonsense{console}"
    copy.admin(name) if console == "admin" else copy.customer(name)
    visitor = visit(console).log_in(name)
    faults = []
    for address, (route, is_open) in addresses(copy, console).items():
        if is_open or address == "logout":
            continue
        values = dict.fromkeys(parts(route), "999999999") | {"message_id": str(new_id())}
        path = filled(route, values)
        for odd in ("x\x00", "x'<%"):
            sends = dict.fromkeys(NAMES, odd)
            answers = {
                "form": asked(visitor, path, sends),
                "address": asked(visitor, f"{path}?{urlencode(sends)}"),
            }
            faults += [(address, where, odd) for where, one in answers.items() if one.status >= 500]
    assert not faults
