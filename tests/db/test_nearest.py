"""Services take the embedded server's socket, and any other server's address as it is given."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cpaas import config
from cpaas.db.nearest import nearest_dsn


def test_services_reach_the_embedded_server_by_its_socket(tmp_path: Path) -> None:
    settings = config.load({"CPAAS_HOME": str(tmp_path)})
    settings.postgres_password_file.write_text("a/b\n")
    assert nearest_dsn(settings) == settings.dsn(), "the server has made no socket"
    folder = tmp_path / "postgres" / "socket"
    folder.mkdir(parents=True)
    (folder / ".s.PGSQL.5433").touch()
    query = parse_qs(urlsplit(nearest_dsn(settings)).query)
    assert query == {"host": [str(folder)], "port": ["5433"]}
    assert nearest_dsn(settings).startswith("postgresql://cpaas:a%2Fb@/cpaas?")
    given = {"CPAAS_HOME": str(tmp_path), "CPAAS_DSN": "postgresql://u:p@db/x"}
    assert nearest_dsn(config.load(given)) == "postgresql://u:p@db/x"
