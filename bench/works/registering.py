"""Registration of a pair, against one phase correlation of the whole picture, which proves nothing."""

from __future__ import annotations

import cv2
import numpy as np
import rasterio

from bench.jobs import Job, Outcome, Place
from bench.works.chain import pair_of
from detection.pixels.align import Registration, register
from ingest.pair import open_pair


def registered(place: Place) -> Job:
    """Ours: tiles, similarity, residual; reading included."""
    files = pair_of(place)
    pair = open_pair(files.before, files.after)

    def judge(found: Registration) -> Outcome:
        facts = {"inlier_share": round(found.inlier_share, 3), "residual_px": round(found.residual_px, 3)}
        return Outcome(found.tiles, float(place.side_px**2), facts)

    return Job(lambda: register(pair), judge)


def one_correlation(place: Place) -> Job:
    """Read one band of both and correlate it whole."""
    files = pair_of(place)

    def run() -> float:
        grids = []
        for path in (files.before, files.after):
            with rasterio.open(path) as source:
                grids.append(source.read(3).astype(np.float64))
        window = cv2.createHanningWindow(grids[0].shape[::-1], cv2.CV_64F)
        (dx, dy), _ = cv2.phaseCorrelate(grids[0], grids[1], window)
        return float(np.hypot(dx, dy))

    return Job(run, lambda shift: Outcome(1, float(place.side_px**2), {"shift_px": round(shift, 3)}))
