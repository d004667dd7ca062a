"""The file of a backup: a plain zip archive with a manifest, and a checksum for each file in it.

Stored, not compressed: the dump inside is compressed already, and any unzip can open it.
"""

import contextlib
import hashlib
import os
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, Any, Final, Self

import msgspec

from cpaas.db.binaries import DatabaseError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK_BYTES: Final = 1024 * 1024


class FileEntry(msgspec.Struct, frozen=True):
    """One file of the archive."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is of. counts: rows at its very moment; environment: CPAAS_ names then set."""

    format: int
    version: str
    made_at: str
    postgres_major: int
    migrations: list[str]
    counts: dict[str, int]
    environment: dict[str, str]
    files: list[FileEntry] = []


class ArchiveWriter:
    """Writes an archive beside its place and gives it its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._files: list[FileEntry] = []
        self.bytes = 0

    def __enter__(self) -> Self:
        refuse_existing(self._path)
        try:
            # Nobody else can read it, not even for a moment: the keyring will be in it.
            number = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            os.fchmod(number, 0o600)
        except OSError as error:
            raise DatabaseError(
                f"{self._partial} cannot be written: {error.strerror}",
                "choose another folder, or make room in it",
            ) from error
        self._raw: IO[bytes] = os.fdopen(number, "w+b")
        self._zip = zipfile.ZipFile(self._raw, "w", zipfile.ZIP_STORED)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            with contextlib.suppress(ValueError, OSError):
                self._zip.close()
            self._raw.close()
            self._partial.unlink(missing_ok=True)

    async def add(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Adds a file as it comes."""
        digest, size = hashlib.sha256(), 0
        entry = zipfile.ZipInfo(name, time.localtime()[:6])
        with self._zip.open(entry, "w", force_zip64=True) as file:
            async for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                self.bytes += len(chunk)
        self._files.append(FileEntry(name, size, digest.hexdigest()))

    async def add_bytes(self, name: str, content: bytes) -> None:
        """Adds a small file."""

        async def once() -> AsyncIterator[bytes]:
            yield content

        await self.add(name, once())

    def finish(self, manifest: Manifest) -> Manifest:
        """Adds the manifest and gives the archive its name."""
        whole = msgspec.structs.replace(manifest, files=self._files)
        self._zip.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(whole), indent=2))
        self._zip.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        refuse_existing(self._path)
        self._partial.rename(self._path)
        return whole


def refuse_existing(path: Path) -> None:
    """Raises DatabaseError if there is something already."""
    if path.exists():
        raise DatabaseError(
            f"{path} is there already, and a backup never overwrites", "give another name"
        )


class ArchiveReader:
    """Reads an archive; `check` first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest = msgspec.json.decode(self._zip.read(MANIFEST), type=Manifest)
        except FileNotFoundError as error:
            raise DatabaseError(f"there is no file {path}", "give the path of a backup") from error
        except (OSError, KeyError, zipfile.BadZipFile, msgspec.DecodeError) as error:
            raise self._not_whole(f"it is no backup of this platform ({error})") from error
        if self.manifest.format > FORMAT:
            raise DatabaseError(
                f"{path} was made by a newer version ({self.manifest.version}) in a form that this"
                " one does not know",
                "restore it with that version",
            )

    def check(self) -> Iterator[int]:
        """Compares every file with its checksum; gives the bytes read, now and then."""
        done = 0
        for entry in self.manifest.files:
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in self.chunks(entry.name):
                    digest.update(chunk)
                    size += len(chunk)
                    yield done + size
            except (KeyError, OSError, zipfile.BadZipFile) as error:
                raise self._not_whole(f"{entry.name}: {error}") from error
            if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                raise self._not_whole(f"{entry.name} is not what was saved")
            done += size

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file of the archive, piece by piece."""
        with self._zip.open(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def content(self, name: str) -> bytes | None:
        """A small file, None if it is not in the archive."""
        known: list[Any] = [one for one in self.manifest.files if one.name == name]
        return self._zip.read(name) if known else None

    def _not_whole(self, what: str) -> DatabaseError:
        return DatabaseError(
            f"{self._path} is damaged: {what}", "take another copy of this backup, or an older one"
        )
