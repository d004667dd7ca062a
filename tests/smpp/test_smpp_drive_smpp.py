"""Our client bound to drive_smpp, the SMSC that Kannel's own tests use."""

import asyncio
from pathlib import Path

import pytest
from tests.bearerbox import PORT, bearerbox
from tests.parts import require
from tests.postgres_keeper import free_port
from tests.smpp.smpp_ends import Pair, until

from cpaas.smpp.pdu import SubmitSm

DRIVE_SMPP = "/usr/lib/kannel/test/drive_smpp"
MESSAGES = 20
CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {box}

group = smsc
smsc = smpp
host = 127.0.0.1
port = {smsc}
smsc-username = me
smsc-password = secret
system-type = "VMA"
"""


@pytest.mark.slow
async def test_drive_smpp_as_smsc(pair: Pair, tmp_path: Path) -> None:
    require("kannel-extras")
    pair.port = free_port()
    ports = {"admin": free_port(), "box": PORT, "smsc": pair.port}
    (tmp_path / "drive.conf").write_text(CONFIGURATION.format(**ports))
    arguments = ["-p", str(pair.port), "-m", str(MESSAGES), "-c", str(tmp_path / "drive.conf")]
    box = bearerbox()
    with (tmp_path / "drive.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            DRIVE_SMPP, *arguments, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        sender, sent, _ = pair.connect(bind_type="tx", system_type="VMA")
        _, heard, _ = pair.connect(bind_type="rx", system_type="VMA")
        await until(lambda: sent.bound and heard.bound)
        message = SubmitSm("", 1, 1, "123", 1, 1, "456", short_message=b"hello")
        sender.submit([(number, message) for number in range(MESSAGES)])
        await until(lambda: len(sent.answers) == MESSAGES)
        assert {status for _, status, _ in sent.answers} == {0}
        await until(lambda: len(heard.delivered) == MESSAGES)
        assert {(pdu.source_addr, pdu.destination_addr) for pdu in heard.delivered} == {
            ("456", "123")
        }
        await sender.stop(1)
        assert sent.lost == [([], "unbound")]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        box.close()
