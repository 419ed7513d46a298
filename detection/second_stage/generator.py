"""Examples from the product's own synthetic counties, whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from detection.evaluation.planted import read_planted
from detection.pixels.changes import Detection
from detection.pixels.pipeline import detect_pair
from detection.second_stage.examples import GENERATOR, Example
from detection.second_stage.rescoring import facts_of_changes
from foundation.crs import gauss_krueger_epsg, reproject
from foundation.errors import InvalidInput

LEAST_SHARE = 0.2
"""As in `detection.evaluation.scores.match_objects`."""
SOURCE = "satellite"


def examples_of_seed(
    seed: int, folder: Path, settings: Mapping[str, Any], *, size: str = "demo"
) -> list[Example]:
    """Build a county, compare its two dates, and label every object by the planted changes.

    Parameters
    ----------
    settings : mapping
        ``[generator]`` of ``second_stage.toml``.

    Raises
    ------
    InvalidInput
        ``detection.second_stage.held_out_seed``.
    """
    from ingest.sources.synthetic.county import build_county

    if seed in settings["held_out"]:
        raise InvalidInput("detection.second_stage.held_out_seed", seed=seed)
    files = build_county(folder, seed=seed, size=size)  # type: ignore[arg-type]
    detection = detect_pair(files.before, files.after, cloud_mask=files.after_cloud)
    return label(detection, read_planted(files.truth), f"county {seed}", settings["classes"])


def label(
    detection: Detection,
    planted: Sequence[tuple[BaseGeometry, str]],
    group: str,
    classes: Mapping[str, str],
) -> list[Example]:
    """Examples of every measured object: real where it meets a planted change.

    Parameters
    ----------
    planted : sequence of (outline, kind)
        EPSG:4490.
    classes : mapping
        Kind of planted change -> class of change.
    """
    epsg = gauss_krueger_epsg(planted[0][0].centroid.x) if planted else 4490
    truths = [reproject(outline, 4490, epsg) for outline, _ in planted]
    tree = shapely.STRtree(truths)
    examples = []
    for number, (change, facts) in enumerate(
        zip(detection.changes, facts_of_changes(detection, SOURCE), strict=True)
    ):
        if not change.statistics:
            continue
        met = _met(reproject(change.outline, 4490, epsg), truths, tree)
        examples.append(
            Example(
                facts,
                met is not None,
                None if met is None else classes.get(planted[met][1], "other"),
                group,
                GENERATOR,
                change.confidence if change.is_real else 1.0 - change.confidence,
                detection.method,
                f"{group} {number}",
            )
        )
    return examples


def _met(outline: BaseGeometry, truths: Sequence[BaseGeometry], tree: shapely.STRtree) -> int | None:
    """The planted change that an object shares most ground with, if enough."""
    best: tuple[float, int] | None = None
    for hit in sorted(tree.query(outline, predicate="intersects").tolist()):
        shared = float(shapely.intersection(outline, truths[hit]).area)
        is_enough = shared >= LEAST_SHARE * min(outline.area, truths[hit].area)
        if is_enough and (best is None or shared > best[0]):
            best = (shared, hit)
    return None if best is None else best[1]
