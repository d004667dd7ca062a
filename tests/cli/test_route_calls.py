"""Routes of calls by command line: a trunk, a Calls API, and what is missing, in words."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest
from tests.cli.test_errors import cpaas


@pytest.mark.slow
def test_a_trunk_and_a_calls_api(dsn: str, tmp_path: Path) -> None:
    made = cpaas(
        tmp_path, "route", "create", "trunk1", "--channel", "voice", "--sip",
        "sip.example.net:5070", "--system-id", "user", "--password", "secret", "--window", "30",
        "--json", CPAAS_DSN=dsn,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["queue"] == "submit_trunk1"
    made = cpaas(
        tmp_path, "route", "create", "calls1", "--channel", "voice", "--http",
        "https://api.example.com", "--system-id", "AC1", "--password", "token", "--settings",
        '{"ring_seconds": 30}', "--json", CPAAS_DSN=dsn,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr

    async def routes() -> list[tuple[str, str, int, str]]:
        connection = await asyncpg.connect(dsn)
        try:
            rows = await connection.fetch(
                "SELECT dialect, host, port, settings::text FROM route ORDER BY name DESC"
            )
            return [tuple(row) for row in rows]
        finally:
            await connection.close()

    trunk, calls = asyncio.run(routes())
    assert trunk == ("sip", "sip.example.net", 5070, "{}")
    assert calls[0] == "http"
    assert json.loads(calls[3]) == {"base_url": "https://api.example.com", "ring_seconds": 30}


@pytest.mark.parametrize(
    ("options", "todo"),
    [
        (("--channel", "voice"), "give --sip HOST for a trunk or --http URL"),
        (("--sip", "a.example"), "add --channel voice"),
        (("--channel", "voice", "--sip", "a", "--http", "https://b"), "give --sip or --http"),
    ],
)
def test_what_is_missing(tmp_path: Path, options: tuple[str, ...], todo: str) -> None:
    done = cpaas(tmp_path, "route", "create", "trunk1", *options)
    assert done.returncode != 0
    assert todo in done.stderr
    assert "Traceback" not in done.stderr
