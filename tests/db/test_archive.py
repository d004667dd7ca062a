"""The archive of a backup: private, never overwritten, and whatever is damaged is found."""

import stat
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cpaas.db import schema_version
from cpaas.db.archive import FORMAT, MANIFEST, ArchiveReader, ArchiveWriter, Manifest
from cpaas.db.binaries import DatabaseError
from cpaas.db.migrate import migrate


def manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "format": FORMAT, "version": "1", "made_at": "2026-11-26T00:00:00+00:00",
        "postgres_major": 18, "migrations": ["0001_initial"], "counts": {"messages": 1},
        "environment": {},
    }  # fmt: skip
    return Manifest(**fields | changes)


async def made(path: Path, **changes: Any) -> Path:
    with ArchiveWriter(path) as archive:
        await archive.add_bytes("database.dump", b"dump" * 1000)
        await archive.add_bytes("keyring.json", b"keys")
        archive.finish(manifest(**changes))
    return path


async def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = await made(tmp_path / "b.zip")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader = ArchiveReader(path)
    assert list(reader.check())
    assert b"".join(reader.chunks("database.dump")) == b"dump" * 1000
    assert reader.content("keyring.json") == b"keys"
    assert reader.content("cpaas.toml") is None
    assert reader.manifest.counts == {"messages": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


async def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_text("mine")
    with pytest.raises(DatabaseError, match="never overwrites"):
        await made(path)
    assert path.read_text() == "mine"


async def test_a_failed_backup_leaves_nothing(tmp_path: Path) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError

    with ArchiveWriter(tmp_path / "b.zip") as archive:
        with pytest.raises(RuntimeError):
            await archive.add("database.dump", half())
        archive.__exit__(RuntimeError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
async def test_a_damaged_archive_is_found(tmp_path: Path, at: float) -> None:
    path = await made(tmp_path / "b.zip")
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match="damaged"):
        list(ArchiveReader(path).check())


async def test_what_was_exchanged_is_found(tmp_path: Path) -> None:
    """Whoever repairs the archive's own checksums still meets ours."""
    path = await made(tmp_path / "b.zip")
    said = zipfile.ZipFile(path).read(MANIFEST)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("database.dump", b"drop" * 1000)
        archive.writestr("keyring.json", b"keys")
        archive.writestr(MANIFEST, said)
    with pytest.raises(DatabaseError, match=r"database\.dump is not what was saved"):
        list(ArchiveReader(path).check())


async def test_a_cut_off_or_foreign_file_is_no_backup(tmp_path: Path) -> None:
    path = await made(tmp_path / "b.zip")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatabaseError, match="damaged"):
        ArchiveReader(path)
    with pytest.raises(DatabaseError, match="there is no file"):
        ArchiveReader(tmp_path / "none.zip")


async def test_a_newer_form_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "b.zip", format=FORMAT + 1, version="9.9")
    with pytest.raises(DatabaseError, match=r"9\.9"):
        ArchiveReader(path)


def test_migrations_are_known_by_their_files() -> None:
    names = schema_version.known()
    assert names[0] == "0001_initial"
    assert names == sorted(names)
    schema_version.refuse_newer("it", names)
    with pytest.raises(DatabaseError, match="9999_future"):
        schema_version.refuse_newer("it", [*names, "9999_future"])


async def test_a_schema_counts_as_laid_only_by_exactly_this_code(dsn: str, pool: Any) -> None:
    assert await schema_version.is_laid(dsn)
    # A dump brings the note to a server whose role has no rights there.
    await pool.execute("REVOKE SELECT ON message FROM cpaas_portal")
    assert not await schema_version.is_laid(dsn)
    await pool.execute("GRANT SELECT ON message TO cpaas_portal")
    assert await schema_version.is_laid(dsn)
    await pool.execute("COMMENT ON TABLE django_migrations IS 'of other code'")
    assert not await schema_version.is_laid(dsn)
    await schema_version.note_laid(dsn)
    await pool.execute("DELETE FROM django_migrations WHERE name = $1", schema_version.known()[-1])
    assert not await schema_version.is_laid(dsn)


async def test_old_code_leaves_a_newer_database_alone(dsn: str, pool: Any) -> None:
    assert await schema_version.applied(dsn) == schema_version.known()
    await pool.execute(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('schema', '9999_future', now())"
    )
    with pytest.raises(DatabaseError, match="newer version") as refused:
        await migrate(dsn)
    assert "install the newer version" in refused.value.todo
