"""What lies behind the pictures: customers of weeks, counted hour by hour, and a few messages."""

from tests.browser.console import Copy

#: account -> (username, messages an hour at noon).
CUSTOMERS = {
    "Northwind Bank": ("meera.iyer", 900),
    "City Hospital": ("dr.khan", 260),
    "Zip Couriers": ("tom.fernandes", 540),
}
#: route, channel, country, share of traffic, delivered of a hundred, price in micro.
MIX = (
    ("smpp1", "sms", "IN", 0.62, 96, 120_000),
    ("smpp1", "sms", "AE", 0.08, 93, 310_000),
    ("wa", "whatsapp", "IN", 0.20, 97, 480_000),
    ("rcs", "rcs", "IN", 0.07, 94, 250_000),
    ("voice", "voice", "IN", 0.03, 81, 600_000),
)
_HOURS = """
INSERT INTO counter_minute (minute, account_id, channel, route_id, country, instance_id,
    accepted, segments, submitted, delivered, failed, charged_micro, carrier_cost_micro)
SELECT minute, a.id, '{channel}', r.id, '{country}', 1, n, n, n, round(n * d / 100.0),
    n - round(n * d / 100.0), n * {price}, n * {price} * 7 / 10
FROM account a, route r, generate_series(1, 16 * 24) h,
    LATERAL (SELECT date_trunc('hour', now()) - h * interval '1 hour' AS minute,
        round({share} * {most} * (0.25 + 0.75 * greatest(0, sin(pi() * (
            extract(hour FROM now() AT TIME ZONE 'Asia/Kolkata' - h * interval '1 hour')
            - 6) / 15))))::bigint AS n,
        CASE WHEN h < 3 AND '{channel}' = 'whatsapp' THEN 58 ELSE {delivered} END AS d) t
WHERE a.name = '{account}' AND r.name = '{route}' AND n > 0
"""
_LAST_HOUR = """
INSERT INTO counter_minute (minute, account_id, channel, route_id, country, instance_id,
    accepted, segments, submitted, delivered, failed, charged_micro, carrier_cost_micro)
SELECT date_trunc('minute', now()) - m * interval '1 minute', a.id, '{channel}', r.id,
    '{country}', 1, n, n, n, round(n * {delivered} / 100.0), n - round(n * {delivered} / 100.0),
    n * {price}, n * {price} * 7 / 10
FROM account a, route r, generate_series(1, 59) m,
    LATERAL (SELECT round({share} * {most} / 60 * (1 + 0.4 * sin(m / 5.0)) * (0.25 + 0.75 *
        greatest(0, sin(pi() * (extract(hour FROM now() AT TIME ZONE 'Asia/Kolkata') - 6) / 15))
        ))::bigint AS n) t
WHERE a.name = '{account}' AND r.name = '{route}' AND n > 0
"""
_ERRORS = """
INSERT INTO counter_error (minute, account_id, channel, route_id, error_code, instance_id, messages)
SELECT date_trunc('minute', now()) - h * interval '1 hour', a.id, 'sms', r.id, e.code, 1, e.many
FROM account a, route r, generate_series(0, 30) h,
    (VALUES ('absent_subscriber', 11), ('unknown_subscriber', 4), ('dlt_blocked', 2)) e(code, many)
WHERE a.name = '{account}' AND r.name = 'smpp1'
"""
#: the last digits decide what the simulated carrier does.
_SENT = (
    ("+919845011201", "Your Northwind code is 482173. It is good for 5 minutes."),
    ("+919000234567", "₹12,400.00 debited from a/c XX4821 at Reliance Fresh, 26 Nov."),
    ("+999000000002", "Your cheque book is on its way."),
    ("+919741556677", "Your Northwind code is 119045. It is good for 5 minutes."),
    ("+971501234567", "Your card ending 7702 was used in Dubai. Not you? Call 1800 209 3344."),
    ("+999000000003", "Your EMI of ₹8,250 is due on 30 Nov."),
    ("+919886001122", "Your Northwind code is 660218. It is good for 5 minutes."),
)


def lay(copy: Copy) -> None:
    """Makes them; the platform folds the minutes to hours and days by itself."""
    platform = copy.platform
    for account, (username, most) in CUSTOMERS.items():
        made = platform.cpaas(
            "account", "create", account, "--username", username, "--email",
            f"{username}@{account.split()[0].lower()}.example", "--credit", str(most * 40),
        )  # fmt: skip
        for route, channel, country, share, delivered, price in MIX:
            values = {
                "route": route, "channel": channel, "country": country, "share": share,
                "delivered": delivered, "price": price, "most": most,
                "account": account,
            }  # fmt: skip
            copy.sql(_HOURS.format(**values))
            copy.sql(_LAST_HOUR.format(**values))
        copy.sql(_ERRORS.format(account=account))
        if account == "Northwind Bank":
            platform.cpaas(
                "sender", "create", "NWBANK", "--account", account, "--channel", "sms", "--approve"
            )
            for to, text in _SENT:
                # The reserved numbers, which fail, are the sandbox's.
                of = platform.answer["account"] if to.startswith("+999") else made
                platform.send(of["api_key"], to=to, text=text)
