"""Campaigns over the API: from a file to messages, refused where it must be, of one account."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from tests.campaigns.bureau import table
from tests.services.test_core import Running, serving

pytestmark = pytest.mark.slow
FIELDS = {"name": "Spring sale", "text": "Hello {{name}}"}


async def call(service: Running, method: str, path: str, **more: Any) -> tuple[int, Any]:
    key = more.pop("key", "")
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    url = f"/v1/campaigns{path}"
    async with service["session"].request(method, url, headers=headers, **more) as answer:
        if answer.content_type == "text/csv":
            return answer.status, await answer.text()
        return answer.status, await answer.json(content_type=None)


def form(content: bytes, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, value in {**FIELDS, **fields}.items():
        made.add_field(name, value)
    made.add_field("file", content, filename="rows.csv", content_type="text/csv")
    return made


async def until(service: Running, campaign_id: int, wanted: Any) -> Any:
    async with asyncio.timeout(40):
        while True:
            _, shown = await call(service, "GET", f"/{campaign_id}")
            if wanted(shown):
                return shown
            await asyncio.sleep(0.1)


def checked(shown: Any) -> bool:
    return bool(shown["checked"] or shown["file"]["state"] == "REFUSED")


async def test_from_a_file_to_messages(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        content = table(30) + b"\n12,Bob\n+919800000000,again"
        status, made = await call(service, "POST", "", data=form(content))
        assert (status, made["status"], made["variables"]) == (201, "CREATED", ["name"])
        campaign_id = made["id"]
        shown = await until(service, campaign_id, checked)
        assert shown["file"] == {
            "state": "READY", "name": "rows.csv", "columns": ["phone", "name"],
            "number_column": "phone", "error_code": "", "error": "",
        }  # fmt: skip
        counts = ("total_records", "valid_records", "bad_rows", "duplicates", "failed")
        assert [shown[name] for name in counts] == [32, 30, 1, 1, 1]
        status, known = await call(service, "GET", f"/{campaign_id}/intelligence")
        assert (status, known["messages"], known["cost"]) == (200, 30, "3.6000")
        assert known["delivery"]["confidence"] == "none"
        assert known["spam"]["level"] == "low"
        _, rows = await call(service, "GET", f"/{campaign_id}/rows?limit=2")
        assert [(one["row"], one["status"], one["text"]) for one in rows["data"]] == [
            (2, "PENDING", "Hello Person 0"), (3, "PENDING", "Hello Person 1"),
        ]  # fmt: skip
        status, started = await call(service, "POST", f"/{campaign_id}/start")
        assert (status, started["status"]) == (200, "QUEUED")
        shown = await until(service, campaign_id, lambda one: one["accepted"] == 30)
        assert (shown["status"], shown["cost"]) == ("PROCESSING", "3.6000")
        assert (await call(service, "POST", f"/{campaign_id}/start"))[1]["code"] == (
            "campaign_not_possible"
        )
        status, paused = await call(service, "POST", f"/{campaign_id}/pause")
        assert (paused["status"], paused["reason"]) == ("PAUSED", "Paused by its account.")
        assert (await call(service, "POST", f"/{campaign_id}/resume"))[1]["status"] == "PROCESSING"
        status, result = await call(service, "GET", f"/{campaign_id}/results")
        lines = result.lstrip("\ufeff").splitlines()
        assert len(lines) == 33
        assert lines[1].split(",")[:3] == ["2", "+919800000000", "QUEUED"]
        assert lines[-2].startswith("32,12,NOT_SENT,invalid_number,")
        # A bad row's own columns are beside its reason, so that it can be mended and sent.
        assert lines[-2].endswith(",Bob")
        _, failed = await call(service, "GET", f"/{campaign_id}/results?rows=failed")
        assert [line.split(",")[3] for line in failed.splitlines()[1:]] == ["invalid_number"]
        _, ended = await call(service, "POST", f"/{campaign_id}/cancel")
        assert ended["status"] == "CANCELLED"
        shown = await until(service, campaign_id, lambda one: one["finished_at"])
        assert (shown["cancelled"], shown["cost"], shown["pending"]) == (30, "0.0000", 0)
        _, reasons = await call(service, "GET", f"/{campaign_id}/errors")
        assert {one["code"]: one["rows"] for one in reasons["data"]} == {
            "duplicate": 1, "invalid_number": 1,
        }  # fmt: skip
        assert all(one["advice"] for one in reasons["data"])
        _, listed = await call(service, "GET", "?limit=1&status=CANCELLED")
        assert [one["id"] for one in listed["data"]] == [campaign_id]
        await whose(service, dsn, campaign_id)


async def whose(service: Running, dsn: str, campaign_id: int) -> None:
    """Nobody else's, and not a test key's."""
    test_key = service["account"].test_key
    for method, path in (
        ("GET", ""), ("GET", "/rows"), ("GET", "/errors"), ("GET", "/results"),
        ("GET", "/intelligence"), ("POST", "/pause"), ("POST", "/check"), ("PUT", "/file"),
    ):  # fmt: skip
        status, problem = await call(service, method, f"/{campaign_id}{path}", key=test_key)
        assert (status, problem["code"]) == (404, "campaign_not_found"), path
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE campaign SET account_id = account_id + 1000")
    await connection.close()
    assert (await call(service, "GET", f"/{campaign_id}"))[0] == 404
    assert (await call(service, "GET", ""))[1] == {"data": [], "next_cursor": None}


async def test_the_file_later_other_words_and_a_start_by_itself(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        status, made = await call(service, "POST", "", json={"name": "Two steps"})
        assert (status, made["file"]["state"]) == (201, "MISSING")
        path = f"/{made['id']}"
        assert (await call(service, "POST", f"{path}/start"))[1]["code"] == "campaign_not_ready"
        status, shown = await call(service, "PUT", f"{path}/file?name=a.csv", data=table(5))
        assert (status, shown["file"]["state"], shown["file"]["name"]) == (200, "WAITING", "a.csv")
        await until(service, made["id"], lambda one: one["file"]["state"] == "READY")
        status, problem = await call(service, "GET", f"{path}/intelligence")
        assert (status, problem["code"]) == (409, "campaign_not_ready")
        status, shown = await call(service, "PATCH", path, json={"text": "Hi {{nmae}}"})
        assert (status, shown["text"], shown["name"]) == (200, "Hi {{nmae}}", "Two steps")
        await until(service, made["id"], checked)
        _, problem = await call(service, "POST", f"{path}/start")
        assert problem["code"] == "variable_unknown"
        assert "did you mean {{name}}" in problem["detail"]
        more = {"text": "Hi {{name}}", "start": True, "rate": 50}
        assert (await call(service, "PATCH", path, json=more))[0] == 200
        shown = await until(service, made["id"], lambda one: one["accepted"] == 5)
        assert shown["rate"] == 50
        status, problem = await call(service, "PATCH", path, json={"text": "x"})
        assert (status, problem["code"]) == (409, "campaign_not_possible")
        status, problem = await call(service, "PUT", f"{path}/file", data=table(1))
        assert (status, problem["code"]) == (409, "campaign_not_possible")


async def test_rows_show_a_templates_text_and_what_the_check_found(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        headers = {"Authorization": f"Bearer {service['account'].api_key}"}
        otp = {"channel": "sms", "name": "otp", "content": {"body": "Hi {{name}}!"}, "submit": True}
        url = "/v1/templates"
        async with service["session"].post(url, json=otp, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
        async with asyncio.timeout(60):
            while True:
                file = b"phone,name\n+919800000000,Ann\n+919800000001,\n"
                _, made = await call(service, "POST", "", data=form(file, text="", template="otp"))
                shown = await until(service, made["id"], checked)
                _, rows = await call(service, "GET", f"/{made['id']}/rows")
                if rows["data"][0]["text"]:
                    break  # the template is in the snapshot
        assert shown["valid_records"] == 2
        assert [(one["status"], one["error_code"], one["text"]) for one in rows["data"]] == [
            ("PENDING", "", "Hi Ann!"), ("NOT_SENT", "variable_empty", None),
        ]  # fmt: skip
        _, result = await call(service, "GET", f"/{made['id']}/results?rows=not_sent")
        assert result.splitlines()[1].startswith("3,+919800000001,NOT_SENT,variable_empty,")


async def test_what_is_refused_says_why(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        for more, status, code in (
            ({"json": {"text": "x"}}, 422, "validation_error"),
            ({"json": {"name": " "}}, 422, "validation_error"),
            ({"json": {"name": "a", "channel": "fax"}}, 422, "validation_error"),
            ({"json": {"name": "a", "why": 1}}, 422, "validation_error"),
            ({"json": {"name": "a", "window": {"hours": ["9-5"]}}}, 422, "validation_error"),
            ({"json": {"name": "a", "window": {"zone": "Mars"}}}, 422, "validation_error"),
            ({"json": {"name": "a", "mapping": {"country": "XX"}}}, 422, "validation_error"),
            ({"json": {"name": "a", "send_at": "soon"}}, 422, "validation_error"),
            ({"json": {"name": "a", "rate": -1}}, 422, "validation_error"),
            ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400,
             "malformed_json"),
            ({"data": b"x", "headers": {"Content-Type": "text/plain"}}, 415,
             "unsupported_media_type"),
            ({"data": form(b"x", window="{")}, 422, "validation_error"),
        ):  # fmt: skip
            found, problem = await call(service, "POST", "", **more)
            assert (found, problem["code"]) == (status, code), more
        assert (await call(service, "GET", "/7"))[1]["code"] == "campaign_not_found"
        assert (await call(service, "GET", "?status=X"))[1]["code"] == "validation_error"
        _, made = await call(service, "POST", "", data=form(b"name\nAnn\n"))
        await until(service, made["id"], checked)
        for method, path in (("GET", "intelligence"), ("POST", "start")):
            status, problem = await call(service, method, f"/{made['id']}/{path}")
            assert (status, problem["code"]) == (422, "campaign_file_refused")
            assert problem["detail"].startswith("number_column_missing")
        _, made = await call(service, "POST", "", data=form(table(3), **{"from": "NOBODY"}))
        await until(service, made["id"], checked)
        status, problem = await call(service, "POST", f"/{made['id']}/start")
        assert (status, problem["code"]) == (422, "sender_not_approved")
        assert (await call(service, "POST", f"/{made['id']}/fly"))[0] == 404
