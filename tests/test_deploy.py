"""What deploy/ and compose.yaml say holds of this tree: settings, ports, metrics, passwords."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cpaas.config import OPTIONS
from cpaas.services.catalogue import BY_NAME

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
#: What Prometheus itself, or its client library, adds to a metric's name.
ADDED = re.compile(r"_(total|bucket|count|sum)$")
#: Variables of the start script, not of the settings.
OF_THE_SCRIPT = {"CPAAS_VENV", "CPAAS_DB_PASSWORD", "CPAAS_MQ_PASSWORD", "CPAAS_HOME"}


def deployed() -> list[Path]:
    files = [p for p in (ROOT / "deploy").rglob("*") if p.is_file()]
    return [*files, ROOT / "compose.yaml"]


def test_every_setting_that_is_named_exists() -> None:
    known = {option.env for option in OPTIONS} | OF_THE_SCRIPT
    for path in deployed():
        named = set(re.findall(r"\bCPAAS_[A-Z_]+[A-Z]\b", path.read_text()))
        assert named <= known, path.name


def test_no_password_has_a_default() -> None:
    for name, service in COMPOSE["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASS|DSN|AMQP_URL", key):
                assert ":?" in value, f"{name}: {key}"


def test_images_are_pinned_and_ports_stay_on_this_machine() -> None:
    for name, service in COMPOSE["services"].items():
        if "image" in service:
            assert re.search(r":v?\d", service["image"]), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_the_container_publishes_the_ports_of_every_service() -> None:
    defaults = {option.name: option.default for option in OPTIONS}
    published = {port.rsplit(":", 1)[1] for port in COMPOSE["services"]["cpaas"]["ports"]}
    exposed = set(re.findall(r"\d+", re.findall(r"^EXPOSE (.*)$", dockerfile(), re.MULTILINE)[0]))
    for service in BY_NAME.values():
        if not service.sandbox_only:
            wanted = {str(defaults[name]) for name in service.ports}
            assert wanted <= published & exposed, service.name


def dockerfile() -> str:
    return (ROOT / "deploy" / "container" / "Dockerfile").read_text()


def test_files_that_the_container_copies_are_in_its_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for sources in re.findall(r"^COPY (.*) \S+$", dockerfile(), re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()
            assert source not in ignored


@pytest.mark.parametrize("name", ["dashboard", "alerts"])
def test_every_metric_of_the_board_is_one_that_the_services_show(name: str) -> None:
    source = "".join(p.read_text() for p in (ROOT / "src" / "cpaas").rglob("*.py"))
    shown = set(re.findall(r'"(cpaas_[a-z_]+)"', source))
    used = set(re.findall(r"\bcpaas_[a-z_]+", " ".join(expressions(name))))
    assert used
    assert {one for one in used if not {one, ADDED.sub("", one)} & shown} == set()


def expressions(name: str) -> list[str]:
    if name == "alerts":
        rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
        return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    board = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "cpaas.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def test_prometheus_asks_every_service_that_is_not_a_simulator() -> None:
    file = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    asked = {one["labels"]["service"] for one in file["scrape_configs"][0]["static_configs"]}
    assert asked >= {one.name for one in BY_NAME.values() if not one.sandbox_only}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    """The program and the user do not exist here; everything else must be understood."""
    copy = tmp_path / unit.name.replace("@", "@cpaas-sms")
    copy.write_text(
        re.sub("^ExecStart=.*$", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    faults = [line for line in done.stderr.splitlines() if copy.name in line]
    assert faults == []
