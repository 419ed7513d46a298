"""Every scene of a folder measured: rows that name what was reached, what was refused, what is missing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.merge import merge

from detection.accuracy.pair import Answer, Question, evaluate_pair, pixel_report, pooled
from detection.evaluation.outcome import measure_files
from detection.evaluation.scores import PixelScores
from detection.pairs import compare_files
from detection.pixels.align import register, register_chain
from detection.pixels.pair_files import write_outlines
from foundation.errors import InvalidInput, LandwardenError
from ingest.pair import open_pair

LOWER_IS_BETTER = frozenset(
    {"control", "false_positive_rate", "false_alarm_share", "median_delay_days"}
    | {f"{kind}_alarms" for kind in ("dwelling_object", "smoke", "fire")}
)
PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Row:
    """One line of the account.

    Attributes
    ----------
    state : str
        ``measured``, ``refused`` (with the code) or ``not measured`` (with the reason).
    figures : mapping
        Metric -> value.
    targets : mapping
        Metric -> what is asked.
    """

    group: str
    name: str
    kind: str
    state: str
    figures: Mapping[str, float]
    targets: Mapping[str, float]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def shortfalls(self) -> tuple[str, ...]:
        """Targets that were not reached, in words."""
        short = []
        for metric, wanted in self.targets.items():
            if metric not in self.figures:
                continue
            got = self.figures[metric]
            is_short = got > wanted if metric in LOWER_IS_BETTER else got < wanted
            if is_short:
                sign = "≤" if metric in LOWER_IS_BETTER else "≥"
                short.append(f"{metric} {got:.3f}, asked {sign} {wanted:g}")
        return tuple(short)


def measure_folder(
    folder: Path, policy: Mapping[str, Any], *, counties: bool = True, tell: Callable[[str], None]
) -> list[Row]:
    """Measure every scene that the policy names and that lies in the folder, and every other pair in it.

    Parameters
    ----------
    policy : mapping
        Content of ``data/policies/accuracy.toml``.
    counties : bool
        Also build and measure the synthetic counties.

    Raises
    ------
    InvalidInput
        ``detection.evaluate.no_scenes`` where the folder holds nothing to measure.
    """
    rows = [_pair_row(folder, entry, tell) for entry in policy.get("pair", ())]
    rows += [_crops_row(folder, entry, tell) for entry in policy.get("crops", ())]
    rows += _found_rows(folder, policy, tell)
    for key, measure in (("dates", _dates_row), ("mosaic", _mosaic_row), ("series", _series_row)):
        if key in policy:
            tell(policy[key]["name"])
            rows.append(measure(folder, policy[key]))
    if "camera" in policy:
        rows.append(_camera_row(folder, policy["camera"]))
    if all(row.state.startswith("not measured") for row in rows):
        raise InvalidInput("detection.evaluate.no_scenes", folder=str(folder))
    if counties and "counties" in policy:
        rows += [_county_row(seed, policy["counties"], tell) for seed in policy["counties"]["seeds"]]
    return rows


def _pair_row(folder: Path, entry: Mapping[str, Any], tell: Callable[[str], None]) -> Row:
    before, after = folder / entry["before"], folder / entry["after"]
    truth = folder / entry["truth"] if "truth" in entry else None
    tell(entry["name"])
    if not before.is_file() or not after.is_file():
        return _missing("pairs", entry)
    frame = entry.get("frame", "before")
    try:
        answer = evaluate_pair(
            Question(
                before,
                after,
                truth,
                pixel_grid=True,
                frame=frame,
                gsd_m=entry.get("gsd_m"),
                classes=tuple(entry.get("classes", ())),
            )
        )
    except LandwardenError as refusal:
        return _refused("pairs", entry, refusal)
    return Row(
        "pairs",
        entry["name"],
        entry["kind"],
        "measured",
        _figures(answer),
        entry.get("targets", {}),
        answer.report(),
    )


def _crops_row(folder: Path, entry: Mapping[str, Any], tell: Callable[[str], None]) -> Row:
    """Pairs ``A/x, B/x`` with ``label/x``, counted as one."""
    home = folder / entry["folder"]
    names = sorted(path.name for path in (home / "A").glob("*")) if (home / "A").is_dir() else []
    tell(entry["name"])
    if not names:
        return _missing("pairs", entry)
    answers, scores, refusals = [], [], []
    for name in names:
        try:
            question = Question(
                home / "A" / name,
                home / "B" / name,
                home / "label" / name,
                pixel_grid=True,
                classes=tuple(entry.get("classes", ())),
            )
            answer = evaluate_pair(question)
        except LandwardenError as refusal:
            refusals.append(f"{name}: {refusal.code}")
            continue
        answers.append(answer)
        if answer.pixels is not None:
            scores.append(answer.pixels)
    if not answers:
        return Row("pairs", entry["name"], entry["kind"], "refused: " + "; ".join(refusals), {}, {}, {})
    each = [_figures(answer) for answer in answers]
    figures = {
        name: float(np.mean([one[name] for one in each])) for name in ("control", "changed_share", "cost")
    }
    figures |= _of_pixels(pooled(scores)) | _pooled_objects(answers)
    facts = answers[0].report() | {"crops": len(answers), "refused": refusals}
    return Row("pairs", entry["name"], entry["kind"], "measured", figures, entry.get("targets", {}), facts)


def _found_rows(folder: Path, policy: Mapping[str, Any], tell: Callable[[str], None]) -> list[Row]:
    """Pairs in folders that the policy does not name."""
    known = {Path(entry["before"]).parts[0] for entry in policy.get("pair", ())}
    known |= {entry["folder"] for entry in policy.get("crops", ())}
    known |= {
        Path(policy[key].get("folder", policy[key].get("before", ""))).parts[0]
        for key in _SINGLE
        if key in policy
    }
    rows = []
    homes = [folder, *(path for path in sorted(folder.iterdir()) if path.is_dir() and path.name not in known)]
    for home in homes:
        if all((home / name).is_dir() for name in ("A", "B", "label")):
            entry = {
                "name": home.name,
                "kind": "found by its folders",
                "folder": str(home.relative_to(folder)),
            }
            rows.append(_crops_row(folder, entry, tell))
            continue
        files = {name: _picture(home, name) for name in ("t1", "t2", "gt")}
        if files["t1"] is not None and files["t2"] is not None:
            entry = {
                "name": home.name,
                "kind": "found by its files",
                "before": str(files["t1"]),
                "after": str(files["t2"]),
            }
            rows.append(_pair_row(folder, entry | ({"truth": str(files["gt"])} if files["gt"] else {}), tell))
    return rows


_SINGLE = ("dates", "mosaic", "series", "camera")


def _picture(home: Path, name: str) -> Path | None:
    return next(
        (home / f"{name}{suffix}" for suffix in PICTURES if (home / f"{name}{suffix}").is_file()), None
    )


def _dates_row(folder: Path, entry: Mapping[str, Any]) -> Row:
    """How many pairs of dates register directly, and how many more through the dates between."""
    dates = sorted((folder / entry["folder"]).glob(f"*{entry['suffix']}"))
    entry = {**entry, "kind": "registration"}
    if len(dates) < 3:
        return _missing("registration", entry)
    direct, chained = 0, 0
    residuals: list[float] = []
    for i in range(len(dates)):
        for j in range(i + 1, len(dates)):
            try:
                residuals.append(register(open_pair(dates[i], dates[j], pixel_grid=True)).residual_px)
                direct += 1
            except InvalidInput:
                chained += _is_reached(dates[i : j + 1])
    pairs = len(dates) * (len(dates) - 1) // 2
    figures = {
        "pairs": pairs,
        "direct": direct,
        "chained": chained,
        "refused": pairs - direct - chained,
        "residual_px": float(np.median(residuals)) if residuals else float("nan"),
    }
    return Row("registration", entry["name"], entry["kind"], "measured", figures, {})


def _is_reached(dates: Sequence[Path]) -> bool:
    try:
        register_chain(dates, pixel_grid=True)
    except InvalidInput:
        return False
    return True


def _mosaic_row(folder: Path, entry: Mapping[str, Any]) -> Row:
    """Tiles of both dates joined, each in its own coordinate system, and registered."""
    tiles = {when: sorted((folder / entry[when]).glob("*.tif")) for when in ("before", "after")}
    entry = {**entry, "kind": "registration"}
    if not all(tiles.values()):
        return _missing("registration", entry)
    with tempfile.TemporaryDirectory() as work:
        paths = [_joined(found, Path(work) / f"{when}.tif") for when, found in tiles.items()]
        try:
            found = register(open_pair(*paths))
        except LandwardenError as refusal:
            return _refused("registration", entry, refusal)
    shifts = np.array(found.report()["corner_shifts_px"])
    figures = {
        "inlier_share": found.inlier_share,
        "residual_px": found.residual_px,
        "largest_shift_px": float(np.hypot(shifts[:, 0], shifts[:, 1]).max()),
    }
    return Row("registration", entry["name"], entry["kind"], "measured", figures, {}, found.report())


def _joined(tiles: Sequence[Path], target: Path) -> Path:
    sources = [rasterio.open(path) for path in tiles]
    try:
        pixels, transform = merge(sources)
        profile = {
            "driver": "GTiff",
            "count": len(pixels),
            "height": pixels.shape[1],
            "width": pixels.shape[2],
        }
        profile |= {"dtype": pixels.dtype.name, "crs": sources[0].crs, "transform": transform, "nodata": 0}
        with rasterio.open(target, "w", **profile) as sink:
            sink.write(pixels)
    finally:
        for source in sources:
            source.close()
    return target


def _series_row(folder: Path, entry: Mapping[str, Any]) -> Row:
    from detection.accuracy.series import measure_series

    home = folder / entry["folder"]
    entry = {**entry, "kind": "harmonic monitor, events in the held-out half"}
    if not home.is_dir():
        return _missing("series", entry)
    result = measure_series(home)
    events = result["held_out"]["events"]
    figures = {name: float(value) for name, value in events.items() if isinstance(value, int | float)}
    return Row("series", entry["name"], entry["kind"], "measured", figures, entry.get("targets", {}), result)


def _camera_row(folder: Path, entry: Mapping[str, Any]) -> Row:
    from detection.accuracy.cameras import measure_camera

    home = folder / entry["folder"]
    entry = {**entry, "kind": "own detection, frames without events"}
    if not home.is_dir():
        return _missing("camera", entry)
    return Row(
        "camera", entry["name"], entry["kind"], "measured", measure_camera(home), entry.get("targets", {})
    )


def _county_row(seed: int, entry: Mapping[str, Any], tell: Callable[[str], None]) -> Row:
    """A synthetic county: objects found at 2 m under season, haze, cloud and misregistration."""
    from ingest.sources.synthetic.county import build_county

    name = f"Synthetic county {seed}"
    tell(name)
    with tempfile.TemporaryDirectory() as work:
        files = build_county(Path(work), seed=seed)
        detection = compare_files(files.before, files.after, cloud_mask=files.after_cloud).detection
        write_outlines(detection, Path(work) / "found.gpkg")
        outcome = measure_files(Path(work) / "found.gpkg", files.truth / "truth.gpkg", kind_field="situation")
    missed = sorted({miss["kind"] for miss in outcome["missed"]})
    figures = {key: float(outcome[key]) for key in ("recall", "precision", "planted", "found")}
    figures["control"] = detection.no_change_control
    facts = outcome | {"missed": missed, "method": detection.method, "version": detection.version}
    return Row("counties", name, "objects at 2 m", "measured", figures, entry.get("targets", {}), facts)


def _figures(answer: Answer) -> dict[str, float]:
    report = answer.report()
    figures = {
        "control": answer.detection.no_change_control,
        "changed_share": float(report["changed_share"]),
        "cost": float(report["cpu_over_read_write"]),
    }
    if answer.pixels is not None and answer.objects is not None:
        figures |= _of_pixels(answer.pixels)
        figures |= {f"object_{key}": float(answer.objects[key]) for key in ("recall", "precision", "f1")}
    return figures


def _pooled_objects(answers: Sequence[Answer]) -> dict[str, float]:
    """Object scores of several pairs, each object counting once."""
    told = [answer.objects for answer in answers if answer.objects is not None]
    figures = {}
    for score, count in (("recall", "true"), ("precision", "found")):
        total = sum(one[count] for one in told)
        figures[f"object_{score}"] = sum(one[score] * one[count] for one in told) / total if total else 0.0
    return figures


def _of_pixels(scores: PixelScores) -> dict[str, float]:
    return {key: float(value) for key, value in pixel_report(scores).items()}


def _missing(group: str, entry: Mapping[str, Any]) -> Row:
    return Row(group, entry["name"], entry.get("kind", ""), "not measured: not in the folder", {}, {})


def _refused(group: str, entry: Mapping[str, Any], refusal: LandwardenError) -> Row:
    targets = entry.get("targets", {})
    return Row(
        group,
        entry["name"],
        entry["kind"],
        f"refused: {refusal.code}",
        {},
        targets,
        {"facts": dict(refusal.facts)},
    )
