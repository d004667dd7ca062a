"""Judges a message to India as its operators' scrubbing will: header, template, kind and hours.

Pure, from the snapshot; only messages of accounts that want it are judged at all.
"""

from typing import Final

from cpaas.dlt import find, hours
from cpaas.dlt.match import mismatch
from cpaas.dlt.types import Fault, Verdict
from cpaas.snapshot.types import Account, DltTemplate, DltTemplates, Sender, Snapshot

COUNTRY: Final = "IN"
PROMOTIONAL: Final = "promotional"
FIELD: Final = "dlt.template_id"
_NONE: Final = DltTemplates(())


def mode(account: Account) -> str:
    """warn or enforce: what the account chose, else enforce once it has a PE ID.

    off = nothing is checked, its ids go along; "" = it has none.
    """
    if account.pe_id or account.tm_id:
        return account.dlt_mode or ("enforce" if account.pe_id else "off")
    return "" if account.dlt_mode == "off" else account.dlt_mode


def judge(
    snapshot: Snapshot,
    account: Account,
    sender: str,
    *,
    lane: str,
    text: str,
    given: dict[str, str] | None,
    at_us: int,
    checks: bool = True,
) -> Verdict:
    """The ids for the carrier and the faults, the first to be mended first.

    at_us: when it goes. checks False = only the ids that are known without matching.
    """
    given = given or {}
    registered = snapshot.senders.get((account.id, "sms"), {}).get(sender)
    templates = snapshot.dlt_templates.get(account.id, _NONE)
    if not checks:
        return Verdict(_ids(account, _pe_id(account, registered, None, given), given, None), ())
    template, faults = _template(templates, sender, lane, text, given.get("template_id", ""))
    pe_id = _pe_id(account, registered, template, given)
    if not pe_id:
        faults.insert(
            0,
            Fault(
                "dlt_pe_id_missing",
                "No PE ID is known: set the account's or the sender's, or name it in dlt.pe_id.",
                "dlt.pe_id",
            ),
        )
    if registered is None or registered.status != "APPROVED":
        faults.append(
            Fault(
                "dlt_header_not_registered",
                f"The sender {sender} is no approved header of this account.",
                "from",
            )
        )
    if lane == PROMOTIONAL and not hours.is_open(at_us):
        faults.append(closed(at_us))
    return Verdict(_ids(account, pe_id, given, template), tuple(faults))


def _ids(
    account: Account, pe_id: str, given: dict[str, str], template: DltTemplate | None
) -> dict[str, str]:
    ids = {
        "pe_id": pe_id,
        "template_id": template.template_id if template else given.get("template_id", ""),
        "tm_id": given.get("tm_id") or account.tm_id,
    }
    return {name: value for name, value in ids.items() if value}


def closed(at_us: int) -> Fault:
    """The fault of a promotional message outside the hours."""
    opens = hours.utc(hours.opens_us(at_us))
    return Fault(
        "dlt_promotional_hours",
        "Promotional messages reach India from 10:00 to 21:00 Indian time only; there it is"
        f" {hours.indian_time(at_us)}. Send it with send_at from {opens} on.",
        "traffic_class",
    )


def _pe_id(
    account: Account, sender: Sender | None, template: DltTemplate | None, given: dict[str, str]
) -> str:
    return (
        given.get("pe_id")
        or (template.pe_id if template else "")
        or (sender.pe_id if sender else "")
        or account.pe_id
    )


def _template(
    templates: DltTemplates, sender: str, lane: str, text: str, named: str
) -> tuple[DltTemplate | None, list[Fault]]:
    known = find.index(templates)
    if named:
        return _named(known, sender, lane, text, named)
    first: DltTemplate | None = None
    for template in find.matching(known, text):
        if not _misused(template, sender, lane):
            return template, []
        first = first or template
    if first is not None:
        return first, _misused(first, sender, lane)
    nearest = find.nearest(known, text)
    if nearest is None:
        return None, [
            Fault("dlt_template_not_found", "This account has no DLT template; add one.", FIELD)
        ]
    template, said = nearest
    return None, [
        Fault(
            "dlt_template_not_found",
            f"The text fits none of the account's {len(known.by_id)} DLT templates. Nearest is"
            f" {_shown(template)}: {said.detail}",
            "text",
        )
    ]


def _named(
    known: find.Index, sender: str, lane: str, text: str, named: str
) -> tuple[DltTemplate | None, list[Fault]]:
    one = known.by_id.get(named)
    if one is None:
        return None, [
            Fault(
                "dlt_template_not_found",
                f"This account has no DLT template {named[:40]!r}; add it, or leave the id out.",
                FIELD,
            )
        ]
    said = mismatch(one.pattern, text)
    if said is not None:
        detail = f"The text does not fit the DLT template {_shown(one.row)}. {said.detail}"
        return one.row, [Fault("dlt_text_mismatch", detail, "text")]
    return one.row, _misused(one.row, sender, lane)


def _misused(template: DltTemplate, sender: str, lane: str) -> list[Fault]:
    """A template that fits the text, with a header or of a kind that it is not registered for."""
    faults = []
    if template.senders and sender not in template.senders:
        headers = ", ".join(sorted(template.senders))
        faults.append(
            Fault(
                "dlt_header_mismatch",
                f"The DLT template {_shown(template)} is registered for {headers}, not {sender}.",
                "from",
            )
        )
    if (template.category == PROMOTIONAL) != (lane == PROMOTIONAL):
        faults.append(
            Fault(
                "dlt_category_mismatch",
                f"The DLT template {_shown(template)} is registered as {template.category}, the"
                f" message is {lane}.",
                "traffic_class",
            )
        )
    return faults


def _shown(template: DltTemplate) -> str:
    return f"{template.name!r} ({template.template_id})" if template.name else template.template_id
