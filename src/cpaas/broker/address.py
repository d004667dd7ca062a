"""Where the RabbitMQ is that carries the queues: a given one, or the private node."""

from pathlib import Path
from typing import Final

from cpaas.config import Settings
from cpaas.config_values import ConfigError

USER: Final = "cpaas"


def own(settings: Settings) -> bool:
    """True when the supervisor runs a RabbitMQ node itself."""
    return settings.rabbitmq and not settings.amqp_url


def password_file(settings: Settings) -> Path:
    """File with the generated password of the private node."""
    return settings.home / "rabbitmq.password"


def url(settings: Settings) -> str:
    """Its AMQP URL; empty: PostgreSQL carries the queues alone. Errors: ConfigError."""
    if not own(settings):
        return settings.amqp_url
    path = password_file(settings)
    try:
        password = path.read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"the RabbitMQ password in {path} cannot be read: {error.strerror}",
            "run `cpaas up --rabbitmq` once in this home, or set CPAAS_AMQP_URL",
        ) from error
    return f"amqp://{USER}:{password}@127.0.0.1:{settings.rabbitmq_port}/"
