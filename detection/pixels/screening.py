"""What was not seen: clouds and their shadows, delivered as a mask beside the pair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairPixels
from ingest.raster import RasterInfo, describe_raster, open_raster, read_part

STRIP_ROWS = 512


@dataclass(frozen=True)
class CloudScreen:
    """Where cloud or shadow hides the land, read block by block; nothing where no mask was delivered.

    Attributes
    ----------
    share : float
        Of the scene that the mask hides.
    """

    mask: RasterInfo | None
    share: float

    @classmethod
    def of(cls, pair: ImagePair, cloud_mask: Path | None) -> CloudScreen:
        """Check the delivered mask and measure how much it hides.

        Raises
        ------
        InvalidInput
            ``detection.pair.cloud_mask_grid``: not on the BEFORE grid.
        """
        if cloud_mask is None:
            return cls(None, 0.0)
        info = describe_raster(cloud_mask, pixel_grid=True)
        same_place = info.grid.crs_wkt is None or info.grid.transform.almost_equals(pair.grid.transform, 1e-6)
        if info.grid.shape != pair.grid.shape or not same_place:
            raise InvalidInput("detection.pair.cloud_mask_grid", file=cloud_mask.name)
        rows, cols = pair.grid.shape
        screen = cls(info, 0.0)
        hidden = sum(
            int(screen.is_hidden(Box(row, 0, min(STRIP_ROWS, rows - row), cols)).sum())
            for row in range(0, rows, STRIP_ROWS)
        )
        return cls(info, hidden / (rows * cols))

    def is_hidden(self, box: Box) -> NDArray[np.bool_]:
        """Hidden pixels of a block, (rows, cols)."""
        if self.mask is None:
            return np.zeros((box.rows, box.cols), bool)
        window = Window(box.col, box.row, box.cols, box.rows)
        with open_raster(self.mask.path, self.mask.driver) as source:
            hidden: NDArray[np.bool_] = read_part(source, window, [1], self.mask.path)[0] != 0
        return hidden

    def screened(self, pixels: PairPixels, box: Box) -> PairPixels:
        """The block with hidden pixels marked as not valid."""
        if self.mask is None:
            return pixels
        return replace(pixels, is_valid=pixels.is_valid & ~self.is_hidden(box))
