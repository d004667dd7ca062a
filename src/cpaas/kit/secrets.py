"""Encrypts stored credentials, hashes passwords and makes keys and passwords for people to use.

One module owns all of it, so that no other part chooses a cipher, a hash or an alphabet.
"""

import hashlib
import hmac
import os
import secrets
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
#: octets of an SMPP 3.4 password and system id, without the closing NUL.
SMPP_PASSWORD_MAX: Final = 8
SMPP_SYSTEM_ID_MAX: Final = 15
PASSWORD_LENGTH_MIN: Final = 10
#: longer ones only cost time to hash.
PASSWORD_LENGTH_MAX: Final = 128
#: from this length on any mixture of characters is strong enough.
PASSPHRASE_LENGTH: Final = 16

_LAYOUT: Final = 1
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: without what people confuse when they read aloud or type off a screen.
_READABLE: Final = "23456789abcdefghjkmnpqrstuvwxyz"
_READABLE_CASED: Final = "23456789abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ"
# OWASP's first recommendation; an SMPP process verifies many binds, so memory counts.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_DJANGO_PREFIX: Final = "argon2"
_COMMON: Final = frozenset(
    {"password", "passw0rd", "welcome", "letmein", "qwerty", "admin", "changeme", "iloveyou"}
)
KeyKind = Literal["live", "test"]


class SecretsError(Exception):
    """A secret cannot be read or the keyring not used; says what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(f"{what}; {todo}")
        self.what = what
        self.todo = todo


class _File(msgspec.Struct):
    current: str
    keys: dict[str, bytes]


class Keyring:
    """The keys that encrypt stored credentials, and the file they live in.

    A blob is bound to its table and row: moved to another row, it does not decrypt.
    """

    def __init__(self, path: Path, current: str, keys: dict[str, bytes]) -> None:
        self._path = path
        self._current = current
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """The keyring in a file that must exist."""
        file = _read(path)
        return cls(path, file.current, file.keys)

    @classmethod
    def load_or_make(cls, path: Path) -> "Keyring":
        """The keyring in the file, made with one fresh key if there is no file yet."""
        if not path.exists():
            key_id = _new_id(())
            content = _File(current=key_id, keys={key_id: secrets.token_bytes(KEY_BYTES)})
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = _write_partial(path, content)
            try:
                # A link never replaces: of two processes that start together one makes the file.
                os.link(partial, path)
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        return cls.load(path)

    @property
    def current(self) -> str:
        """Id of the key that encrypts."""
        return self._current

    def derive(self, purpose: str) -> bytes:
        """32 bytes made from the current key for another purpose; they tell nothing of the key."""
        return hmac.digest(self._keys[self._current], purpose.encode(), "sha256")

    def rotate(self) -> str:
        """Makes a new key, encrypts with it from now on and returns its id; old ones decrypt."""
        self._reload()
        key_id = _new_id(self._keys)
        keys = {**self._keys, key_id: secrets.token_bytes(KEY_BYTES)}
        _write_partial(self._path, _File(current=key_id, keys=keys)).replace(self._path)
        self._current, self._keys = key_id, keys
        return key_id

    def encrypt(self, plain: bytes, *, table: str, row: str) -> bytes:
        """A blob that only this keyring reads, and only as this row of this table."""
        head = bytes((_LAYOUT, len(self._current))) + self._current.encode()
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, plain, _bound(head, table, row))
        return head + nonce + sealed

    def decrypt(self, blob: bytes, *, table: str, row: str) -> bytes:
        """What was encrypted for this row; SecretsError if key or row are not the ones."""
        key_id, head, rest = _split(blob, table, row)
        if key_id not in self._keys:
            self._reload()  # Another process may have rotated since.
        if key_id not in self._keys:
            raise SecretsError(
                f"{table} {row} is encrypted with key {key_id}, which {self._path} lacks",
                "restore the keyring file from the backup of this installation",
            )
        try:
            return AESGCM(self._keys[key_id]).decrypt(
                rest[:NONCE_BYTES], rest[NONCE_BYTES:], _bound(head, table, row)
            )
        except InvalidTag:
            raise SecretsError(
                f"the secret of {table} {row} is damaged or was copied from another row",
                "enter the credentials again",
            ) from None

    def _reload(self) -> None:
        file = _read(self._path)
        self._current, self._keys = file.current, file.keys


def hash_password(password: str) -> str:
    """Argon2id hash in the form that Django's argon2 hasher reads: argon2$argon2id$v=19$…"""
    return _DJANGO_PREFIX + _HASHER.hash(password)


