"""The frozen catalogue of all detectors, whatever they are given: pairs, stacks, frames, registers.

Words stand in ``data/rules/detectors.toml``; everything else is read from the detectors themselves, so that a
version or a parameter is written in one place only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from foundation.errors import InvalidInput

TABLE_FILE = Path(__file__).resolve().parents[2] / "data" / "rules" / "detectors.toml"
Input = Literal["pair", "stack", "frames", "registers"]
INPUTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "pair": ("两期影像", "two images"),
        "stack": ("影像序列", "a series of images"),
        "frames": ("视频抓拍", "frames of a camera"),
        "registers": ("两期宗地登记", "two parcel registers"),
    }
)
"""Kind of input → its name in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a detector itself says of what it needs; read from where it works.

    Attributes
    ----------
    bands : str
        Fewest and most bands (``2–64``), or their names; empty where there are no pixels.
    dtypes : tuple of str
        Pixel types; empty where there are no pixels.
    """

    version: str
    sensors: tuple[str, ...]
    bands: str
    dtypes: tuple[str, ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector.

    Attributes
    ----------
    decides_for, heard_for : tuple of str
        Kinds of sensor for which it decides on a pair, or bears witness without a vote.
    command : str
        The one way of running it.
    job : str
        What the worker runs; empty where a command alone does.
    """

    name: str
    zh: str
    en: str
    input: Input
    needs: Needs
    decides_for: tuple[str, ...]
    heard_for: tuple[str, ...]
    command: str
    job: str

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        needs = self.needs
        return {
            "name": self.name,
            "for": {"zh": self.zh, "en": self.en},
            "input": self.input,
            "sensors": list(needs.sensors),
            "bands": needs.bands,
            "dtypes": list(needs.dtypes),
            "version": needs.version,
            "parameters": _plain(needs.parameters),
            "decides_for": list(self.decides_for),
            "heard_for": list(self.heard_for),
            "command": self.command,
            "job": self.job,
        }


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Entry]:
    """All detectors by name, in the order of the table; it cannot be changed.

    Raises
    ------
    ValueError
        The table and the detectors do not name the same.
    """
    rows = tomllib.loads(TABLE_FILE.read_text("utf-8"))["detectors"]
    needs = _needs_of_pairs() | _needs_of_others()
    if set(rows) != set(needs):
        raise ValueError(f"table and detectors differ: {sorted(set(rows) ^ set(needs))}")
    return MappingProxyType({name: _entry(name, row, needs[name]) for name, row in rows.items()})


def find_detector(name: str) -> Entry:
    """One detector by its name.

    Raises
    ------
    InvalidInput
        ``detection.catalogue.unknown_detector``.
    """
    entry = catalogue().get(name)
    if entry is None:
        raise InvalidInput(
            "detection.catalogue.unknown_detector", name=name[:60], known=", ".join(catalogue())
        )
    return entry


def as_markdown(entries: Sequence[Entry]) -> str:
    """The catalogue as a page of the documentation, in Chinese and English."""
    lines = [
        "# 检测器目录 Detectors",
        "",
        "由 `landwarden detection detectors --markdown` 生成，请勿手改。"
        " Made by that command; do not edit by hand.",
        "",
        "| 名称 name | 用途 for | 输入 input | 传感器 sensors | 波段 bands | 像元类型 dtypes | 版本 version |"
        " 运行 run |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_markdown_row(entry) for entry in entries]
    lines += ["", "## 参数 Parameters", ""]
    for entry in entries:
        lines.append(f"### `{entry.name}`")
        lines.append("")
        plain = _plain(entry.needs.parameters)
        lines += [f"- `{key}` = {_told(value)}" for key, value in plain.items()] or ["—"]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _entry(name: str, row: Mapping[str, str], needs: Needs) -> Entry:
    from detection.pixels.detectors.registry import PANELS

    kind = row["input"]
    known: tuple[Input, ...] = ("pair", "stack", "frames", "registers")
    chosen = next((one for one in known if one == kind), None)
    if chosen is None:
        raise ValueError(f"{name}: no such input {kind}")
    decides = tuple(sensor for sensor, panel in PANELS.items() if name in panel.deciding)
    heard = tuple(sensor for sensor, panel in PANELS.items() if name in panel.heard)
    return Entry(
        name, row["zh"], row["en"], chosen, needs, decides, heard, row["command"], row["job"]
    )  # fmt: skip


def _needs_of_pairs() -> dict[str, Needs]:
    """What the registry's detectors, and the index witness, declare."""
    from detection.pixels.detectors.index_difference import IndexDifference
    from detection.pixels.detectors.registry import DETECTORS

    specs = {name: detector.spec for name, detector in DETECTORS.items()}
    specs.setdefault(IndexDifference.spec.name, IndexDifference.spec)
    return {
        name: Needs(
            spec.version,
            tuple(sorted(spec.sensors)),
            _span(spec.min_bands, spec.max_bands),
            tuple(sorted(spec.dtypes)),
            {"floor_sigmas": spec.floor_sigmas} | dict(spec.parameters),
        )
        for name, spec in specs.items()
    }


def _needs_of_others() -> dict[str, Needs]:
    """What stacks, frames and registers are worked through with."""
    from detection.cameras import motion
    from detection.cameras.policy import camera_policy
    from detection.registers import cadastral_diff
    from detection.rules import current_rules
    from detection.series.gate import WITNESS
    from detection.series.monitor import series_rules

    series = series_rules()
    bands = " | ".join(f"{row['high']} + {row['low']}" for row in series["index"].values())
    return {
        WITNESS: Needs(
            str(series["version"]), ("multispectral",), bands, ("any",),
            {"monitor": series["monitor"], "event": series["event"], "gate": _without_words(series["gate"])},
        ),
        "camera": Needs(
            motion.VERSION, ("tower_camera",), "3", ("uint8",), dict(camera_policy()["watch"])
        ),
        "cadastral_diff": Needs(
            cadastral_diff.VERSION, ("parcel_register",), "", (), dict(current_rules().thresholds["register"])
        ),
    }  # fmt: skip


def _without_words(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if not key.endswith(("_zh", "_en"))}


def _span(fewest: int, most: int) -> str:
    return str(fewest) if fewest == most else f"{fewest}–{most}"


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One level of dotted names, in order."""
    flat: dict[str, Any] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": told for inner, told in _plain(value).items()}
        else:
            flat[key] = list(value) if isinstance(value, tuple | set | frozenset) else value
    return flat


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _markdown_row(entry: Entry) -> str:
    needs = entry.needs
    cells = (
        f"`{entry.name}`",
        f"{entry.zh}<br>{entry.en}",
        "<br>".join(INPUTS[entry.input]),
        ", ".join(needs.sensors),
        (needs.bands or "—").replace("|", "/"),
        ", ".join(needs.dtypes) or "—",
        needs.version,
        f"`{entry.command}`",
    )
    return "| " + " | ".join(cells) + " |"
