"""Measures a campaign on a private copy: reading a file of a million rows, then its launch.

`.venv/bin/python bench/campaigns.py --rows 1000000 [--xlsx]` starts a copy with the settings of
the environment (CPAAS_HOME, CPAAS_PORT_OFFSET), stops cpaas-sms so that nothing but the launch
works, and prints rows a second and the peak of resident memory of the reader and of cpaas-core.
`--make FILE` only writes such a file, `--file FILE` measures with one that is there.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from openpyxl import Workbook

ROOT = Path(__file__).resolve().parents[1]
PORT = 8081


def cpaas(*words: str) -> Any:
    """`./cpaas … --json`, decoded."""
    done = subprocess.run(
        [str(ROOT / "cpaas"), *words, "--json"], capture_output=True, text=True, check=False,
        env={**os.environ, "CPAAS_CONSOLES": "off"},
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{words}: {done.stdout}{done.stderr}")
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else None


def call(key: str, method: str, path: str, body: Any = None) -> Any:
    """One call of the REST API; a file goes as it is."""
    port = PORT + int(os.environ.get("CPAAS_PORT_OFFSET", "0"))
    headers = {"Authorization": f"Bearer {key}"}
    data: Any = body
    if isinstance(body, dict):
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    elif body is not None:
        headers["Content-Length"] = str(os.fstat(body.fileno()).st_size)
        headers["Content-Type"] = "application/octet-stream"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/campaigns{path}", data=data, method=method, headers=headers
    )
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.loads(reply.read())


def write(path: Path, rows: int, *, xlsx: bool) -> None:
    """A file of good rows with a number and two more columns."""
    if xlsx:
        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        sheet.append(["phone", "name", "order"])
        for n in range(rows):
            sheet.append([f"+9198{n:08d}", f"Person {n}", n])
        book.save(path)
        return
    with path.open("w") as file:
        file.write("phone,name,order\n")
        file.writelines(f"+9198{n:08d},Person {n},{n}\n" for n in range(rows))


class Peaks:
    """Highest resident memory of processes, in MB, and their CPU seconds."""

    def __init__(self, core: int) -> None:
        self.core = psutil.Process(core)
        self.reader = 0.0
        self.core_mb = 0.0
        self.postgres = 0.0

    def look(self) -> None:
        """Take a look now."""
        self.core_mb = max(self.core_mb, self.core.memory_info().rss / 2**20)
        for child in self.core.children():
            if "stage_process" in " ".join(child.cmdline()):
                self.reader = max(self.reader, child.memory_info().rss / 2**20)


def until(key: str, campaign_id: int, peaks: Peaks, done: Any) -> float:
    """Seconds until a campaign is so."""
    began = time.monotonic()
    while not done(call(key, "GET", f"/{campaign_id}")):
        with contextlib.suppress(psutil.NoSuchProcess):
            peaks.look()
        time.sleep(0.1)
    return time.monotonic() - began


def measure(path: Path, rows: int, *, launch: bool) -> dict[str, Any]:
    """Read, and launch without limit."""
    account = cpaas("account", "create", f"bulk{int(time.time())}", "--username",
                    f"bulk{int(time.time())}", "--credit", "1000000")  # fmt: skip
    name, key = account["name"], account["api_key"]
    cpaas("price", "set", "--account", name, "--channel", "sms", "0.12")
    cpaas("sender", "create", "MYBRAND", "--account", name, "--channel", "sms", "--approve")
    services = {row["name"]: row["pid"] for row in cpaas("status")["services"]}
    peaks = Peaks(services["cpaas-core"])
    time.sleep(2)
    peaks.look()
    idle = peaks.core_mb
    text = "Dear {{name}}, order {{order}} is ready."
    made = call(key, "POST", "", {"name": "bench", "text": text})
    began = time.monotonic()
    with path.open("rb") as file:
        call(key, "PUT", f"/{made['id']}/file", file)
    uploaded = time.monotonic() - began
    size = path.stat().st_size
    read = until(key, made["id"], peaks, lambda one: one["checked"])
    told: dict[str, Any] = {
        "rows": rows, "file_mb": round(size / 2**20, 1), "upload_s": round(uploaded, 1),
        "read_s": round(read, 1), "read_rows_s": round(rows / read),
        "reader_peak_mb": round(peaks.reader), "core_idle_mb": round(idle),
    }  # fmt: skip
    if launch:
        call(key, "POST", f"/{made['id']}/start")
        launched = until(key, made["id"], peaks, lambda one: one["accepted"] >= rows)
        whole = uploaded + read + launched
        told |= {
            "launch_s": round(launched, 1), "launch_rows_s": round(rows / launched),
            "whole_s": round(whole, 1), "whole_rows_s": round(rows / whole),
        }  # fmt: skip
    return told | {"core_peak_mb": round(peaks.core_mb)}


def run(path: Path, rows: int, *, launch: bool) -> None:
    """Start a copy, measure, stop it."""
    cpaas("up", "--detach")
    try:
        cpaas("service", "stop", "cpaas-sms")
        print(json.dumps(measure(path, rows, launch=launch)))
    finally:
        cpaas("down")


def main() -> None:
    """Make a file, measure with it, or both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--xlsx", action="store_true")
    parser.add_argument("--no-launch", action="store_true")
    parser.add_argument("--make", type=Path)
    parser.add_argument("--file", type=Path)
    chosen = parser.parse_args()
    if chosen.make:
        write(chosen.make, chosen.rows, xlsx=chosen.xlsx)
    elif chosen.file:
        run(chosen.file, chosen.rows, launch=not chosen.no_launch)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("rows.xlsx" if chosen.xlsx else "rows.csv")
            write(path, chosen.rows, xlsx=chosen.xlsx)
            run(path, chosen.rows, launch=not chosen.no_launch)


if __name__ == "__main__":
    main()
