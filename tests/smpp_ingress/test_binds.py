"""Who may bind, as what, how often, and how long."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.smpp.smpp_ends import tls_contexts
from tests.smpp_ingress.door import PASSWORD, Door, door, text, until
from tests.smpp_ingress.raw import Raw

from cpaas.config_values import ConfigError
from cpaas.services.smpp_door import tls_context
from cpaas.smpp.pdu import BindReceiver, BindTransceiver, BindTransmitter, SubmitSm
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp_ingress import access

__all__ = ["tls_contexts"]


@pytest.fixture
async def made(dsn: str) -> AsyncIterator[Door]:
    async with door(dsn) as one:
        yield one


async def refusal(made: Door, **params: str) -> int:
    raw = await Raw.connect(made.port)
    answer = await raw.ask(
        BindTransceiver(**{"system_id": "acme", "password": PASSWORD, **params}, sequence=1)  # type: ignore[arg-type]
    )
    await raw.close()
    return int(answer.status)


async def test_all_kinds_of_bind(made: Door) -> None:
    for kind in (BindTransmitter, BindReceiver, BindTransceiver):
        raw = await Raw.connect(made.port)
        answer = await raw.bind(kind=kind)
        assert (answer.status, answer.system_id) == (0, "cpaas")
        submit = await raw.ask(text())
        expected = St.ESME_RINVBNDSTS if kind is BindReceiver else St.ESME_ROK
        assert submit.status == expected
        await raw.close()
    await until(lambda: not made.ingress.binds)


async def test_wrong_credentials_and_guessing(made: Door) -> None:
    assert await refusal(made, system_id="nobody") == St.ESME_RINVSYSID
    for _ in range(access.FAILURES_MAX - 1):
        assert await refusal(made, password="wrong") == St.ESME_RINVPASWD
    assert await refusal(made) == St.ESME_RBINDFAIL, "the right one comes too late"


async def test_before_a_bind_nothing_is_taken(made: Door) -> None:
    raw = await Raw.connect(made.port)
    assert (await raw.ask(SubmitSm(sequence=4))).status == St.ESME_RINVBNDSTS
    assert (await raw.bind()).status == 0
    assert (await raw.bind()).status == St.ESME_RALYBND
    await raw.close()


async def test_addresses_numbers_and_switching_off(made: Door) -> None:
    clients = [await made.bind() for _ in range(4)]
    assert await refusal(made) == St.ESME_RALYBND
    client, esme = clients[0]
    assert (await made.send(client, esme, text()))[0][0] == 0
    await made.change("UPDATE account SET allowed_ips = '{203.0.113.0/24}'")
    await until(lambda: not made.ingress.counts)
    assert await refusal(made) == St.ESME_RBINDFAIL
    await made.change("UPDATE account SET allowed_ips = '{127.0.0.0/8}'")
    assert await refusal(made) == 0
    await made.change("UPDATE account SET active = false")
    assert await refusal(made) == St.ESME_RBINDFAIL
    await made.change("UPDATE account SET active = true")
    await made.change("UPDATE smpp_credential SET active = false")
    assert await refusal(made) == St.ESME_RINVSYSID


async def test_a_new_password_unbinds_those_with_the_old_one(made: Door) -> None:
    await made.bind()
    await made.change("UPDATE smpp_credential SET password_hash = password_hash || 'x'")
    await until(lambda: not made.ingress.counts)


async def test_binds_are_shown(made: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    client, esme = await made.bind(bind_type="tx")
    await made.send(client, esme, text(), text(to="12"))
    assert made.ingress.counts == {("acme", "tx"): 1}

    async def shown() -> list[object]:
        return list(await made.pool.fetch("SELECT * FROM smpp_bind"))

    while not (rows := await shown()):
        pass
    row = rows[0]
    assert (row["system_id"], row["bind_type"], row["submitted"], row["refused"]) == (  # type: ignore[index]
        "acme", "tx", 2, 1,
    )  # fmt: skip


async def test_over_tls(
    made: Door, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext], tmp_path: Path
) -> None:
    context = tls_context(tmp_path / "both.pem", Path())
    port = await made.ingress.listen("127.0.0.1", 0, tls=context)
    client, esme = await made.bind(host="localhost", port=port, tls=tls_contexts[1])
    assert (await made.send(client, esme, text()))[0][0] == 0
    assert tls_context(Path(), Path()) is None
    with pytest.raises(ConfigError, match="CERTIFICATE"):
        tls_context(tmp_path / "missing.pem", Path())
