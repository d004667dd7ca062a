"""The commands about rules, strategies, routes' reasons and admin keys, as a person runs them."""

import psycopg
from tests.cli.test_commands import Run, one, run

from cpaas.kit.secrets import api_key_digest

__all__ = ["run"]


def two_routes(run: Run) -> None:
    for name in ("r1", "r2"):
        run("route", "create", name, "--host", "127.0.0.1", "--port", "2776", "--system-id", "u")


def test_rules_with_every_condition(run: Run) -> None:
    two_routes(run)
    made = run(
        "rule", "create", "--route", "r1", "--prefix", "+91", "--country", "in", "--sender", "A",
        "--template", "t", "--traffic-class", "otp", "--day", "mon-fri", "--hours", "09:00-21:00",
    )["id"]  # fmt: skip
    (listed,) = run("rule", "list")["rules"]
    assert (listed["prefixes"], listed["countries"], listed["hours"]) == (
        ["91"], ["IN"], ["09:00-21:00"]
    )  # fmt: skip
    assert listed["days"] == ["mon", "tue", "wed", "thu", "fri"]
    run("strategy", "create", "s1", "--kind", "failover", "--route", "r2", "--route", "r1")
    changed = run("rule", "update", str(made), "--strategy", "s1", "--priority", "5", "--any",
                  "hours", "--any", "prefix", "--inactive")  # fmt: skip
    assert (changed["route"], changed["strategy"], changed["priority"]) == ("", "s1", 5)
    assert (changed["days"], changed["hours"], changed["prefixes"]) == ([], [], [])
    assert changed["senders"] == ["A"]
    assert changed["active"] is False
    assert "1 rules" in run("strategy", "delete", "s1", code=1)["error"]
    assert "1 rules" in run("route", "delete", "r1", code=1)["error"]
    assert run("rule", "update", str(made), "--route", "r1")["strategy"] == ""
    assert run("strategy", "delete", "s1")["deleted"]
    for words, told in (
        (["rule", "create", "--route", "r1", "--strategy", "s1"], "one route or one strategy"),
        (["rule", "create"], "one route or one strategy"),
        (["rule", "create", "--strategy", "s1"], "no strategy"),
        (["rule", "update", str(made)], "nothing to change"),
        (["rule", "update", "77", "--priority", "1"], "no rule 77"),
        (["rule", "update", str(made), "--any", "x"], "no condition"),
        (["rule", "update", str(made), "--country", "XX"], "no country"),
    ):
        assert told in run(*words, code=1)["error"]


def test_strategies(run: Run) -> None:
    two_routes(run)
    made = run("strategy", "create", "india", "--kind", "weighted", "--route", "r1:70", "--route",
               "r2:30", "--no-overflow")  # fmt: skip
    assert [(m["route"], m["weight"]) for m in made["members"]] == [("r1", 70), ("r2", 30)]
    assert made["overflow"] is False
    changed = run("strategy", "update", "india", "--kind", "time_of_day", "--route",
                  "r2@mon-fri,09:00-21:00", "--route", "r1", "--overflow")  # fmt: skip
    assert [m["hours"] for m in changed["members"]] == [["09:00-21:00"], []]
    assert run("strategy", "list")["strategies"] == [changed]
    assert run("strategy", "update", "india", "--inactive")["active"] is False
    for words, told in (
        (["create", "india", "--kind", "failover", "--route", "r1"], "exists"),
        (["create", "b", "--kind", "failover", "--route", "nope"], "no route"),
        (["create", "b", "--kind", "weighted", "--route", "r1:x"], "no weight"),
        (["update", "india"], "nothing to change"),
        (["update", "india", "--kind", "failover"], "no hours"),
        (["show", "nope"], "no strategy"),
    ):
        assert told in run("strategy", *words, code=1)["error"]


def test_best_delivery_and_what_lacks_a_receipt(run: Run, dsn: str) -> None:
    two_routes(run)
    made = run("strategy", "create", "best", "--kind", "best_delivery", "--route", "r1:70",
               "--route", "r2:30", "--settings", '{"step": 5}', "--no-receipt", "all",
               "--no-receipt-seconds", "90")  # fmt: skip
    assert (made["settings"], made["no_receipt"], made["no_receipt_seconds"]) == (
        {"step": 5}, "all", 90
    )  # fmt: skip
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO strategy_change (strategy_id, kind, reason, route_ids, before, after)"
            " SELECT 1, 'slow', 'late', array_agg(id ORDER BY id), '{70,30}', '{65,35}' FROM route"
        )
    (change,) = run("strategy", "history", "best")["changes"]
    assert (change["routes"], change["after"], change["reason"]) == (["r1", "r2"], [65, 35], "late")
    for words, told in (
        (["--settings", '{"step": 0}'], "step"),
        (["--settings", '{"stride": 1}'], "stride"),
        (["--settings", "x"], "no JSON"),
        (["--no-receipt", "some"], "without a receipt"),
        (["--no-receipt-seconds", "5"], "out of range"),
        (["--kind", "failover", "--settings", '{"step": 5}'], "no settings"),
    ):
        assert told in run("strategy", "update", "best", *words, code=1)["error"]


def test_a_route_is_explained_by_what_routes(run: Run) -> None:
    two_routes(run)
    run("account", "create", "acme")
    run("strategy", "create", "s1", "--kind", "failover", "--route", "r2", "--route", "r1")
    rule = run("rule", "create", "--strategy", "s1", "--account", "acme")["id"]
    off = run("rule", "create", "--route", "r1", "--priority", "1", "--inactive")["id"]
    told = run("route", "explain", "--account", "acme", "--channel", "sms", "--to",
               "+919876543210", "--from", "ACME")  # fmt: skip
    assert (told["plan"], told["rule"], told["strategy"]) == (["r2", "r1"], rule, "s1")
    assert [(r["rule"], r["verdict"]) for r in told["rules"]] == [
        (off, "passed over"), (rule, "decides")
    ]  # fmt: skip
    assert told["rules"][0]["why"] == "it is switched off"
    assert "strategy s1 (failover)" in told["decision"]
    nobody = run("route", "explain", "--account", "x", "--to", "+919876543210", code=1)
    assert "no account" in nobody["error"]


def test_admin_keys(run: Run, dsn: str) -> None:
    key = run("admin", "key", "create", "ann", "--ip", "10.0.0.9/8")["admin_key"]
    assert key.startswith("admin_")
    assert bytes(one(dsn, "SELECT digest FROM admin_key")) == api_key_digest(key)
    (listed,) = run("admin", "key", "list")["admin_keys"]
    assert (listed["name"], listed["allowed_ips"]) == ("ann", ["10.0.0.0/8"])
    assert key not in str(listed)
    assert "exists" in run("admin", "key", "create", "ann", code=1)["error"]
    assert run("admin", "key", "revoke", "ann")["revoked"]
    assert "in force" in run("admin", "key", "revoke", "ann", code=1)["error"]
    assert run("audit", "list", "--table", "admin_key")["entries"]
