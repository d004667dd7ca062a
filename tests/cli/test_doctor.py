"""Each check of the doctor: what it calls wrong, and that it says what to do."""

import asyncio
from pathlib import Path

import pytest

from cpaas import config
from cpaas.cli import doctor
from cpaas.cli.doctor_queries import RouteBinds


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (doctor.check_clock(100.0, 100.5), "ok"),
        (doctor.check_clock(100.0, 90.0), "failed"),
        (doctor.check_partitions(14), "ok"),
        (doctor.check_partitions(0), "failed"),
        (doctor.check_queue("cpaas.sms.submit", 5, 1.0), "ok"),
        (doctor.check_queue("cpaas.sms.submit", 5, 900.0), "warning"),
        (doctor.check_route(RouteBinds("smpp1", "up", 1, 1, "", 1.0)), "ok"),
        (doctor.check_route(RouteBinds("smpp1", "down", 0, 1, "refused", 1.0)), "failed"),
        (doctor.check_route(RouteBinds("smpp1", "up", 1, 1, "", 900.0)), "warning"),
        (doctor.check_route(RouteBinds("smpp1", None, 0, 1, "", None)), "warning"),
        (doctor.check_heartbeat("cpaas-core", 1.0), "ok"),
        (doctor.check_heartbeat("cpaas-core", 60.0), "warning"),
        *[(f, "failed") for f in doctor.check_disk(Path("/"), lambda path: 10)],
        *[(f, "ok") for f in doctor.check_disk(Path("/"), lambda path: 10**12)],
    ],
)
def test_verdicts(finding: doctor.Finding, verdict: str) -> None:
    assert finding.verdict == verdict
    assert (finding.todo == "") == (verdict == "ok")


async def test_a_migrated_database_is_well(full_dsn: str, home: Path) -> None:
    settings = config.load({"CPAAS_HOME": str(home), "CPAAS_DSN": full_dsn})
    findings = await doctor.check_database(settings)
    assert [f for f in findings if f.verdict != "ok"] == []
    assert {"database", "clock", "partitions"} <= {f.check for f in findings}


async def test_a_port_in_use_is_told(home: Path) -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = config.load({"CPAAS_HOME": str(home), "CPAAS_CORE_PORT": str(port)})
    found = [f for f in await doctor.check_services(settings) if f.check == "cpaas-core"]
    server.close()
    assert [f.verdict for f in found] == ["failed"]
    assert str(port) in found[0].what
    assert "CPAAS_CORE_PORT" in found[0].todo


def test_piper_that_is_set_and_not_there(tmp_path: Path) -> None:
    def found(**given: str) -> list[tuple[str, str]]:
        settings = config.load({f"CPAAS_{name.upper()}": value for name, value in given.items()})
        return [(one.verdict, one.what) for one in doctor.check_speech(settings)]

    assert found() == [], "espeak-ng speaks, and the route says where it is missing"
    program = tmp_path / "piper"
    [(verdict, what)] = found(piper=str(program))
    assert (verdict, what) == ("failed", f"CPAAS_PIPER names {program}, which is no program here")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    [(verdict, what)] = found(piper=str(program), piper_voices=str(tmp_path))
    assert verdict == "failed"
    assert "no voice" in what
    for name in ("en_US-joe-medium.onnx", "en_US-joe-medium.onnx.json"):
        (tmp_path / name).touch()
    [(verdict, _)] = found(piper=str(program), piper_voices=str(tmp_path))
    assert verdict == "ok"
