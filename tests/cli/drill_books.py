"""A small drill in which everything went well, for tests to change one record of."""

from typing import Any

from cpaas.cli.drill.books import AtCarrier, Collected
from cpaas.cli.drill.plan import Wanted
from cpaas.cli.drill.queries import Counted, Money, State, Stored
from cpaas.cli.drill.traffic import Sent
from cpaas.simulators.drill.customer import Got

PRICE = 120_000


def wanted(number: int, *recipients: str, key: str = "k") -> Wanted:
    return Wanted(
        number=number, account=0, recipients=recipients, text="x", lane="transactional", key=key,
        send_in=0, replay=False,
    )  # fmt: skip


def stored(number: int, status: str = "DELIVERED", **changes: Any) -> Stored:
    fields: dict[str, Any] = {
        "id": f"m{number}", "account_id": 1, "status": status, "attempt": 1, "segments": 1,
        "recipient": f"+91900000000{number}", "reference": "0", "price_micro": PRICE,
        "refunded_micro": 0, "error_code": "", "provider_id": str(number),
    }  # fmt: skip
    return Stored(**fields | changes)


def good() -> Collected:
    """Message 1 was delivered, 2 failed at the carrier, 3 has two parts, 4 was refunded by us."""
    messages = [
        stored(1), stored(2, "FAILED"), stored(3, segments=2),
        stored(4, "REJECTED", refunded_micro=PRICE, error_code="no_route"),
    ]  # fmt: skip
    return Collected(
        sent=[
            Sent(
                wanted=wanted(0, *(one.recipient for one in messages)), outcome="accepted",
                ids=tuple(one.id for one in messages), tries=1,
            )
        ],
        stored=messages,
        events={},
        carrier=AtCarrier(
            took={
                ("919000000001", 1): ["1"], ("919000000002", 1): ["2"],
                ("919000000003", 1): ["3"], ("919000000003", 2): ["33"],
            },
            destination_of={
                "1": "919000000001", "2": "919000000002", "3": "919000000003",
                "33": "919000000003",
            },
            ended={"2": "UNDELIV"},
            told={"1", "2", "3", "33"},
        ),
        got=[
            Got("e1", "message.delivered", "m1", "DELIVERED", "0.1200"),
            Got("e2", "message.failed", "m2", "FAILED", "0.1200"),
            Got("e3", "message.delivered", "m3", "DELIVERED", "0.1200"),
            Got("e4", "message.rejected", "m4", "REJECTED", "0.0000"),
        ],
        state=State({}, 0, 0, 0, 0, 0),
        webhooks_waiting=set(),
        webhooks_queued=0,
        unmatched=set(),
        money=[Money(1, 10_000_000 - 3 * PRICE, 10_000_000 - 3 * PRICE, -4 * PRICE, PRICE,
                     4 * PRICE, PRICE)],
        counted=Counted(4, 2, 1, 1, 0, 4 * PRICE, PRICE),
    )  # fmt: skip
