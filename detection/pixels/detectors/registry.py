"""The frozen list of detectors, and the choice of one by what the pixels are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from detection.pixels.detectors.base import Detector
from detection.pixels.detectors.change_vector import ChangeVector
from detection.pixels.detectors.cross_sensor import CrossSensor
from detection.pixels.detectors.irmad import Irmad
from detection.pixels.detectors.sar_log_ratio import SarLogRatio
from detection.pixels.detectors.siamese import Siamese
from detection.pixels.detectors.surface_height import SurfaceHeight
from foundation.errors import InvalidInput
from ingest.raster import RasterInfo

Sensor = Literal["multispectral", "rgb", "sar", "height", "cross"]
SENSORS: tuple[Sensor, ...] = ("multispectral", "rgb", "sar", "height", "cross")
HEIGHT_BANDS = frozenset({"height", "dsm", "dtm", "dem", "elevation"})
"""What a surface model calls its only band."""
FINE_GSD_M = 5.0


def _frozen(*detectors: Detector) -> Mapping[str, Detector]:
    by_name: dict[str, Detector] = {}
    for detector in detectors:
        if detector.spec.name in by_name:
            raise ValueError(f"two detectors are called {detector.spec.name}")
        by_name[detector.spec.name] = detector
    return MappingProxyType(by_name)


DETECTORS: Mapping[str, Detector] = _frozen(
    Irmad(), ChangeVector(), SarLogRatio(), SurfaceHeight(), Siamese(), CrossSensor()
)


@dataclass(frozen=True, slots=True)
class Panel:
    """Who is asked about a kind of sensor.

    Attributes
    ----------
    deciding : tuple of str
        Their mean score, each in units of its own cut, makes the change; none has a veto.
    heard : tuple of str
        Asked for every object, written down as agreeing or not, without a vote.
    """

    deciding: tuple[str, ...]
    heard: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Everyone on the panel."""
        return self.deciding + self.heard


PANELS: Mapping[Sensor, Panel] = MappingProxyType(
    {
        "multispectral": Panel(("irmad", "change_vector")),
        "rgb": Panel(("siamese",), heard=("irmad", "change_vector")),
        "sar": Panel(("sar_log_ratio",)),
        "height": Panel(("surface_height",)),
        "cross": Panel(("cross_sensor",)),
    }
)


@dataclass(frozen=True, slots=True)
class SensorChoice:
    """Which kind of sensor a pair is taken for, and why, in both languages."""

    sensor: Sensor
    reason_zh: str
    reason_en: str


def choose_sensor(before: RasterInfo, after: RasterInfo, asked: str) -> SensorChoice:
    """Kind of sensor by band count, band names, pixel type and resolution, or as asked.

    Raises
    ------
    InvalidInput
        ``detection.pair.unknown_sensor``; ``detection.pair.sensor_does_not_fit`` by its bands;
        ``ingest.pair.band_count`` where the dates have different bands and no detector bridges them.
    """
    if asked != "auto":
        return _asked(before, after, asked)
    is_height = [info.bands == 1 and info.descriptions[0].lower() in HEIGHT_BANDS for info in (before, after)]
    if all(is_height):
        return SensorChoice("height", "波段为高程，按表面模型处理", "the band is height: surface models")
    if before.bands != after.bands or any(is_height):
        return _asked(
            before,
            after,
            "cross",
            (
                f"{before.bands} 对 {after.bands} 个波段，按异源影像处理",
                f"{before.bands} against {after.bands} bands: different sensors",
            ),
        )
    return _by_bands(before)


def _by_bands(info: RasterInfo) -> SensorChoice:
    gsd_m = info.grid.gsd_m()
    if info.bands <= 2:
        return SensorChoice(
            "sar", f"仅 {info.bands} 个波段，按雷达处理", f"{info.bands} band(s): taken as radar"
        )
    if info.bands >= 4:
        text = f"{info.bands} 个波段，按多光谱处理"
        return SensorChoice("multispectral", text, f"{info.bands} bands: multispectral")
    if info.dtype != "uint8" or (gsd_m is not None and gsd_m > FINE_GSD_M):
        return SensorChoice(
            "multispectral",
            f"3 个波段、{info.dtype}、分辨率 {_metres(gsd_m)}，按多光谱处理",
            f"3 bands, {info.dtype}, {_metres(gsd_m)}: multispectral",
        )
    if gsd_m is None:
        return SensorChoice(
            "rgb",
            f"3 个 8 位波段、分辨率未知，按优于 {FINE_GSD_M:g} 米的彩色影像处理；如更粗，请用 --gsd 给出",
            f"3 bands of 8 bits, resolution unknown: taken as colour finer than {FINE_GSD_M:g} m; "
            "if it is coarser, state it by --gsd",
        )
    return SensorChoice(
        "rgb",
        f"3 个 8 位波段、分辨率 {_metres(gsd_m)}，按彩色影像处理",
        f"3 bands of 8 bits, {_metres(gsd_m)}: colour",
    )


def _asked(
    before: RasterInfo,
    after: RasterInfo,
    asked: str,
    reason: tuple[str, str] = ("用户指定", "as asked"),
) -> SensorChoice:
    sensor = next((sensor for sensor in SENSORS if sensor == asked), None)
    if sensor is None:
        raise InvalidInput("detection.pair.unknown_sensor", sensor=asked, known=", ".join(("auto", *SENSORS)))
    if before.bands != after.bands and sensor != "cross":
        raise InvalidInput("ingest.pair.band_count", before=before.bands, after=after.bands)
    spec = DETECTORS[PANELS[sensor].deciding[0]].spec
    for info in (before, after):
        if not spec.min_bands <= info.bands <= spec.max_bands:
            raise InvalidInput("detection.pair.sensor_does_not_fit", sensor=asked, bands=info.bands)
    return SensorChoice(sensor, *reason)


def _metres(gsd_m: float | None) -> str:
    return "?" if gsd_m is None else f"{gsd_m:.2g} m"
