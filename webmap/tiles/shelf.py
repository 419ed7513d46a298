"""A shelf for finished tiles: least recently used ones go when it is full. Safe between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class TileShelf:
    """Keeps bytes under keys, up to a total size.

    Parameters
    ----------
    capacity_mb : int
        MiB of tiles kept in this process.
    """

    def __init__(self, capacity_mb: int = 192) -> None:
        self._capacity = capacity_mb << 20
        self._size = 0
        self._tiles: OrderedDict[Hashable, bytes] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get_or_make(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The tile of a key; made once even when several ask for it at the same time."""
        tile = self._get(key)
        if tile is not None:
            return tile
        with self._lock:
            gate = self._making.setdefault(key, threading.Lock())
        try:
            with gate:
                tile = self._get(key)
                if tile is None:
                    tile = make()
                    self._put(key, tile)
                return tile
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _get(self, key: Hashable) -> bytes | None:
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def _put(self, key: Hashable, tile: bytes) -> None:
        with self._lock:
            self._size += len(tile) - len(self._tiles.pop(key, b""))
            self._tiles[key] = tile
            while self._size > self._capacity and len(self._tiles) > 1:
                _, oldest = self._tiles.popitem(last=False)
                self._size -= len(oldest)
