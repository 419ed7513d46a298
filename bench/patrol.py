"""Rows of the suite ``patrol``: a week of officers' outings, loaded, measured, laid over cropland."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.rows import Agreement, Growth, Row, Size, Suite, Work

OFFICERS: Mapping[str, int] = {"T": 40, "S": 200, "M": 2_000, "L": 10_000}
POINTS_AN_OFFICER = 2_520
OURS = Work("ours", "bench.works.tracks:measure_packed", needs=("server:postgis",))
RANKINGS_A_RUN = 10
"""The kernel counts the CPU of other processes in hundredths of a second."""
RANKED: Mapping[str, Any] = {"needs": ("server:postgis",), "is_warmed": False}
LATTICE = Work("ours", "bench.works.tracks:cover_on_lattice")
WHOLE = Work("ours", "bench.works.tracks:cover_on_lattice", {"is_whole": True})


def week_place(folder: Path, officers: int) -> dict[str, Any]:
    """Fields of the `bench.jobs.Place` of a week; its points are what is counted."""
    return {
        **{"folder": str(folder), "side_px": 0, "compression": "none", "bands": 0},
        **{"officers": officers, "units": officers * POINTS_AN_OFFICER},
    }


@dataclass(frozen=True)
class WeekRow(Row):
    """A row measured on a week of officers."""

    def place(self, folder: Path, size: Size) -> dict[str, Any]:
        """The week of a size."""
        return week_place(folder, OFFICERS[size])


@dataclass(frozen=True)
class RankingRow(Row):
    """A row measured on rankings of a whole city, of a size that hardly follows the run's."""

    def place(self, folder: Path, size: Size) -> dict[str, Any]:
        """Ten thousand officers, but for a test; rankings are what is counted."""
        officers = OFFICERS["T" if size == "T" else "L"]
        return {**week_place(folder, officers), "units": RANKINGS_A_RUN}


@dataclass(frozen=True)
class WeekGrowth(Growth):
    """A growth in officers, and so in points."""

    def places(self, folder: Path, size: Size) -> list[dict[str, Any]]:
        """A ninth, a third and the whole of the officers."""
        return [week_place(folder, OFFICERS[size] // part) for part in (9, 3, 1)]


SUITE = Suite(
    "patrol",
    (
        WeekRow(
            "track-load",
            "Loading tracks: packed outings against a row for each fix",
            (
                Work("ours", "bench.works.tracks:load_packed", needs=("server:postgis",)),
                Work("points", "bench.works.tracks:load_points", needs=("server:postgis",)),
            ),
            agreements=(Agreement("points", ("ours", "points")),),
            most=MappingProxyType({"bytes_a_point": 9.0}),
        ),
        WeekRow(
            "track-week",
            "Way, time and ground of a week's outings",
            (OURS, Work("windows", "bench.works.tracks:measure_by_windows", needs=("server:postgis",))),
            agreements=(Agreement("valid", ("ours", "windows")),),
        ),
        WeekRow(
            "coverage",
            "Share of cropland near tracks",
            (LATTICE, Work("buffers", "bench.works.tracks:cover_by_buffers")),
            most=MappingProxyType({"share_gap": 0.01}),
        ),
        RankingRow(
            "rankings",
            "A week's ranking of a city's grid officers over HTTP, server and database",
            (
                Work("ours", "bench.works.rankings:rank_officers", {"limit": 200}, **RANKED),
                Work("all-lines", "bench.works.rankings:rank_officers", **RANKED),
            ),
            agreements=(Agreement("total", ("ours", "all-lines")),),
        ),
    ),
    (
        WeekGrowth("growth-tracks", "Measuring in points", OURS),
        WeekGrowth("growth-coverage", "Coverage in points, the ground the same", WHOLE),
    ),
    MappingProxyType(
        {
            "coverage by buffers at size L": "a round of the peer takes ten minutes there; M is shown",
        }
    ),
)
