"""Lays the sandbox's templates: one to send with at once on every channel.

SMS and Voice need no review; those of WhatsApp and RCS go through their simulated carriers'.
"""

from collections.abc import Collection
from typing import Any, Final

from cpaas.cli import sandbox_queries
from cpaas.templates import decide, edit, queries
from cpaas.templates.types import Button, Content, NewTemplate

OTP: Final = "otp"
ORDER: Final = "order_update"
_CODE: Final = Content("Your code is {{code}}. Do not share it.", examples={"code": "4821"})
_SHIPPED: Final = "Hello {{name}}, your order {{order}} has been shipped."
_EXAMPLES: Final = {"name": "Asha", "order": "17"}
AT_ONCE: Final = (NewTemplate("sms", OTP, _CODE), NewTemplate("voice", OTP, _CODE))
REVIEWED: Final = (
    NewTemplate(
        "whatsapp", ORDER, Content(_SHIPPED, footer="Sandbox", examples=_EXAMPLES),
        category="UTILITY",
    ),
    NewTemplate(
        "rcs", ORDER,
        Content(_SHIPPED, buttons=(Button("quick_reply", "Thanks"),), examples=_EXAMPLES),
    ),
)  # fmt: skip


async def lay(
    connection: Any, account_id: int, channels: Collection[str], *, fresh: bool, actor: str
) -> None:
    """Makes each once: what the account's owner changed or deleted stays so.

    channels: that run here. fresh: the account was made by this run.
    """
    wanted = list(AT_ONCE) if fresh else []
    for one in REVIEWED:
        # Only where there is a simulated carrier to review it.
        if one.channel in channels and await sandbox_queries.first_time(
            connection, f"template_{one.channel}"
        ):
            wanted.append(one)
    for new in wanted:
        if await queries.named(connection, account_id, new.channel, new.name, new.language):
            continue
        template = await edit.create(connection, account_id, new, actor=actor)
        after = await edit.submit(connection, account_id, template, actor=actor)
        if after.status == "PENDING":
            await decide.approve(connection, account_id, template, actor=actor)
