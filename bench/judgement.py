"""Rows of the suite ``judgement``: areas that patches share with parcels and control layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from bench.rows import Agreement, Growth, Row, Size, Suite, Work

COUNTIES: Mapping[str, tuple[int, int]] = {
    "T": (300, 3_000),
    "S": (2_000, 20_000),
    "M": (20_000, 200_000),
    "L": (100_000, 1_000_000),
}
"""Patches and parcels at each size."""
OURS = Work("ours", "bench.works.overlaying:ellipsoidal")


@dataclass(frozen=True)
class CountyRow(Row):
    """A row measured on a county instead of a scene."""

    def place(self, folder: Path, size: Size) -> dict[str, Any]:
        """The county of a size; its patches are what is counted."""
        patches, parcels = COUNTIES[size]
        return county_place(folder, patches, parcels, units=patches)


@dataclass(frozen=True)
class CountyGrowth(Growth):
    """A growth in patches with the parcels fixed, or in parcels with the patches fixed."""

    of: Literal["patches", "parcels"] = "patches"

    def places(self, folder: Path, size: Size) -> list[dict[str, Any]]:
        """A ninth, a third and the whole of what grows."""
        patches, parcels = COUNTIES[size]
        if self.of == "patches":
            return [county_place(folder, patches // n, parcels, units=patches // n) for n in (9, 3, 1)]
        return [county_place(folder, patches, parcels // n, units=parcels // n) for n in (9, 3, 1)]


def county_place(folder: Path, patches: int, parcels: int, *, units: int) -> dict[str, Any]:
    """Fields of the `bench.jobs.Place` of a county."""
    return {
        **{"folder": str(folder), "side_px": 0, "compression": "none", "bands": 0},
        **{"patches": patches, "parcels": parcels, "units": units},
    }


SUITE = Suite(
    "judgement",
    (
        CountyRow(
            "overlay",
            "Areas of patches in parcels and three control layers",
            (
                OURS,
                Work("geopandas", "bench.peers.overlays:by_geopandas", is_warmed=False),
                Work(
                    "postgis", "bench.peers.overlays:by_postgis", needs=("server:postgis",), is_warmed=False
                ),
            ),
            agreements=(Agreement("pairs", ("ours", "geopandas")), Agreement("pairs", ("ours", "postgis"))),
            most=MappingProxyType({"difference": 1e-9}),
        ),
        CountyRow(
            "ellipsoid",
            "Ellipsoidal areas against areas on a plane, the same edges",
            (
                Work("ellipsoidal", "bench.works.overlaying:ellipsoidal", {"is_judged": True}),
                Work("planar", "bench.works.overlaying:planar"),
            ),
            most=MappingProxyType({"geodesic_error": 1e-6}),
        ),
    ),
    (
        CountyGrowth("growth-patches", "Overlay in patches", OURS, of="patches"),
        CountyGrowth("growth-parcels", "Overlay in parcels", OURS, of="parcels"),
    ),
)
