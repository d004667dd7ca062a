"""DLT templates over the API."""

from pathlib import Path
from typing import Any

from tests.dlt.test_dlt_imports import PORTAL
from tests.services.test_core import Running, serving

ID = "1107160000000000009"


async def call(
    service: Running, method: str, path: str = "", *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    async with service["session"].request(
        method, f"/v1/dlt/templates{path}", headers=headers, **more
    ) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def test_templates_from_storing_to_deleting(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        new = {"template_id": ID, "text": "Your code is {#numeric#}. Thank you for coming back."}
        status, made = await call(service, "POST", json=new)
        assert (status, made["category"], made["warnings"]) == (201, "service", [])
        assert (await call(service, "POST", json=new | {"senders": ["MYBRND"]}))[0] == 200
        csv: dict[str, Any] = {"data": PORTAL.encode(), "headers": {"Content-Type": "text/csv"}}
        _, done = await call(service, "POST", "/import", **csv)
        assert (done["added"], done["rejected"], done["errors"][0]["row"]) == (2, 2, 4)
        _, first = await call(service, "GET", "?limit=2")
        _, rest = await call(service, "GET", f"?cursor={first['next_cursor']}")
        assert [one["template_id"] for one in first["data"] + rest["data"]] == [
            ID, "1107160000000000001", "1107160000000000002",
        ]  # fmt: skip
        text: dict[str, Any] = {"json": {"text": "Your code is 12x. Thank you for coming back."}}
        _, said = await call(service, "POST", f"/{ID}/check", **text)
        assert (said["fits"], said["position"], said["variable"], said["found"]) == (
            False, 16, 1, "x",
        )  # fmt: skip
        good: dict[str, Any] = {"json": {"text": "Your code is 12. Thank you for coming back."}}
        assert (await call(service, "POST", f"/{ID}/check", **good))[1]["fits"] is True
        assert (await call(service, "DELETE", f"/{ID}"))[0] == 204
        test_key = service["account"].test_key
        for method, path, more, expected, code in (
            ("DELETE", f"/{ID}", {}, 404, "dlt_template_missing"),
            ("DELETE", "/%00", {}, 404, "dlt_template_missing"),
            ("POST", "/x/check", good, 404, "dlt_template_missing"),
            ("POST", "", {"json": new | {"text": "{#x#}"}}, 422, "validation_error"),
            ("POST", "", {"json": new, "key": test_key}, 403, "live_key_required"),
            ("POST", "/import", csv | {"key": test_key}, 403, "live_key_required"),
            ("POST", "/import", {"json": {}}, 415, "unsupported_media_type"),
        ):
            got, answer = await call(service, method, path, **more)
            assert (got, answer["code"]) == (expected, code), (method, path, more)
