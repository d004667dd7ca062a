"""pywa, a WhatsApp library not written here, as a client of the simulated Cloud API, and as the
reader of its webhooks: what the simulator takes and tells is what others know of Meta.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pywa import WhatsApp, errors, types
from pywa.types.templates import (
    BodyText,
    Template,
    TemplateCategory,
    TemplateLanguage,
    TemplateStatus,
)
from tests.gateway.harness import until

from cpaas.simulators.whatsapp import CloudServer, CloudSettings, Number

PHONE, WABA, TOKEN, SECRET = "111", "222", "token", "secret"
USER = "919876543210"


class World:
    """The simulated service, pywa, and what pywa made of the webhooks."""

    def __init__(self, server: CloudServer, client: WhatsApp) -> None:
        self.server = server
        self.client = client
        self.statuses: list[types.MessageStatus] = []
        self.messages: list[types.Message] = []
        self.answers: list[int] = []

    async def call(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return await asyncio.to_thread(work, *args, **named)

    async def refused(self, work: Callable[..., Any], *args: Any) -> Any:
        """The error of a call, caught where it is raised: pywa's cannot cross a context."""

        def run() -> Any:
            try:
                return work(*args)
            except errors.WhatsAppError as error:
                return error
            except TypeError as error:
                # Its errors are frozen, and some of its own contexts stumble over that.
                return error.__context__

        return await asyncio.to_thread(run)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        sign = request.headers["X-Hub-Signature-256"]
        refused = self.client.webhook_update_validator(body, sign)
        if refused:
            return web.Response(status=refused[1])
        _, status = await asyncio.to_thread(self.client.webhook_update_handler, body)
        self.answers.append(status)
        return web.Response(status=status)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    server = CloudServer(
        CloudSettings(
            numbers={PHONE: Number(display="+15550001000", waba_id=WABA, token=TOKEN)},
            app_secret=SECRET, receipt_delay_seconds=0.01, approve_seconds=0.05,
        )
    )  # fmt: skip
    port = await server.start()
    client = WhatsApp(
        PHONE, TOKEN, server=None, app_secret=SECRET, waba_id=WABA, filter_updates=False
    )
    client.api._session.base_url = f"http://127.0.0.1:{port}/v23.0"
    made = World(server, client)
    client.on_message()(lambda _client, one: made.messages.append(one))
    client.on_message_status()(lambda _client, one: made.statuses.append(one))
    app = web.Application()
    app.router.add_post("/hook", made.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.cloud.configure(callback_url=f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    try:
        yield made
    finally:
        client.api._session.close()
        await runner.cleanup()
        await server.stop()


async def test_text_statuses_and_replies() -> None:
    async with world() as made:
        early = await made.refused(made.client.send_message, USER, "too early")
        assert isinstance(early, errors.ReEngagementMessage)
        made.server.cloud.receive(PHONE, USER, {"type": "text", "text": {"body": "Hi"}})

        async def written() -> bool:
            return len(made.messages) == 1

        await until(written)
        assert (made.messages[0].text, made.messages[0].from_user.wa_id) == ("Hi", USER)
        sent = await made.call(made.client.send_message, USER, "Hello", tracker="ours-17")

        async def told() -> bool:
            return len(made.statuses) == 2

        await until(told)
        words = [(one.id, one.status.value, one.tracker) for one in made.statuses]
        assert words == [(sent.id, "sent", "ours-17"), (sent.id, "delivered", "ours-17")]
        assert set(made.answers) == {200}
        failed = "999000000014"
        made.server.cloud.receive(PHONE, failed, {"type": "text", "text": {"body": "Hi"}})
        await made.call(made.client.send_message, failed, "Offer")

        async def refused() -> bool:
            return any(one.status.value == "failed" for one in made.statuses)

        await until(refused)
        error = next(one.error for one in made.statuses if one.status.value == "failed")
        assert error is not None
        assert error.code == 131049


async def test_errors_are_the_ones_that_it_knows() -> None:
    async with world() as made:
        for tail, kind in (
            ("03", errors.InvalidParameter), ("07", errors.RateLimitHit),
            ("17", errors.TooManyMessages), ("15", errors.UnknownError),
            ("19", errors.ServiceUnavailable),
        ):  # fmt: skip
            to = f"9990000000{tail}"
            made.server.cloud.receive(PHONE, to, {"type": "text", "text": {"body": "Hi"}})
            error = await made.refused(made.client.send_message, to, "Hello")
            assert isinstance(error, kind), (tail, error)
        made.client.api._session.headers["Authorization"] = "Bearer wrong"
        error = await made.refused(made.client.send_message, USER, "Hello")
        assert isinstance(error, errors.AuthorizationError)


async def test_templates_and_media() -> None:
    async with world() as made:
        body = BodyText("Hi {{1}}, your order {{2}} is on its way", "Asha", "17")
        template = Template(
            name="order", language=TemplateLanguage.ENGLISH, category=TemplateCategory.UTILITY,
            components=[body],
        )  # fmt: skip
        created = await made.call(made.client.create_template, template)
        assert created.status == TemplateStatus.PENDING

        async def approved() -> bool:
            return made.server.cloud.templates[created.id].status == "APPROVED"

        await until(approved)
        listed = await made.call(lambda: list(made.client.get_templates(name="order")))
        assert [one.name for one in listed] == ["order"]
        sent = await made.call(
            made.client.send_template, USER, "order", TemplateLanguage.ENGLISH,
            [body.params("Asha", "17")],
        )  # fmt: skip
        assert sent.id in made.server.cloud.sent
        error = await made.refused(
            made.client.send_template, USER, "order", TemplateLanguage.ENGLISH, []
        )
        assert error.code == 132000
        error = await made.refused(
            made.client.send_template, USER, "none", TemplateLanguage.ENGLISH, []
        )
        assert error.code == 132001
        made.server.cloud.receive(PHONE, USER, {"type": "text", "text": {"body": "Hi"}})
        picture = b"\xff\xd8\xff\xe0" + b"x" * 100
        media = await made.call(made.client.upload_media, picture, "image/jpeg", "a.jpg")
        await made.call(made.client.send_image, USER, media.id, "Look")
        url = await made.call(made.client.get_media_url, media.id)
        assert (url.mime_type, url.file_size) == ("image/jpeg", len(picture))
        error = await made.refused(
            made.client.upload_media, b"x" * (5 * 2**20 + 1), "image/jpeg", "big.jpg"
        )
        assert isinstance(error, errors.MediaUploadError)
