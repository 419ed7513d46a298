"""Content-addressed files: scenes, chips, photos, documents. Written once, never changed.

A file is written beside its place, synced, renamed, and its folder synced: after a crash it is wholly
there or wholly absent.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, NamedTuple

from foundation.errors import Defect, InvalidInput, NotFound, Unavailable

CHUNK = 1 << 20


class Blob(NamedTuple):
    """SHA-256 in hex, and size in bytes."""

    sha256: str
    size: int


class BlobStore:
    """A folder of immutable files named by their SHA-256.

    Raises
    ------
    Unavailable
        ``foundation.blobs.not_writable`` or ``foundation.blobs.disk_full``; nothing is half-written.
    """

    def __init__(self, root: Path, *, low_water_mb: int = 512) -> None:
        self.root = root
        self._low_water = low_water_mb << 20

    def put(self, data: bytes | IO[bytes]) -> Blob:
        """Store bytes or a stream; storing the same content again is free."""
        with self._incoming() as file:
            digest, size = hashlib.sha256(), 0
            for chunk in _chunks(data):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            return self._settle(file, digest.hexdigest(), size)

    def put_file(self, path: Path) -> Blob:
        """Copy a file in."""
        with path.open("rb") as stream:
            return self.put(stream)

    def path(self, sha256: str) -> Path:
        """Where a blob lies.

        Raises
        ------
        NotFound
            ``foundation.blobs.not_found``.
        """
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound("foundation.blobs.not_found", sha256=sha256)
        return place

    def read(self, sha256: str) -> bytes:
        """Whole content, checked against its name.

        Raises
        ------
        Defect
            ``foundation.blobs.rotten`` when the bytes no longer fit the name.
        """
        data = self.path(sha256).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Defect("foundation.blobs.rotten", sha256=sha256)
        return data

    def require_room(self) -> None:
        """Refuse before anything is received while the disk is below the low-water mark.

        Raises
        ------
        Unavailable
            ``foundation.blobs.disk_full`` or ``foundation.blobs.not_writable``.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise storage_error(error, self.root) from error
        if free < self._low_water:
            raise Unavailable("foundation.blobs.disk_full", folder=str(self.root))

    def __contains__(self, sha256: str) -> bool:
        return self._place(sha256).is_file()

    def _place(self, sha256: str) -> Path:
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise InvalidInput("foundation.blobs.bad_digest", sha256=sha256[:80])
        return self.root / sha256[:2] / sha256[2:4] / sha256

    @contextmanager
    def _incoming(self) -> Iterator[IO[bytes]]:
        try:
            self.require_room()
            with NamedTemporaryFile(dir=self.root, prefix="incoming-", delete=False) as file:
                try:
                    yield file
                finally:
                    Path(file.name).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, self.root) from error

    def _settle(self, file: IO[bytes], sha256: str, size: int) -> Blob:
        place = self._place(sha256)
        if not place.is_file():
            file.flush()
            os.fsync(file.fileno())
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(file.name).chmod(0o440)
            Path(file.name).replace(place)
            _sync_folder(place.parent)
        return Blob(sha256, size)


def storage_error(error: OSError, folder: Path) -> Unavailable:
    """The error that a person can act on: full disk, or a folder that cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable("foundation.blobs.disk_full", folder=str(folder))
    return Unavailable("foundation.blobs.not_writable", folder=str(folder), reason=error.strerror or "")


def _chunks(data: bytes | IO[bytes]) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    while chunk := data.read(CHUNK):
        yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