def verify_password(encoded: str, password: str) -> bool:
    """Whether the password is the one hashed; takes tens of milliseconds, so use a thread."""
    prefix, dollar, rest = encoded.partition("$")
    if prefix != _DJANGO_PREFIX or len(password) > PASSWORD_LENGTH_MAX:
        return False
    try:
        return _HASHER.verify(dollar + rest, password)
    except (VerificationError, InvalidHashError):
        return False


def password_fault(password: str, names: Iterable[str] = ()) -> str:
    """Why a chosen password is too weak, as a sentence; "" when it is strong enough."""
    lowered = password.lower()
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        return f"Use {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters."
    if any(len(name) >= 4 and name.lower() in lowered for name in names):
        return "Leave the name and the address out of the password."
    if len(set(password)) < 5 or lowered.strip(string.digits + string.punctuation) in _COMMON:
        return "Use a password that cannot be guessed: this one is common or repeats itself."
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    if len(password) < PASSPHRASE_LENGTH and sum(any(map(k, password)) for k in kinds) < 3:
        return (
            "Mix three of: small letters, capital letters, digits, signs; "
            f"or use {PASSPHRASE_LENGTH} characters and more."
        )
    return ""


def new_api_key(kind: KeyKind | Literal["admin"]) -> str:
    """A REST key: live_…, test_… or admin_… with 256 random bits in letters and digits."""
    number = secrets.randbits(KEY_BYTES * 8)
    digits = []
    for _ in range(43):  # 62 ** 43 > 2 ** 256
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return f"{kind}_{''.join(digits)}"


def api_key_digest(key: str) -> bytes:
    """SHA-256 of a REST key: what is stored, and what the key is found by."""
    return hashlib.sha256(key.encode()).digest()


def api_key_prefix(key: str) -> str:
    """The start of a key that may be shown, so that a person knows which one it is."""
    return key[: key.index("_") + 5]


def new_temporary_password() -> str:
    """A password to read aloud and type once: four groups of four, 79 random bits."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def new_smpp_password() -> str:
    """A password as long as SMPP 3.4 allows: 8 letters and digits."""
    return "".join(secrets.choice(_READABLE_CASED) for _ in range(SMPP_PASSWORD_MAX))


def _bound(head: bytes, table: str, row: str) -> bytes:
    return head + table.encode() + b"\0" + row.encode()


def _split(blob: bytes, table: str, row: str) -> tuple[str, bytes, bytes]:
    end = 2 + blob[1] if len(blob) > 2 else 0
    if not end or blob[0] != _LAYOUT or len(blob) < end + NONCE_BYTES + 16:
        raise SecretsError(
            f"the secret of {table} {row} is not one of ours", "enter the credentials again"
        )
    return blob[2:end].decode("ascii", "replace"), blob[:end], blob[end:]


def _new_id(taken: Iterable[str]) -> str:
    while (key_id := f"k{secrets.token_hex(3)}") in taken:
        pass
    return key_id


def _read(path: Path) -> _File:
    try:
        if path.stat().st_mode & 0o077:
            raise SecretsError(f"others may read the keyring {path}", f"run `chmod 600 {path}`")
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as error:
        raise SecretsError(
            f"the keyring {path} cannot be read: {error.strerror}",
            "restore it from the backup, or run `cpaas up` once in a new home",
        ) from error
    except msgspec.MsgspecError as error:
        raise SecretsError(f"the keyring {path} is damaged: {error}", "restore it") from error
    if file.current not in file.keys or any(len(k) != KEY_BYTES for k in file.keys.values()):
        raise SecretsError(f"the keyring {path} is incomplete", "restore it from the backup")
    return file


def _write_partial(path: Path, content: _File) -> Path:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.encode(content))
        file.flush()
        os.fsync(file.fileno())
    return partial
