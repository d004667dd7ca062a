"""SQL of what became of campaigns' messages, counted with the transition that did it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

#: campaign id, account id.
CampaignKey = tuple[int, int]
#: campaign id, account id, error code.
CampaignErrorKey = tuple[int, int, str]


class CampaignCounts(msgspec.Struct):
    """What is added to one campaign's counter."""

    submitted: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    blocked: int = 0
    cancelled: int = 0
    refunded_micro: int = 0
    rescued: int = 0


_COUNTED: Final = CampaignCounts.__struct_fields__
_COUNT: Final = (
    "INSERT INTO campaign_counter AS c (campaign_id, account_id, instance_id, "
    + ", ".join(_COUNTED)
    + ") SELECT g.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], "
    + ", ".join(f"${4 + n}::bigint[]" for n in range(len(_COUNTED)))
    + ") g ON CONFLICT (campaign_id, instance_id) DO UPDATE SET "
    + ", ".join(f"{name} = c.{name} + excluded.{name}" for name in _COUNTED)
)
_COUNT_ERRORS: Final = """
INSERT INTO campaign_error AS c (campaign_id, account_id, error_code, instance_id, messages)
SELECT g.* FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) g
ON CONFLICT (campaign_id, error_code, instance_id)
  DO UPDATE SET messages = c.messages + excluded.messages
"""


async def count(
    connection: Any, instance_id: int, counts: Mapping[CampaignKey, CampaignCounts],
    errors: Mapping[CampaignErrorKey, int],
) -> None:  # fmt: skip
    """Add to this writer's counters, keys in order, so that two writers never lock crosswise."""
    if counts:
        keys = sorted(counts)
        await connection.execute(
            _COUNT,
            *(list(column) for column in zip(*keys, strict=True)),
            [instance_id] * len(keys),
            *([getattr(counts[key], name) for key in keys] for name in _COUNTED),
        )
    if errors:
        named = sorted(errors)
        await connection.execute(
            _COUNT_ERRORS,
            *(list(column) for column in zip(*named, strict=True)),
            [instance_id] * len(named),
            [errors[key] for key in named],
        )
