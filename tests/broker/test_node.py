"""What is prepared for a private RabbitMQ node, and what is told when it cannot be."""

import os
import stat
from pathlib import Path

import pytest
from tests.parts import require

from cpaas import config
from cpaas.broker import address, node


def settings(home: Path) -> config.Settings:
    return config.load({"CPAAS_HOME": str(home), "CPAAS_RABBITMQ": "on"})


def test_without_the_package_its_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(node.NodeError) as refused:
        node.prepare(settings(tmp_path), servers=[tmp_path / "rabbitmq-server"])
    assert "not installed" in refused.value.what
    assert "apt-get install rabbitmq-server" in refused.value.todo
    assert "CPAAS_AMQP_URL" in refused.value.todo


def test_secrets_are_made_once_and_are_nobody_elses(tmp_path: Path) -> None:
    require("rabbitmq")
    made = node.prepare(settings(tmp_path))
    url = address.url(settings(tmp_path))
    cookie = tmp_path / "rabbitmq" / ".erlang.cookie"
    before = cookie.read_text()
    assert stat.S_IMODE(cookie.stat().st_mode) == 0o400
    assert stat.S_IMODE((tmp_path / "rabbitmq.password").stat().st_mode) == 0o600
    assert node.prepare(settings(tmp_path)) == made
    assert (cookie.read_text(), address.url(settings(tmp_path))) == (before, url)
    assert made.server.env["HOME"] == str(tmp_path / "rabbitmq")


def test_a_lost_password_starts_an_empty_node(tmp_path: Path) -> None:
    require("rabbitmq")
    node.prepare(settings(tmp_path))
    (tmp_path / "rabbitmq" / "data").mkdir()
    (tmp_path / "rabbitmq.password").unlink()
    node.prepare(settings(tmp_path))
    assert not (tmp_path / "rabbitmq" / "data").exists()


def test_variables_of_another_node_are_not_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("rabbitmq")
    monkeypatch.setitem(os.environ, "RABBITMQ_NODENAME", "rabbit@elsewhere")
    monkeypatch.setitem(os.environ, "ERL_FLAGS", "-sname other")
    env = node.prepare(settings(tmp_path)).server.env
    assert env["RABBITMQ_NODENAME"] == node.NODE
    assert "ERL_FLAGS" not in env


def test_a_given_server_stands_above_an_own_node(tmp_path: Path) -> None:
    given = config.load(
        {"CPAAS_HOME": str(tmp_path), "CPAAS_RABBITMQ": "on", "CPAAS_AMQP_URL": "amqp://h/"}
    )
    assert not address.own(given)
    assert address.url(given) == "amqp://h/"
    assert address.url(config.load({})) == ""
