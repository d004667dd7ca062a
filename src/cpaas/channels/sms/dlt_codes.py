"""What the scrubbing codes of India's operators say, in plain words and with what to do.

They arrive as a receipt's err or as a command_status. All are permanent: every route's operator
asks the same register.
"""

from typing import Final

_HEADER: Final = "register or renew the sender on the DLT portal"
_TEMPLATE: Final = "check the template and its id on the DLT portal"
_CHAIN: Final = "bind the chain of telemarketers on the DLT portal, and set the same one here"
_ENTITY: Final = "check the PE ID on the DLT portal"

#: the codes that most operators share.
DLT_CODES: Final[dict[str, str]] = {
    "600": f"DLT: entity (PE) not found; {_ENTITY}",
    "601": f"DLT: entity (PE) not registered; {_ENTITY}",
    "602": f"DLT: entity (PE) inactive; {_ENTITY}",
    "603": f"DLT: entity (PE) blacklisted; {_ENTITY}",
    "604": f"DLT: PE id missing or wrong; {_ENTITY}",
    "605": f"DLT: PE not allowed for the telemarketer; {_CHAIN}",
    "610": f"DLT: telemarketer not registered; {_CHAIN}",
    "611": f"DLT: telemarketer inactive; {_CHAIN}",
    "612": f"DLT: telemarketer blacklisted; {_CHAIN}",
    "613": f"DLT: telemarketer not allowed for the PE; {_CHAIN}",
    "614": f"DLT: chain hash not received; {_CHAIN}",
    "615": f"DLT: chain hash not registered; {_CHAIN}",
    "616": f"DLT: chain inactive; {_CHAIN}",
    "617": f"DLT: chain blacklisted; {_CHAIN}",
    "618": f"DLT: chain suspended; {_CHAIN}",
    "620": f"DLT: header not found (letters are case-sensitive); {_HEADER}",
    "621": f"DLT: header inactive; {_HEADER}",
    "622": f"DLT: header blacklisted; {_HEADER}",
    "623": f"DLT: header belongs to another PE; {_HEADER}",
    "624": f"DLT: header suspended, its validity ended; {_HEADER}",
    "625": f"DLT: header suspended for lack of use; {_HEADER}",
    "630": f"DLT: template not found; {_TEMPLATE}",
    "631": f"DLT: template inactive; {_TEMPLATE}",
    "632": f"DLT: template blacklisted; {_TEMPLATE}",
    "633": "DLT: text does not match the template; compare it character by character",
    "634": "DLT: header not registered for the template; link them on the DLT portal",
    "635": "DLT: a variable is too long; a value may have 30 characters",
    "636": "DLT: template cannot be identified; send its id",
    "637": f"DLT: template id missing or wrong; {_TEMPLATE}",
    "642": "DLT: link or number not whitelisted; register it on the DLT portal",
    "650": "DLT: the recipient's preference (DND) refuses such messages",
    "651": "DLT: outside promotional hours (10:00 to 21:00 in India)",
    "652": "DLT: blocked by the recipient's choice",
    "660": "DLT: the recipient's consent is missing",
    "666": "DLT: content mismatch; compare the text with the template",
    "670": "DLT: scrubbing failed at the operator",
    "677": f"DLT: telemarketer id invalid; {_CHAIN}",
    "678": f"DLT: telemarketer inactive; {_CHAIN}",
    "680": f"DLT: telemarketer blacklisted; {_CHAIN}",
    "683": "DLT: kind of SMS and template differ; use the route and class of the template",
    "687": "DLT: kind of SMS and template differ; use the route and class of the template",
    "700": "DLT: URL not whitelisted; register it on the DLT portal",
    "701": "DLT: URL not whitelisted; register it on the DLT portal",
    "801": f"DLT: entity refused; {_ENTITY}",
    "802": f"DLT: header refused; {_HEADER}",
    "803": f"DLT: template refused; {_TEMPLATE}",
    "804": f"DLT: template refused; {_TEMPLATE}",
    "805": f"DLT: template refused; {_TEMPLATE}",
    "811": f"DLT: chain inactive; {_CHAIN}",
    "812": f"DLT: chain hash invalid; {_CHAIN}",
    "813": f"DLT: chain hash does not match; {_CHAIN}",
    "5106": "DLT: the recipient's preference refuses this time of day",
    "5107": "DLT: the recipient's blackout hours",
    "5108": "DLT: the recipient's blackout hours",
    "5201": f"DLT: header inactive; {_HEADER}",
    "5202": f"DLT: header blacklisted; {_HEADER}",
    "5203": f"DLT: header not registered; {_HEADER}",
    "5205": f"DLT: header belongs to another PE; {_HEADER}",
    "5213": f"DLT: header suspended; {_HEADER}",
    "5214": f"DLT: header suspended; {_HEADER}",
    "5215": f"DLT: header suspended; {_HEADER}",
    "5301": f"DLT: template not registered; {_TEMPLATE}",
    "5302": f"DLT: template blacklisted; {_TEMPLATE}",
    "5305": "DLT: kind of SMS and template differ; use the route and class of the template",
    "5307": "DLT: text does not match the template; compare it character by character",
    "5308": "DLT: template id missing; send its id",
    "5310": "DLT: a part of the long message is missing",
    "5312": "DLT: a variable is too long; a value may have 30 characters",
    "5601": f"DLT: chain hash invalid or missing; {_CHAIN}",
    "5901": "DLT: URL not whitelisted; register it on the DLT portal",
    "9024": "DLT: telemarketer TLV absent; check the route's dlt tags",
    "9025": "DLT: template TLV absent; check the route's dlt tags",
    "9026": "DLT: PE TLV absent; check the route's dlt tags",
}
#: families of four digits, by their first two.
_GROUPS: Final[dict[str, str]] = {
    "51": "DLT: the recipient's preference refuses it", "52": f"DLT: header refused; {_HEADER}",
    "53": f"DLT: content refused; {_TEMPLATE}", "54": "DLT: category mismatch",
    "55": "DLT: the recipient's consent is missing", "56": f"DLT: chain hash refused; {_CHAIN}",
    "59": "DLT: URL not whitelisted; register it on the DLT portal",
    "70": f"DLT: entity refused; {_ENTITY}",
}  # fmt: skip
#: one operator's own table; such numbers mean other things elsewhere, so a route must ask for it.
FOUR_HUNDREDS: Final[dict[str, str]] = {
    **{str(code): f"DLT: entity refused; {_ENTITY}" for code in range(412, 418)},
    **{str(code): f"DLT: telemarketer refused; {_CHAIN}" for code in (418, 419)},
    **{str(code): f"DLT: header refused; {_HEADER}" for code in range(421, 426)},
    **{str(code): f"DLT: template refused; {_TEMPLATE}" for code in range(426, 435)},
    "438": "DLT: outside promotional hours (10:00 to 21:00 in India)",
    "442": "DLT: PE TLV absent; check the route's dlt tags",
    "443": "DLT: template TLV absent; check the route's dlt tags",
    **{str(code): f"DLT: chain hash refused; {_CHAIN}" for code in range(458, 463)},
    "497": "DLT: URL not whitelisted; register it on the DLT portal",
    "498": "DLT: e-mail address not whitelisted; register it on the DLT portal",
    "499": "DLT: number not whitelisted; register it on the DLT portal",
}


def dlt_text(err: str, codes: dict[str, str]) -> str:
    """What an operator's DLT code says; the route's own table first, "" for any other code."""
    code = err.strip().lstrip("0")
    own = codes.get(err) or codes.get(code)
    if own:
        return own
    if known := DLT_CODES.get(code):
        return known
    return _GROUPS.get(code[:2], "") if len(code) == 4 and code.isdecimal() else ""
