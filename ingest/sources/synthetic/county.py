"""The door of the demonstration county: builds imagery, layers, posts, patrols and the truth in one go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foundation.errors import InvalidInput
from ingest.sources.synthetic.imagery.scenes import write_scenes
from ingest.sources.synthetic.landscape.land import draw_land, lay_out_land
from ingest.sources.synthetic.landscape.materials import read_table
from ingest.sources.synthetic.planting.changes import plant_changes
from ingest.sources.synthetic.records.cameras import write_cameras
from ingest.sources.synthetic.records.layers import write_layers
from ingest.sources.synthetic.records.posts import write_posts
from ingest.sources.synthetic.records.rounds import write_patrols
from ingest.sources.synthetic.records.truth import write_truth

Size = Literal["small", "demo", "large"]
Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class CountyFiles:
    """What was written.

    Attributes
    ----------
    layers : dict
        Layer kind → GeoPackage; ``parcel_later`` is the register's second snapshot.
    after_cloud : Path
        Delivered cloud mask of the second image: 1 cloud, 2 cloud shadow, 0 clear.
    dsm_before, dsm_after : Path
        Surface models of the same dates, metres.
    cameras : Path
        Registry of the towers; ``camera_events.jsonl`` beside it holds what they say.
    truth : Path
        Folder with the planted changes; for evaluation only.
    """

    folder: Path
    before: Path
    after: Path
    after_cloud: Path
    dsm_before: Path
    dsm_after: Path
    layers: dict[str, Path]
    posts: Path
    patrols: Path
    cameras: Path
    truth: Path


def build_county(
    folder: Path,
    *,
    seed: int = 4108,
    size: Size = "demo",
    omit: Collection[str] = (),
    progress: Progress | None = None,
) -> CountyFiles:
    """Write the demonstration county below a folder.

    Same seed, same pixels and attributes. Imagery and surface models are EPSG:4547 at 2 m, layers and truth
    are EPSG:4490.

    Parameters
    ----------
    omit : collection of str
        Planted changes (``C001`` …) that are not rendered into the second image; layers stay the same.
    progress : callable, optional
        Gets the name of the step and the share done, 0–1.

    Raises
    ------
    InvalidInput
        ``ingest.synthetic.bad_seed``; ``ingest.synthetic.unknown_change`` for an id in ``omit`` that the
        size does not have.
    Defect
        ``ingest.synthetic.no_room`` when a seed leaves no place for a situation.
    """
    if seed < 0:
        raise InvalidInput("ingest.synthetic.bad_seed", seed=seed)
    tell = progress or _silent
    inputs = folder / "inputs"
    tell("lay out", 0.02)
    land = lay_out_land(size, seed)
    tell("plant changes", 0.12)
    changes = plant_changes(land, size)
    unknown = set(omit) - {change.change_id for change in changes}
    if unknown:
        raise InvalidInput("ingest.synthetic.unknown_change", ids=", ".join(sorted(unknown)), size=size)
    draw_land(land)
    tell("layers", 0.18)
    layers = write_layers(land, changes, inputs / "layers")
    tell("posts", 0.38)
    posts = write_posts(land, inputs / "posts.csv")
    patrols = write_patrols(land, inputs / "patrols.jsonl")
    truth = write_truth(land, changes, folder / "truth", omitted=omit)
    cameras = write_cameras(land, changes, inputs, truth)
    tell("imagery", 0.45)
    scenes = write_scenes(land, changes, inputs / "scenes", omit=omit, progress=tell)
    tell("done", 1.0)
    return CountyFiles(
        folder, *scenes, layers=layers, posts=posts, patrols=patrols, cameras=cameras, truth=truth
    )


def county_files(folder: Path) -> CountyFiles:
    """The files of a county that was built below a folder before."""
    inputs = folder / "inputs"
    table = read_table("layers")["layer"]
    layers = {kind: inputs / "layers" / table[kind]["file"] for kind in table}
    layers["parcel_later"] = inputs / "layers" / table["parcel"]["later_snapshot"]
    scenes = inputs / "scenes"
    return CountyFiles(
        folder,
        before=scenes / "before.tif",
        after=scenes / "after.tif",
        after_cloud=scenes / "after_cloud.tif",
        dsm_before=scenes / "dsm_before.tif",
        dsm_after=scenes / "dsm_after.tif",
        layers=layers,
        posts=inputs / "posts.csv",
        patrols=inputs / "patrols.jsonl",
        cameras=inputs / "cameras.json",
        truth=folder / "truth",
    )


def _silent(_step: str, _share: float) -> None:
    """No progress wanted."""
