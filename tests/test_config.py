"""Settings: defaults, sources, offsets, and errors that name variable, value and remedy."""

import ipaddress
from pathlib import Path

import pytest

from cpaas import config
from cpaas.cli.settings import settings_page
from cpaas.config_values import ConfigError
from cpaas.services import catalogue

ROOT = Path(__file__).parent.parent


def test_defaults() -> None:
    settings = config.load({})
    assert (settings.core_port, settings.sms_port, settings.postgres_port) == (8081, 8082, 5433)
    assert settings.host == "127.0.0.1"
    assert settings.sandbox
    assert settings.embedded
    assert settings.home == ROOT / ".cpaas"
    assert settings.keyring == ROOT / ".cpaas" / "keyring.json"


def test_offset_moves_every_port_that_is_not_set_by_name() -> None:
    settings = config.load({"CPAAS_PORT_OFFSET": "100", "CPAAS_SMS_PORT": "9000"})
    assert settings.core_port == 8181
    assert settings.sms_port == 9000
    assert settings.postgres_port == 5533


def test_environment_stands_above_the_file(tmp_path: Path) -> None:
    (tmp_path / "cpaas.toml").write_text(
        'core_port = 7001\nsms_port = 7002\nsandbox = false\nallow_networks = ["10.0.0.0/8"]\n'
    )
    settings = config.load({"CPAAS_HOME": str(tmp_path), "CPAAS_SMS_PORT": "7100"})
    assert (settings.core_port, settings.sms_port, settings.sandbox) == (7001, 7100, False)
    assert settings.allow_networks == (ipaddress.ip_network("10.0.0.0/8"),)


def test_a_host_runs_the_channels_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "cpaas.toml").write_text('channels = ["voice", "SMS"]\n')
    settings = config.load({"CPAAS_HOME": str(tmp_path), "CPAAS_CONSOLES": "off"})
    assert settings.channels == ("sms", "voice")
    assert [one.name for one in catalogue.active(settings)] == [
        "simulator-smsc", "simulator-voice", "cpaas-core", "cpaas-sms", "cpaas-voice",
    ]  # fmt: skip
    assert len(catalogue.active(config.load({}))) == len(catalogue.CATALOGUE)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CPAAS_CORE_PORT", "http", "a whole number from 1 to 65535"),
        ("CPAAS_CORE_PORT", "0", "a whole number from 1 to 65535"),
        ("CPAAS_CORE_PORT", "70000", "a whole number from 1 to 65535"),
        ("CPAAS_SANDBOX", "perhaps", "on or off"),
        ("CPAAS_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("CPAAS_CHANNELS", "sms,fax", "one or more of sms, whatsapp, rcs, voice"),
        ("CPAAS_TIMEZONE", "Mars/Base", "an IANA time zone"),
        ("CPAAS_CURRENCY", "rupee", "three capital letters"),
        ("CPAAS_DSN", "mysql://x", "a URL that begins with postgresql://"),
        ("CPAAS_TRUSTED_PROXIES", "10.0.0.1/8", "CIDR"),
        ("CPAAS_HOME", "", "give a path"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load({name: value})
    assert name in refused.value.what
    assert value.partition(":")[0] in refused.value.what
    assert told in refused.value.todo


def test_a_password_in_a_bad_url_is_not_told() -> None:
    with pytest.raises(ConfigError) as refused:
        config.load({"CPAAS_DSN": "mysql://user:hush@host/db"})
    assert "hush" not in refused.value.what


def test_an_offset_may_not_leave_the_ports() -> None:
    with pytest.raises(ConfigError, match="CPAAS_PORT_OFFSET"):
        config.load({"CPAAS_PORT_OFFSET": "60000"})


def test_unknown_names_are_told_with_the_nearest() -> None:
    warnings = config.unknown_names({"CPAAS_SANDBX": "on", "CPAAS_HOME": "/x", "PATH": "/bin"})
    assert warnings == ["CPAAS_SANDBX is not a setting and is ignored; did you mean CPAAS_SANDBOX?"]


def test_unknown_names_in_the_file_are_errors(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("core_prt = 1\n")
    with pytest.raises(ConfigError, match="core_prt is not a setting") as refused:
        config.load({"CPAAS_CONFIG": str(tmp_path / "x.toml")})
    assert "core_port" in refused.value.todo


def test_dsn_of_each_role(tmp_path: Path) -> None:
    settings = config.load({"CPAAS_HOME": str(tmp_path)})
    with pytest.raises(ConfigError, match="cannot be read"):
        settings.dsn()
    settings.postgres_password_file.write_text("a/b\n")
    settings.portal_password_file.write_text("p\n")
    assert settings.dsn() == "postgresql://cpaas:a%2Fb@127.0.0.1:5433/cpaas"
    assert settings.dsn("portal") == "postgresql://cpaas_portal:p@127.0.0.1:5433/cpaas"
    given = config.load({"CPAAS_DSN": "postgresql://u:p@db/x"})
    assert given.dsn() == "postgresql://u:p@db/x"
    assert not given.embedded


def test_every_option_is_documented() -> None:
    assert all(option.help.endswith(".") for option in config.OPTIONS)


def test_the_reference_page_is_current() -> None:
    page = ROOT / "docs" / "reference" / "settings.md"
    assert page.read_text() == settings_page(), (
        "write it anew: ./cpaas settings --markdown > docs/reference/settings.md"
    )
