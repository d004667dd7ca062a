"""Which value of a platform setting is in force: the start's if given, else what is stored."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cpaas.config import OPTIONS as STARTED
from cpaas.config import Settings
from cpaas.kit.secrets import Keyring, SecretsError
from cpaas.settings.options import BY_NAME, Option

TABLE: Final = "platform_setting"
DEFAULT_NAME: Final = "CPaaS"
_ENV: Final = {one.name: one.env for one in STARTED}
#: what is a setting of the start as well, under the same name.
SHARED: Final = ("currency", "timezone", "ollama_host", "ollama_model", "retention_days")


class Current(msgspec.Struct, frozen=True):
    """The settings of one moment. fixed: names of the start's settings that were given."""

    started: Settings
    fixed: frozenset[str]
    rows: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value in force; of a secret only whether there is one."""
        option = BY_NAME[name]
        if option.kind == "secret":
            return bool(self.rows.get(name))
        own = name if hasattr(self.started, name) else ""
        if own and own in self.fixed:
            return getattr(self.started, own)
        if name in self.rows:
            return self.rows[name]
        return getattr(self.started, own) if own else option.default

    def fixed_by(self, option: Option) -> str:
        """The variable that fixes it, "" when it may be changed here."""
        return _ENV[option.started] if option.started in self.fixed else ""

    @property
    def name(self) -> str:
        """The platform's name."""
        return str(self["platform_name"]) or DEFAULT_NAME

    @property
    def logo(self) -> str:
        """The digest of the logo, "" without one."""
        known = self.rows.get("logo")
        return str(known.get("digest", "")) if isinstance(known, dict) else ""

    @property
    def has_mail(self) -> bool:
        """Whether mail can be sent at all."""
        return bool(self.started.smtp_url or self.rows.get("mail_host"))

    def applied(self) -> Settings:
        """The settings of the start with what was changed since."""
        return msgspec.structs.replace(self.started, **{one: self[one] for one in SHARED})

    def secret(self, name: str, keyring: Keyring) -> bytes:
        """A stored secret, b"" when there is none. Errors: SecretsError."""
        known = self.rows.get(name)
        if not known:
            return b""
        if not isinstance(known, dict) or not isinstance(known.get("secret"), str):
            raise SecretsError(f"the setting {name} is no secret", "enter it again")
        return keyring.decrypt(base64.b64decode(known["secret"]), table=TABLE, row=name)


def sealed(keyring: Keyring, name: str, plain: bytes) -> dict[str, str]:
    """A secret as its row holds it."""
    blob = keyring.encrypt(plain, table=TABLE, row=name)
    return {"secret": base64.b64encode(blob).decode()}
