"""Roads, railway, canal and river, with the trees that stand along them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.frame import Frame, Seed, bend
from ingest.sources.synthetic.landscape.ground import Ground, beside, blob
from ingest.sources.synthetic.landscape.materials import Palette
from ingest.sources.synthetic.landscape.territory import Village

Trees = NDArray[np.float64]


@dataclass(slots=True)
class Network:
    """Lines of the county.

    Attributes
    ----------
    under, over : list of Ground
        Pieces below and above the villages.
    trees : list of ndarray
        Tree feet, shape (n, 2), local metres.
    obstacles : list of geometry
        What fields and planted changes keep clear of.
    river : geometry
        Water with its banks; empty where there is none.
    """

    under: list[Ground] = field(default_factory=list)
    over: list[Ground] = field(default_factory=list)
    trees: list[Trees] = field(default_factory=list)
    obstacles: list[BaseGeometry] = field(default_factory=list)
    river: BaseGeometry = field(default_factory=shapely.Polygon)
    main_road: BaseGeometry = field(default_factory=shapely.LineString)


def build_network(
    frame: Frame, seed: Seed, *, size: dict[str, Any], villages: list[Village], palette: Palette
) -> Network:
    """All lines of a county in drawing order."""
    network = Network()
    if size["has_river"]:
        _river(network, frame, seed, palette)
        _canal(network, frame, seed, palette)
    _village_roads(network, frame, seed, villages=villages, palette=palette)
    if size["has_hills"]:
        _railway(network, frame, seed, palette)
    _main_roads(network, frame, seed, size=size, palette=palette)
    return network


def _river(network: Network, frame: Frame, seed: Seed, palette: Palette) -> None:
    rng = seed.stream("river")
    width, height = frame.width_m, frame.height_m
    shore = shapely.LineString(
        [(-500, height * 0.945), (width * 0.45, height * 0.925), (width + 500, height * 0.955)]
    )
    curve = bend(shore, step_m=50.0, amplitude_m=55.0, wave_m=2600.0, phase=0.4)
    corners = [(width + 600, height + 900), (-600, height + 900)]
    water = shapely.Polygon([*curve.coords, *corners]).buffer(0)
    bank = shapely.LineString(curve).buffer(95.0, cap_style="flat")
    bank = bank.buffer(-20.0).union(bend(bank, step_m=20.0, amplitude_m=16.0, wave_m=310.0, phase=2.0))
    levee_line = bend(
        shapely.affinity.translate(curve, 0, -260.0), step_m=60.0, amplitude_m=20.0, wave_m=1900.0, phase=3.0
    )
    network.under += [
        Ground(water, palette["river"], "1101"),
        Ground(bank.difference(water.buffer(-12)), palette["bank"], "1106"),
        Ground(levee_line.buffer(11.0), palette["levee"], "1109"),
        Ground(levee_line.buffer(3.2), palette["road_village"]),
    ]
    for _ in range(max(3, round(width / 1100))):
        x = rng.uniform(0, width)
        bar = blob(rng, x, height * rng.uniform(0.965, 0.995), rng.uniform(70, 190), roughness=0.3, flat=0.22)
        network.under.append(Ground(bar, palette["sandbar"]))
    network.trees.append(beside(rng, levee_line, offset_m=14.0, spacing_m=7.0))
    network.river = water.union(bank)
    network.obstacles += [network.river, levee_line.buffer(18.0)]


def _canal(network: Network, frame: Frame, seed: Seed, palette: Palette) -> None:
    rng = seed.stream("canal")
    y = frame.height_m * 0.735
    line = bend(
        shapely.LineString([(-400, y - 60), (frame.width_m + 400, y + 70)]),
        step_m=50.0, amplitude_m=45.0, wave_m=2900.0, phase=1.9,
    )  # fmt: skip
    network.under += [
        Ground(line.buffer(13.0), palette["canal_bank"], "1107"),
        Ground(line.buffer(6.5), palette["canal_water"]),
    ]
    network.trees.append(beside(rng, line, offset_m=16.0, spacing_m=6.0))
    network.obstacles.append(line.buffer(20.0))


def _railway(network: Network, frame: Frame, seed: Seed, palette: Palette) -> None:
    rng = seed.stream("railway")
    width, height = frame.width_m, frame.height_m
    line = bend(
        shapely.LineString(
            [(-400, height * 0.262), (width * 0.5, height * 0.29), (width + 400, height * 0.252)]
        ),
        step_m=50.0, amplitude_m=40.0, wave_m=5200.0, phase=0.9,
    )  # fmt: skip
    network.over += [
        Ground(line.buffer(11.0), palette["verge"], "1001"),
        Ground(line.buffer(6.0), palette["railway"]),
        Ground(line.buffer(3.0).difference(line.buffer(2.0)), palette["rail"]),
    ]
    network.trees.append(beside(rng, line, offset_m=13.0, spacing_m=11.0))
    network.obstacles.append(line.buffer(16.0))


def _village_roads(
    network: Network, frame: Frame, seed: Seed, *, villages: list[Village], palette: Palette
) -> None:
    rng = seed.stream("village-roads")
    at = {village.cell: village.site for village in villages}
    for (column, row), site in at.items():
        for step in ((1, 0), (0, 1)):
            other = at.get((column + step[0], row + step[1]))
            if other is None or rng.random() < 0.14:
                continue
            line = bend(
                shapely.LineString([site, other]), step_m=40.0, amplitude_m=14.0, wave_m=720.0, phase=0.7
            )
            network.under += [
                Ground(line.buffer(4.6), palette["verge"]),
                Ground(line.buffer(2.8), palette["road_village"], "1006"),
            ]
            network.trees.append(beside(rng, line, offset_m=5.2, spacing_m=rng.uniform(6.0, 10.0)))
            network.obstacles.append(line.buffer(8.0))


def _main_roads(
    network: Network, frame: Frame, seed: Seed, *, size: dict[str, Any], palette: Palette
) -> None:
    rng = seed.stream("main-roads")
    columns = size["grid"][0]
    width, height = frame.width_m, frame.height_m
    x = width * (columns // 2) / columns
    lines = [
        shapely.LineString([(-400, height * 0.50), (width + 400, height * 0.515)]),
        shapely.LineString([(x, -400), (x + width * 0.012, height * (0.9 if size["has_river"] else 1.1))]),
    ]
    amplitude = min(50.0, width * 0.009)
    curves = [bend(line, step_m=50.0, amplitude_m=amplitude, wave_m=3300.0, phase=2.6) for line in lines]
    for curve in curves:
        network.over.append(Ground(curve.buffer(9.5), palette["verge"], "1003"))
        network.trees.append(beside(rng, curve, offset_m=9.0, spacing_m=6.0))
        network.obstacles.append(curve.buffer(14.0))
    network.over += [Ground(curve.buffer(5.2), palette["road_main"]) for curve in curves]
    network.main_road = shapely.MultiLineString(curves)
