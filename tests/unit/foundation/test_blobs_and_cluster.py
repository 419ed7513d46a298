"""Files are wholly there or wholly absent; a missing PostgreSQL or a full disk says what to do."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.blobs import BlobStore, storage_error
from foundation.cluster import find_postgres
from foundation.errors import Defect, LandwardenError, NotFound, Unavailable


class BrokenStream(io.RawIOBase):
    """Gives one chunk, then fails as a full disk does."""

    def __init__(self) -> None:
        self._chunks: Iterator[bytes] = iter([b"half"])

    def read(self, size: int = -1) -> bytes:
        for chunk in self._chunks:
            return chunk
        raise OSError(errno.ENOSPC, "No space left on device")


def files(store: BlobStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_same_content_is_stored_once(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "b", low_water_mb=1)
    first, second = store.put(b"abc"), store.put(io.BytesIO(b"abc"))
    assert first == second
    assert len(files(store)) == 1
    assert store.read(first.sha256) == b"abc"


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "b", low_water_mb=1)
    with pytest.raises(Unavailable) as refusal:
        store.put(BrokenStream())  # type: ignore[arg-type]
    assert refusal.value.code == "foundation.blobs.disk_full"
    assert files(store) == []


def test_below_the_low_water_mark_nothing_is_accepted(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "b", low_water_mb=1 << 30)
    with pytest.raises(Unavailable) as refusal:
        store.put(b"abc")
    assert refusal.value.code == "foundation.blobs.disk_full"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as refusal:
        BlobStore(tmp_path / "file" / "b", low_water_mb=1).put(b"abc")
    assert refusal.value.code == "foundation.blobs.not_writable"
    assert storage_error(OSError(errno.EROFS, "ro"), tmp_path).code == "foundation.blobs.not_writable"


def test_rot_and_absence_are_told_apart(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "b", low_water_mb=1)
    blob = store.put(b"abc")
    place = store.path(blob.sha256)
    place.chmod(0o640)
    place.write_bytes(b"abd")
    with pytest.raises(Defect):
        store.read(blob.sha256)
    with pytest.raises(NotFound):
        store.read("0" * 64)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "g" * 64])
def test_a_name_is_a_digest_or_nothing(tmp_path: Path, digest: str) -> None:
    with pytest.raises(LandwardenError):
        BlobStore(tmp_path).path(digest)


def test_missing_postgres_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refusal:
        find_postgres(str(tmp_path))
    assert refusal.value.code == "foundation.cluster.no_postgres"
    assert "apt-get install" in refusal.value.text("en")
    assert "apt-get install" in refusal.value.text("zh")
