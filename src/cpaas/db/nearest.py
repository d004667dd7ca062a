"""The shortest way to the database: the embedded server's socket where there is one.

A message costs a service several round trips, and by TCP each of them costs twice as much.
"""

from urllib.parse import urlencode, urlsplit, urlunsplit

from cpaas.config import Settings


def nearest_dsn(settings: Settings) -> str:
    """The owner's address as the data plane uses it; another server's is taken as it is given."""
    folder = settings.home / "postgres" / "socket"
    if not settings.embedded or not (folder / f".s.PGSQL.{settings.postgres_port}").exists():
        return settings.dsn()
    parts = urlsplit(settings.dsn())
    login = parts.netloc.rpartition("@")[0]
    query = urlencode({"host": str(folder), "port": settings.postgres_port})
    return urlunsplit(parts._replace(netloc=f"{login}@", query=query))
