"""Programs that start as copies of a process that has imported what they need."""

import asyncio
import os
import signal
import subprocess
import sys

import msgspec
import psutil
import pytest
from tests.supervisor.fakes import fake_program, free_port, gone

from cpaas import config
from cpaas.kit.child import Command
from cpaas.services import catalogue
from cpaas.supervisor.health import healthy
from cpaas.supervisor.template import Templates
from cpaas.supervisor.types import Process, Program

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")


async def answers(program: Program) -> None:
    assert program.health is not None
    async with asyncio.timeout(30):
        while not await healthy(*program.health):
            await asyncio.sleep(0.02)


async def end(process: Process, number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    return await process.wait()


def is_copy(process: Process) -> bool:
    return any(one.endswith("fake_template.py") for one in psutil.Process(process.pid).cmdline())


async def test_copies_are_our_own_children_until_templates_end() -> None:
    first, second, third = (fake_program(name, free_port()) for name in "abc")
    templates = Templates()
    templates.begin([first, second])
    try:
        one, two = await asyncio.gather(templates.spawn(first), templates.spawn(second))
        await asyncio.gather(answers(first), answers(second))
        for process in (one, two):
            assert is_copy(process)
            assert psutil.Process(process.pid).ppid() == os.getpid()
            assert os.getpgid(process.pid) == process.pid
    finally:
        await templates.end()
    assert one.returncode is None
    assert one.stdout is not None
    assert (await one.stdout.readline()).startswith(b"listening on")
    assert await end(one) == -signal.SIGTERM
    assert await end(two, signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        one.send_signal(signal.SIGTERM)
    assert gone(one.pid)
    by_itself = await templates.spawn(third)
    assert not is_copy(by_itself)
    await end(by_itself, signal.SIGKILL)


async def test_a_copy_that_ends_tells_its_code() -> None:
    program = fake_program("a", free_port(), "broken")
    templates = Templates()
    templates.begin([program])
    try:
        process = await templates.spawn(program)
        assert await process.wait() == 1
        assert process.stdout is not None
        assert b"it does not want to" in await process.stdout.read()
    finally:
        await templates.end()


@pytest.mark.parametrize("argv", [(sys.executable, "-c", "raise SystemExit(3)"), ("/no/such",)])
async def test_without_a_copy_a_program_starts_by_itself(argv: tuple[str, ...]) -> None:
    broken = Command(argv=argv, env=os.environ)
    program = msgspec.structs.replace(fake_program("a", free_port()), template=broken)
    templates = Templates()
    templates.begin([program])
    try:
        process = await templates.spawn(program)
        await answers(program)
        assert not is_copy(process)
        await end(process, signal.SIGKILL)
    finally:
        await templates.end()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cpaas-core", "cpaas-admin"])
def test_what_services_are_copied_from_has_one_thread_and_only_the_consoles_their_framework(
    name: str,
) -> None:
    modules = catalogue.imports(catalogue.BY_NAME[name], config.load({}))
    program = (
        f"import sys, {', '.join(modules)}\n"
        "from cpaas.kit.copies import many_threads\n"
        "print(many_threads(), 'django' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["False", str(name == "cpaas-admin")], done.stderr
