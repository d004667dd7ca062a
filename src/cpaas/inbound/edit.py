"""Makes and changes inbound numbers and keywords; the caller's transaction names who does.

Services obey within a second; replies that came before stay as they were.
"""

from typing import Any

import msgspec

from cpaas.blacklist.check import OTP_SETTING
from cpaas.inbound import check, queries
from cpaas.kit.errors import InputError


async def create_number(connection: Any, channel: str, number: str, account_id: int | None) -> str:
    """A number that recipients write to; account None = shared by its keywords' accounts."""
    plain = check.number(number)
    if not await queries.insert_number(connection, check.channel(channel), plain, account_id):
        raise InputError(
            f"the {channel} number {plain} exists already",
            "give it away with `cpaas number assign`", "number",
        )  # fmt: skip
    return plain


async def assign_number(connection: Any, channel: str, number: str, account_id: int | None) -> str:
    """Gives a number to another account, None = shared."""
    plain = check.number(number)
    if not await queries.assign_number(connection, check.channel(channel), plain, account_id):
        raise _missing(channel, plain)
    return plain


async def delete_number(connection: Any, channel: str, number: str) -> str:
    """Forgets a number and its keywords."""
    plain = check.number(number)
    if not await queries.delete_number(connection, check.channel(channel), plain):
        raise _missing(channel, plain)
    return plain


async def set_keyword(
    connection: Any, channel: str, number: str, keyword: str, account_id: int
) -> str:
    """Replies that begin with this word are the account's."""
    number_id = await _id(connection, channel, number)
    word = check.word(keyword)
    await queries.upsert_keyword(connection, number_id, word, account_id)
    return word


async def delete_keyword(connection: Any, channel: str, number: str, keyword: str) -> str:
    """Forgets a keyword of a number."""
    number_id = await _id(connection, channel, number)
    word = check.word(keyword)
    if not await queries.delete_keyword(connection, number_id, word):
        raise InputError(f"the number has no keyword {word}", "list them: cpaas number list")
    return word


async def set_words(connection: Any, setting: str, words: list[str]) -> list[str]:
    """The words that mean STOP (or START) from now on, all of them."""
    kept = sorted({check.word(word) for word in words})
    if not kept or len(kept) > check.WORDS_MAX:
        raise InputError(
            f"{len(kept)} words cannot be set", f"name 1 to {check.WORDS_MAX} words", "word"
        )
    await queries.set_setting(connection, setting, msgspec.json.encode(kept).decode())
    return kept


async def let_otp_pass(connection: Any, allowed: bool) -> None:
    """Whether an OTP goes to a recipient who said STOP; other entries of the blacklist hold."""
    await queries.set_setting(connection, OTP_SETTING, "true" if allowed else "false")


async def otp_passes(connection: Any) -> bool:
    """Whether an OTP goes to a recipient who said STOP now."""
    return await queries.setting(connection, OTP_SETTING) == "true"


async def words(connection: Any) -> dict[str, list[str]]:
    """The words that mean STOP and START now."""
    found = {}
    for setting, default in (
        (check.STOP_SETTING, check.STOP_WORDS), (check.START_SETTING, check.START_WORDS),
    ):  # fmt: skip
        text = await queries.setting(connection, setting)
        found[setting] = list(default) if text is None else msgspec.json.decode(text)
    return found


async def _id(connection: Any, channel: str, number: str) -> int:
    plain = check.number(number)
    found = await queries.number_id(connection, check.channel(channel), plain)
    if found is None:
        raise _missing(channel, plain)
    return found


def _missing(channel: str, number: str) -> InputError:
    return InputError(
        f"there is no {channel} number {number}", "make it: cpaas number create", "number"
    )
