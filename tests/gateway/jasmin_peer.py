"""Jasmin 0.11.0 with a RabbitMQ and a Redis of its own, connected to one SMSC."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.parts import require
from tests.postgres_keeper import free_port
from tests.rabbitmq_node import RabbitNode

USER, PASSWORD = "shop", "secret12"
START_SECONDS_MAX = 90.0
_COMMON = """
[amqp-broker]
host = 127.0.0.1
port = {amqp}
username = {amqp_user}
password = {amqp_password}
vhost = {vhost}
spec = {spec}
[redis-client]
host = 127.0.0.1
port = {redis}
[smpp-server-pb-client]
host = 127.0.0.1
port = {pb}
"""
_MAIN = (
    _COMMON
    + """
[http-api]
bind = 127.0.0.1
port = {http}
[jcli]
bind = 127.0.0.1
port = {jcli}
authentication = False
[client-management]
bind = 127.0.0.1
port = {management}
[router]
bind = 127.0.0.1
port = {router}
[smpp-server-pb]
bind = 127.0.0.1
port = {pb}
[smpp-server]
bind = 127.0.0.1
port = {smpp}
"""
)


class Jasmin:
    """Where it listens."""

    def __init__(self) -> None:
        names = ("redis", "http", "jcli", "management", "router", "pb", "smpp")
        self.ports = {name: free_port() for name in names}

    @property
    def http(self) -> int:
        """Its HTTP API."""
        return self.ports["http"]

    @property
    def smpp(self) -> int:
        """Its SMPP server."""
        return self.ports["smpp"]

    def told(self, lines: Sequence[str]) -> str:
        """What its command line says to these lines."""
        with closing(socket.create_connection(("127.0.0.1", self.ports["jcli"]), 10)) as line:
            line.settimeout(10)
            time.sleep(1)
            said = line.recv(4096).decode("latin-1")
            for one in lines:
                line.sendall(one.encode() + b"\r\n")
                got = b""
                while not got.endswith((b"> ", b"jcli : ")):
                    more = line.recv(4096)
                    if not more:
                        break
                    got += more
                said += got.decode("latin-1")
            return said


@contextmanager
def jasmin(folder: Path, smsc_port: int) -> Iterator[Jasmin]:
    """A running Jasmin whose only connector is bound to the SMSC (user me, password pw)."""
    require("jasmin")
    node, made = RabbitNode(), Jasmin()
    python = os.environ["CPAAS_TEST_JASMIN_PYTHON"]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        _configure(folder, made, node, python)
        redis = [str(shutil.which("redis-server")), "--port", str(made.ports["redis"])]
        processes.append(_spawn([*redis, "--save", "", "--bind", "127.0.0.1"], folder))
        _wait(made.ports["redis"], processes[-1])
        jasmind = [python, "-m", "jasmin.bin.jasmind", "-c", f"{folder}/etc/jasmin/jasmin.cfg"]
        jasmind += ["--enable-dlr-thrower", "--enable-dlr-lookup"]
        processes.append(_spawn(jasmind, folder))
        for port in (made.http, made.smpp, made.ports["jcli"]):
            _wait(port, processes[-1])
        said = made.told(
            [
                "group -a",
                "gid g",
                "ok",
                "user -a",
                f"username {USER}",
                f"password {PASSWORD}",
                "gid g",
                f"uid {USER}",
                "ok",
                "smppccm -a",
                "cid carrier",
                "host 127.0.0.1",
                f"port {smsc_port}",
                "username me",
                "password pw",
                "bind transceiver",
                "submit_throughput 0",
                "elink_interval 30",
                "ok",
                "mtrouter -a",
                "type defaultroute",
                "connector smppc(carrier)",
                "rate 0.0",
                "ok",
                "smppccm -1 carrier",
            ]
        )
        # Its command line answers mistakes in words and goes on.
        assert "Error" not in said, said
        assert "Failed" not in said, said
        yield made
    finally:
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        node.stop()


def _configure(folder: Path, made: Jasmin, node: RabbitNode, python: str) -> None:
    for name in ("etc/jasmin/store", "var/log/jasmin"):
        (folder / name).mkdir(parents=True)
    library = Path(python).parent.parent / "lib"
    spec = next(library.glob("python*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"))
    broker = urlsplit(node.url)
    values: dict[str, object] = dict(made.ports)
    values |= {
        "amqp": broker.port, "amqp_user": broker.username, "amqp_password": broker.password,
        "vhost": broker.path.lstrip("/").replace("%2F", "/") or "/", "spec": spec,
    }  # fmt: skip
    (folder / "etc/jasmin/jasmin.cfg").write_text(_MAIN.format(**values))


def _spawn(command: Sequence[str], folder: Path) -> "subprocess.Popen[bytes]":
    paths = {
        "ROOT_PATH": str(folder), "CONFIG_PATH": f"{folder}/etc/jasmin/",
        "LOG_PATH": f"{folder}/var/log/jasmin", "STORE_PATH": f"{folder}/etc/jasmin/store/",
    }  # fmt: skip
    with (folder / "jasmin.out").open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **paths}
        )


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, "it ended at once"
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.1)
