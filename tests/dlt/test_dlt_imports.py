"""A CSV of templates, as the operators' portals export it."""

import asyncpg
import pytest

from cpaas.dlt import imports, queries
from cpaas.dlt.enter import category, template, warnings
from cpaas.dlt.types import Imported, NewTemplate
from cpaas.kit.errors import InputError

PORTAL = (
    "Template ID,Template Name,Template Content,Header,Communication Type,Status\r\n"
    '1107160000000000001,OTP,"Your code is {#var#}.\nDo not share it, please.",MYBRND,'
    "Service Implicit,Active\r\n"
    '1107160000000000002,Offer,Flat {#numeric#}% off,"MYBRND, 567890",Service-Explicit,Active\r\n'
    "abc,Bad,Text,MYBRND,Service,Active\r\n"
    "1107160000000000003,Bad,{#nothing#},MYBRND,Service,Active\r\n"
    ",,,,,\r\n"
)


async def imported(pool: asyncpg.Pool, text: str) -> Imported:
    async with pool.acquire() as connection, connection.transaction():
        return await imports.import_csv(connection, 1, text)


@pytest.fixture
async def account(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("INSERT INTO account (id, name) VALUES (1, 'a') RETURNING id"))


async def test_a_portals_export(pool: asyncpg.Pool, account: int) -> None:
    done = await imported(pool, PORTAL)
    assert (done.rows, done.added, done.changed, done.rejected) == (4, 2, 0, 2)
    assert [(one.row, one.value) for one in done.bad] == [
        (4, "abc"), (5, "1107160000000000003"),
    ]  # fmt: skip
    one, two = await queries.templates(pool, account)
    assert (one.text, one.category) == (
        "Your code is {#var#}.\nDo not share it, please.",
        "service",
    )
    assert (two.senders, two.category) == (["MYBRND", "567890"], "promotional")
    again = await imported(pool, "\ufeff" + PORTAL.replace("Flat", "Only"))
    assert (again.added, again.changed) == (0, 2)
    assert (await queries.templates(pool, account))[1].text == "Only {#numeric#}% off"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "template id"),
        ("template_id,name\n1,x", "the text"),
        ('id,text\n"' + "x" * 200_000, "CSV"),
    ],
)
async def test_a_file_that_is_none_is_refused(
    pool: asyncpg.Pool, account: int, text: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        await imported(pool, text)


def test_what_is_entered() -> None:
    new = NewTemplate(" 1107160000000000001 ", " Hi {#var#} \r\n", senders=("AB1", " ", "AB1"))
    made = template(new)
    assert (made.template_id, made.text, made.senders) == (
        "1107160000000000001", "Hi {#var#}", ("AB1",),
    )  # fmt: skip
    for field, bad in (
        ("template_id", {"template_id": "12"}), ("text", {"text": ""}),
        ("category", {"category": "spam"}), ("senders", {"senders": ("MY-BRAND",)}),
        ("pe_id", {"pe_id": "x"}), ("name", {"name": "x" * 101}),
    ):  # fmt: skip
        values = {"template_id": "1107160000000000001", "text": "a"} | bad
        with pytest.raises(InputError) as raised:
            template(NewTemplate(**values))
        assert raised.value.field == field
    assert category(" Service_Implicit") == "service"
    assert len(warnings(NewTemplate("110716", "{#var#} a"))) == 2
