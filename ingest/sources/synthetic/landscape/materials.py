"""Looks of the ground at both dates, compiled to tables that the renderer indexes by style number."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DEMO_FOLDER = Path(__file__).resolve().parents[4] / "data" / "demo"
BANDS = ("blue", "green", "red", "nir")
Date = Literal["before", "after"]
DATES: tuple[Date, Date] = ("before", "after")


@lru_cache(maxsize=8)
def read_table(name: str) -> dict[str, Any]:
    """One TOML table of ``data/demo``."""
    return tomllib.loads((DEMO_FOLDER / f"{name}.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Look:
    """Appearance of one style at one date.

    Attributes
    ----------
    a, b : str
        Materials; ``mix`` is the share of b, varied by noise of ``mix_amp``.
    texture : float
        Relative brightness noise.
    row_amp, row_period_m, row_angle_deg
        Wave of the mixing share along a direction (crop rows, panels, tyre tracks).
    terrace : float
        Same, following the contour lines.
    """

    a: str
    b: str
    mix: float
    mix_amp: float = 0.2
    texture: float = 0.06
    gain: float = 1.0
    row_amp: float = 0.0
    row_period_m: float = 8.0
    row_angle_deg: float = 0.0
    terrace: float = 0.0
    height_m: float = 0.0


@dataclass(frozen=True, slots=True)
class StyleTable:
    """Looks of one date as arrays indexed by style number; spectra have shape (4, styles), float32."""

    a: NDArray[np.float32]
    b: NDArray[np.float32]
    numbers: dict[str, NDArray[np.float32]]

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        return self.numbers[name]


@dataclass(slots=True)
class Palette:
    """Registry of styles: a name or a pair of looks → a number that fits uint16."""

    looks: list[tuple[Look, Look]] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def add(self, before: Look, after: Look, *, name: str | None = None) -> int:
        """Register a style."""
        self.looks.append((before, after))
        number = len(self.looks) - 1
        if name is not None:
            self.names[name] = number
        return number

    def __getitem__(self, name: str) -> int:
        return self.names[name]

    def height_m(self, style: int, date: Date) -> float:
        """Height of the style's objects above the ground."""
        return self.looks[style][DATES.index(date)].height_m

    def turned(self, name: str, angle_deg: float) -> int:
        """A style with its rows in a direction (5° steps, shared)."""
        step = round(angle_deg / 5.0) * 5 % 180
        key = f"{name}@{step}"
        if key not in self.names:
            before, after = self.looks[self[name]]
            self.add(replace(before, row_angle_deg=step), replace(after, row_angle_deg=step), name=key)
        return self.names[key]

    def compile(self, date: Date) -> StyleTable:
        """Arrays for one date."""
        spectra = read_table("spectra")["material"]
        chosen = [pair[DATES.index(date)] for pair in self.looks]

        def bands(names: list[str], gains: list[float]) -> NDArray[np.float32]:
            scaled = np.array([spectra[name] for name in names]).T * np.array(gains)
            return np.asarray(scaled, dtype=np.float32)

        gains = [look.gain for look in chosen]
        angle = np.deg2rad([look.row_angle_deg for look in chosen])
        wave = 2 * np.pi / np.array([look.row_period_m for look in chosen])
        phase = np.arange(len(chosen)) * 2.399963
        numbers = {
            key: np.array([getattr(look, key) for look in chosen], np.float32)
            for key in ("mix", "mix_amp", "texture", "row_amp", "terrace", "height_m")
        }
        numbers |= {
            "wave_x": (-np.sin(angle) * wave).astype(np.float32),
            "wave_y": (np.cos(angle) * wave).astype(np.float32),
            "phase": (phase % (2 * np.pi)).astype(np.float32),
        }
        return StyleTable(bands([x.a for x in chosen], gains), bands([x.b for x in chosen], gains), numbers)


ROOF_SHADES = (0.82, 0.94, 1.04, 1.16)
"""Brightness of roofs of one kind: age and dust."""
FACE_GAIN = {"lit": 1.10, "dim": 0.78}
"""The two faces of a gable roof under a morning sun."""


def standard_palette() -> Palette:
    """All named looks and roofs of ``data/demo/spectra.toml``.

    Roof styles are named ``roof_<kind>_<lit|dim>_<shade>``.
    """
    table = read_table("spectra")
    palette = Palette()
    for name, entry in table["look"].items():
        values = dict(entry)
        later = values.pop("after", {})
        before = Look(**values)
        palette.add(before, replace(before, **later), name=name)
    for kind, entry in table["roof"].items():
        for face, face_gain in FACE_GAIN.items():
            for shade, gain in enumerate(ROOF_SHADES):
                look = Look(**entry, mix_amp=0.15, texture=0.04, gain=gain * face_gain)
                palette.add(look, look, name=f"roof_{kind}_{face}_{shade}")
    return palette


def crop_style(palette: Palette, rng: np.random.Generator, *, angle_deg: float, is_terraced: bool) -> int:
    """Style of one plot: crops of both dates drawn independently, with the plot's own vigour and rows."""
    crops = read_table("spectra")["crops"]
    looks: list[Look] = []
    for date in DATES:
        weights = np.array([crop["weight"] for crop in crops[date]], float)
        crop = crops[date][int(rng.choice(len(weights), p=weights / weights.sum()))]
        looks.append(
            Look(
                a=crop["name"],
                b=crop["soil"],
                mix=1.0 - rng.uniform(*crop["cover"]),
                mix_amp=rng.uniform(0.08, 0.30),
                texture=rng.uniform(0.03, 0.08),
                gain=float(np.exp(rng.normal(0.03, 0.11))),
                row_amp=crop["row_amp"] * rng.uniform(0.5, 1.4),
                row_period_m=rng.uniform(*crop["row_period_m"]),
                row_angle_deg=angle_deg,
                terrace=rng.uniform(0.06, 0.18) if is_terraced else 0.0,
            )
        )
    return palette.add(looks[0], looks[1])
