"""The keyring binds secrets to their rows; passwords verify here and in the consoles' framework."""

from pathlib import Path

import pytest

from cpaas.kit import secrets
from cpaas.kit.secrets import Keyring, SecretsError


def test_what_was_encrypted_comes_back_for_its_row_only(tmp_path: Path) -> None:
    ring = Keyring.load_or_make(tmp_path / "new" / "keyring.json")
    blob = ring.encrypt(b"s3cret", table="route", row="smpp1")
    assert b"s3cret" not in blob
    assert ring.decrypt(blob, table="route", row="smpp1") == b"s3cret"
    for table, row in (("route", "smpp2"), ("webhook_endpoint", "smpp1")):
        with pytest.raises(SecretsError, match="copied from another row"):
            ring.decrypt(blob, table=table, row=row)


def test_the_file_is_private_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    first = Keyring.load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.load_or_make(path).current == first.current
    assert [p.name for p in tmp_path.iterdir()] == ["keyring.json"]
    path.chmod(0o644)
    with pytest.raises(SecretsError, match="chmod 600"):
        Keyring.load(path)


def test_rotation_keeps_old_secrets_readable_in_every_process(tmp_path: Path) -> None:
    ring = Keyring.load_or_make(tmp_path / "keyring.json")
    other_process = Keyring.load(tmp_path / "keyring.json")
    old = ring.encrypt(b"old", table="route", row="a")
    before = ring.current
    assert ring.rotate() != before
    new = ring.encrypt(b"new", table="route", row="a")
    for reader in (ring, other_process, Keyring.load(tmp_path / "keyring.json")):
        assert reader.decrypt(old, table="route", row="a") == b"old"
        assert reader.decrypt(new, table="route", row="a") == b"new"


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    blob = Keyring.load_or_make(tmp_path / "one.json").encrypt(b"x", table="t", row="r")
    stranger = Keyring.load_or_make(tmp_path / "two.json")
    with pytest.raises(SecretsError, match=r"key k[0-9a-f]{6}, which .*two\.json lacks"):
        stranger.decrypt(blob, table="t", row="r")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02\x01aaaaa", b"\x01\xffshort", b"plain text"])
def test_garbage_is_refused(tmp_path: Path, blob: bytes) -> None:
    with pytest.raises(SecretsError, match="not one of ours"):
        Keyring.load_or_make(tmp_path / "k.json").decrypt(blob, table="t", row="r")


@pytest.mark.parametrize("content", ["", "{}", '{"current":"a","keys":{}}'])
def test_a_damaged_keyring_says_restore(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keyring.json"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(SecretsError, match="restore"):
        Keyring.load(path)


def test_a_missing_keyring_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match=r"cannot be read.*restore"):
        Keyring.load(tmp_path / "none.json")


def test_passwords_verify_here_and_in_django() -> None:
    from django.contrib.auth.hashers import Argon2PasswordHasher

    encoded = secrets.hash_password("correct horse battery")
    assert encoded.startswith("argon2$argon2id$v=19$")
    assert secrets.verify_password(encoded, "correct horse battery")
    assert not secrets.verify_password(encoded, "wrong")
    hasher = Argon2PasswordHasher()
    assert hasher.verify("correct horse battery", encoded)
    assert secrets.verify_password(
        hasher.encode("from a console", "saltsaltsalt"), "from a console"
    )


@pytest.mark.parametrize("encoded", ["", "!", "argon2", "argon2$nonsense", "pbkdf2_sha256$1$a$b"])
def test_an_unusable_hash_verifies_nothing(encoded: str) -> None:
    assert not secrets.verify_password(encoded, "anything")


@pytest.mark.parametrize(
    ("password", "strong"),
    [
        ("Tr1cky-Horse", True),
        ("a long sentence is fine too", True),
        ("short1A!", False),
        ("alllowercase", False),
        ("Password1234!", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("Acmeowner-2026x", False),
        ("x" * 200, False),
    ],
)
def test_weak_passwords_are_told_why(password: str, strong: bool) -> None:
    fault = secrets.password_fault(password, ["acmeowner"])
    assert (fault == "") is strong, fault


def test_generated_secrets_have_their_forms() -> None:
    key = secrets.new_api_key("live")
    assert key.startswith("live_")
    assert len(key) == 48
    assert key[5:].isalnum()
    assert len(secrets.api_key_digest(key)) == 32
    assert secrets.api_key_prefix(key) == key[:9]
    assert secrets.new_api_key("test").startswith("test_")
    assert len({secrets.new_api_key("live") for _ in range(50)}) == 50
    assert len(secrets.new_smpp_password()) == 8
    assert secrets.password_fault(secrets.new_temporary_password()) == ""
