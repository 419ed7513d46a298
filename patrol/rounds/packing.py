"""An outing as one value of bytes: eight for each fix, and an anchor wherever a difference would not fit.

Layout, little-endian: head of 16 bytes (form, fixes, anchors, CRC-32 of all that follows); anchors of 20
bytes (place, hundredths of a second, 1e-7 degrees of longitude and latitude); then four columns of 16
bits: pause since the fix before, steps east and north, accuracy in decimetres times two plus the mock flag.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foundation.errors import Defect
from patrol.rounds.tracks import HEADER, POINT, SEGMENT, Tracks

FORM = 2
HEAD = np.dtype([("form", "<u4"), ("fixes", "<u4"), ("anchors", "<u4"), ("crc", "<u4")])
HEAD_FORM = struct.Struct("<4I")
AT_ONCE = 128
"""Outings packed together: so many lie in the processor's cache until their bytes are taken."""


def pack(tracks: Tracks) -> list[bytes]:
    """Each outing as bytes."""
    # The compiler is loaded by whoever packs, not by whoever imports.
    from patrol.rounds import kernels

    counts = np.diff(tracks.starts)
    anchors = kernels.count_anchors(tracks.starts, tracks.ticks, tracks.lon, tracks.lat)
    sizes = HEADER + SEGMENT * anchors + POINT * counts
    quality = tracks.accuracy << np.uint16(1) | tracks.is_mock
    packed: list[bytes] = []
    for begin in range(0, len(tracks), AT_ONCE):
        end = min(begin + AT_ONCE, len(tracks))
        offsets = np.concatenate([[0], np.cumsum(sizes[begin:end])]).astype(np.int64)
        words = np.empty(offsets[-1] // 2, dtype="<u2")
        own = tracks.starts[begin : end + 1]
        kernels.write_points(
            words, offsets // 2, anchors[begin:end], own, tracks.ticks, tracks.lon, tracks.lat, quality
        )
        view = words.view(np.uint8).data
        heads = zip(
            itertools.pairwise(offsets.tolist()),
            counts[begin:end].tolist(),
            anchors[begin:end].tolist(),
            strict=True,
        )
        for (first, last), fixes, found in heads:
            crc = zlib.crc32(view[first + HEADER : last])
            HEAD_FORM.pack_into(view, first, FORM, fixes, found, crc)
            packed.append(view[first:last].tobytes())
    return packed


def unpack(packed: Sequence[bytes | memoryview]) -> Tracks:
    """Inverse of `pack`.

    Raises
    ------
    Defect
        ``patrol.track.unreadable`` with the place in the sequence: not packed by us, or damaged since.
    """
    from patrol.rounds import kernels

    counts, anchors = _heads(packed)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum([len(data) for data in packed])]).astype(np.int64)
    words = np.frombuffer(b"".join(packed), dtype="<u2")
    ticks = np.empty(starts[-1], dtype=np.int64)
    lon, lat = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1], dtype=np.int32)
    quality = np.empty(starts[-1], dtype=np.uint16)
    if not kernels.read_points(
        words, words.view("<i2"), offsets // 2, anchors, starts, ticks, lon, lat, quality
    ):
        raise Defect("patrol.track.unreadable", place=0)
    return Tracks(starts, ticks, lon, lat, quality >> np.uint16(1), (quality & np.uint16(1)).astype(np.bool_))


def _heads(packed: Sequence[bytes | memoryview]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if any(len(data) < HEADER for data in packed):
        raise Defect("patrol.track.unreadable", place=[len(data) < HEADER for data in packed].index(True))
    heads = np.frombuffer(b"".join(bytes(data[:HEADER]) for data in packed), dtype=HEAD)
    counts, anchors = heads["fixes"].astype(np.int64), heads["anchors"].astype(np.int64)
    sizes = np.array([len(data) for data in packed], dtype=np.int64)
    crcs = np.array([zlib.crc32(memoryview(data)[HEADER:]) for data in packed], dtype=np.uint32)
    is_whole = (
        (heads["form"] == FORM)
        & (sizes == HEADER + SEGMENT * anchors + POINT * counts)
        & (crcs == heads["crc"])
    )
    if not is_whole.all():
        raise Defect("patrol.track.unreadable", place=int(np.argmin(is_whole)))
    return counts, anchors
