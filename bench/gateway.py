"""This platform as a gateway of a gateway-neutral SMS harness (HTTP submit → SMPP → DLR callback).

Options: window=N, binds=N, fast_path=on|off, events=delivered|default, each=on|off (on: every
process by itself, though to watch more of them costs the machine some of what is measured).
Everything is durable: fsync and synchronous_commit are on, as in the product.
"""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "n={n} t={t} Your verification code is 481516. It expires in 10 minutes. "
    "Do not share it with anyone."
)


class Gateway:
    """Starts a private copy of the platform, bound to the SMSC of the harness."""

    expect = '"QUEUED"'

    def __init__(
        self, work: str, base: int, smsc_port: int, dlr_port: int, opts: dict[str, str]
    ) -> None:
        self.work, self.smsc, self.dlr = Path(work), smsc_port, dlr_port
        self.options = {
            "window": "500",
            "binds": "1",
            "fast_path": "on",
            "events": "default",
            "each": "off",
        }
        unknown = set(opts) - set(self.options)
        if unknown:
            raise SystemExit(f"unknown option {unknown}")
        self.options.update(opts)
        self.config = dict(self.options)
        self.http_port = base + 3
        self.name = "cpaas"
        self.environment = dict(
            os.environ,
            CPAAS_HOME=str(self.work / "home"),
            CPAAS_CORE_PORT=str(self.http_port),
            CPAAS_SMS_PORT=str(base + 4),
            CPAAS_SMPP_PORT=str(base + 5),
            CPAAS_POSTGRES_PORT=str(base + 6),
            CPAAS_SANDBOX="off",
            CPAAS_ALLOW_NETWORKS="127.0.0.0/8",
            CPAAS_API_FAST_PATH=self.options["fast_path"],
        )
        self.key = ""

    def command(self, *words: str) -> dict[str, object]:
        """Runs ./cpaas with --json and returns its object."""
        done = subprocess.run(
            [str(ROOT / "cpaas"), *words, "--json"],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"cpaas {' '.join(words)}: {done.stderr or done.stdout}")
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))

    def start(self) -> dict[str, list[int]]:
        """Brings it up with one account, one route and a webhook; returns the process groups."""
        self.command("up", "--detach")
        account = self.command(
            "account", "create", "bench", "--username", "bench", "--credit", "1000000"
        )
        self.key = str(account["api_key"])
        self.command("price", "set", "--account", "bench", "--channel", "sms", "0.12")
        self.command(
            "sender", "create", "BENCH", "--account", "bench", "--channel", "sms", "--approve"
        )
        self.command(
            "route", "create", "sink", "--channel", "sms", "--host", "127.0.0.1",
            "--port", str(self.smsc), "--system-id", "bench", "--password", "bench",
            "--binds", self.options["binds"], "--window", self.options["window"], "--tps", "0",
        )  # fmt: skip
        self.command("rule", "create", "--channel", "sms", "--route", "sink", "--priority", "1")
        self._webhook()
        services = self.command("status")["services"]
        assert isinstance(services, list)
        pids = {str(row["name"]): [int(row["pid"])] for row in services if row["pid"]}
        groups = {name: pid for name, pid in pids.items() if name.startswith("cpaas-")}
        if self.options["each"] != "on":
            groups = {"cpaas": [pid for found in groups.values() for pid in found]}
        groups["postgres"] = pids["postgres"]
        return groups

    def _webhook(self) -> None:
        import urllib.request

        events = ["message.delivered"] if self.options["events"] == "delivered" else None
        body = {"url": f"http://127.0.0.1:{self.dlr}/dlr"} | ({"events": events} if events else {})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/v1/webhook",
            data=json.dumps(body).encode(),
            method="PUT",
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).read()

    def template(self, dlr: bool) -> str:
        """The whole HTTP request; the reference carries n and t back in each webhook."""
        body = json.dumps(
            {"channel": "sms", "to": "+44790{to}", "from": "BENCH", "text": TEXT,
             "reference": "n={n} t={t}"}
        )  # fmt: skip
        path = self.work / "request.http"
        path.write_text(
            "POST /v1/messages HTTP/1.1\nHost: 127.0.0.1\n"
            f"Authorization: Bearer {self.key}\nContent-Type: application/json\n"
            "Content-Length: {len}\n\n" + body
        )
        return str(path)

    def stop(self) -> None:
        """Stops the private copy."""
        subprocess.run([str(ROOT / "cpaas"), "down"], env=self.environment, check=False)
