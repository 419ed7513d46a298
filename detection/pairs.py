"""A pair of files compared as the product does it, without a database: the chain, then the shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detection.pixels.pipeline import detect_pair
from detection.second_stage.jobs import rescore_with
from detection.second_stage.models import shipped_model
from detection.second_stage.rescoring import Rescored
from detection.second_stage.service import Serving


def compare_files(before: Path, after: Path, **options: Any) -> Rescored:
    """Find what changed, and how likely each change is real.

    Parameters
    ----------
    **options
        Those of `detection.pixels.pipeline.detect_pair`.

    Raises
    ------
    InvalidInput, Conflict
        What `detect_pair` refuses.
    """
    detection = detect_pair(before, after, **options)
    return rescore_with(Serving(None, shipped_model()), detection, source="satellite")
