"""What a benchmark row is: works that run side by side, and what their results must share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scenes import SIDES

Size = str


@dataclass(frozen=True)
class Work:
    """One side of a comparison.

    Attributes
    ----------
    name : str
        Called so in gates and reports: ``ours``, ``floor`` or a peer's name.
    maker : str
        ``module:function`` that makes the job for a `bench.jobs.Place`.
    options : mapping
        Keywords of the maker.
    needs : tuple of str
        Programs on the path (``program:NAME``), packages (``package:NAME``), files of the product
        (``file:PATH``); missing ones are said.
    is_warmed : bool
        Whether it runs on a small scene first, outside the clock.
    less_start : bool
        Subtract the CPU of that first run: a program's start belongs to no comparison of pixels.
    """

    name: str
    maker: str
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    is_warmed: bool = True
    less_start: bool = False


@dataclass(frozen=True)
class Agreement:
    """A fact of the results that two works must share to the last bit."""

    fact: str
    works: tuple[str, str]


@dataclass(frozen=True)
class Row:
    """Works measured interleaved on one scene.

    Attributes
    ----------
    most_side_px : int, optional
        Upper limit of the scene's side, where a peer takes minutes beyond it.
    side_px : int, optional
        The scene's side at every size.
    least : mapping
        Facts of our own result that must reach a value; this is what fails a test, never time.
    most : mapping
        Facts of any result that may not be larger.
    """

    name: str
    title: str
    works: tuple[Work, ...]
    compression: str = "zstd9"
    bands: int = 4
    most_side_px: int | None = None
    side_px: int | None = None
    agreements: tuple[Agreement, ...] = ()
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)

    def side(self, size: Size) -> int:
        """Columns and rows of the scene at a size."""
        if self.side_px is not None:
            return self.side_px
        return min(SIDES[size], self.most_side_px or SIDES[size])

    def place(self, folder: Path, size: Size) -> dict[str, Any]:
        """Fields of the `bench.jobs.Place` at a size, and ``units`` where not pixels are counted."""
        return _place(folder, self.side(size), self.compression, self.bands)


@dataclass(frozen=True)
class Growth:
    """One work at three sizes of scene: how its CPU time and its memory grow."""

    name: str
    title: str
    work: Work
    compression: str = "zstd9"
    bands: int = 4

    def sides(self, size: Size) -> tuple[int, int, int]:
        """About 1/12, 2/7 and the whole of the size's pixels."""
        whole = SIDES[size]
        return round(whole / 12**0.5), round(whole / 3.5**0.5), whole

    def places(self, folder: Path, size: Size) -> list[dict[str, Any]]:
        """As `Row.place`, for each of the sizes."""
        return [_place(folder, side, self.compression, self.bands) for side in self.sides(size)]


@dataclass(frozen=True)
class Suite:
    """Rows measured by one name on the command line."""

    name: str
    rows: tuple[Row, ...]
    growths: tuple[Growth, ...] = ()
    not_measured: Mapping[str, str] = field(default_factory=dict)


def _place(folder: Path, side_px: int, compression: str, bands: int) -> dict[str, Any]:
    return {"folder": str(folder), "side_px": side_px, "compression": compression, "bands": bands}
