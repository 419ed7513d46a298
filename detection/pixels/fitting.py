"""What is estimated before any block is scored: statistics, cuts, band roles, normalisation, kinds.

All of it comes from sample blocks spread over the scene, read once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.pixels.align import Registration, read_aligned
from detection.pixels.compiled import compiled_fast
from detection.pixels.control import unchanged_twins
from detection.pixels.detectors.base import (
    OWN_LIMIT,
    FloatGrid,
    Scorer,
    SquareScorer,
    smoothed_square,
)
from detection.pixels.detectors.irmad import Irmad, IrmadFit
from detection.pixels.detectors.registry import DETECTORS, PANELS, SensorChoice
from detection.pixels.detectors.siamese import Siamese, SiameseFit
from detection.pixels.indices import BandRoles, band_roles
from detection.pixels.kinds.surfaces import SurfaceModel
from detection.pixels.net.inference import Weights
from detection.pixels.normalise import Normalisation, fit_normalisation
from detection.pixels.objects.recipes import HIGH, LOW, UNSEEN, WITNESS_SHIFT, packed
from detection.pixels.registration.tiles import is_sparse, tile_boxes
from detection.pixels.screening import CloudScreen
from detection.pixels.threshold import Cut, choose_cut
from foundation.errors import InvalidInput
from ingest.pair import Box, ImagePair, PairPixels, PairReader

FINE_GSD_M = 5.0
LOW_SHARE = 0.9
"""Hysteresis: an object grows to this share of the cut from any pixel above it."""
LOW_SHARES: Mapping[str, float] = MappingProxyType({"cross_sensor": 1.0, "siamese": 0.7})
"""Others than that. Cross-sensor scores follow edges already: objects do not grow below the cut. A net's
chance falls off slowly inside what it has found: objects grow to 0.35 (chosen with the scenes of
docs/accuracy.md in sight; it moves their F1 by less than 0.01)."""
SAMPLE_SIDE_PX = 256
WHOLE_SAMPLE_PX = 1 << 20
SAMPLE_BLOCKS = 40
MIN_OBSERVED_PX = 400
CONTROL_BLOCKS = 8
CUT_SAMPLE_PX = 1 << 18


@dataclass(frozen=True)
class Fit:
    """Everything that was estimated from the sample; goes to every worker.

    Attributes
    ----------
    deciding, heard : tuple of str
        Names of the detectors on the panel.
    """

    deciding: tuple[str, ...]
    heard: tuple[str, ...]
    scorers: Mapping[str, Scorer]
    cuts: Mapping[str, Cut]
    roles: BandRoles
    normalisation: Normalisation
    surfaces: SurfaceModel | None

    @property
    def halo_px(self) -> int:
        """Pixels beyond a block on which its scores depend."""
        return max(DETECTORS[name].spec.halo_px for name in self.scorers)

    @property
    def net(self) -> SiameseFit | None:
        """The net, where it decides."""
        deciding = self.scorers[self.deciding[0]]
        return deciding if isinstance(deciding, SiameseFit) else None

    @property
    def low_share(self) -> float:
        """Share of the cut to which objects grow."""
        return LOW_SHARES.get(self.deciding[0], LOW_SHARE)

    def relative(self, name: str, pixels: PairPixels) -> NDArray[np.float32]:
        """Score of one detector in units of its cut: 1 is where change begins."""
        return self.scorers[name].score(pixels) / np.float32(self.cuts[name].value)

    def levels(
        self, pixels: PairPixels
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Level of the deciding detectors' mean score, a bit for each that alone finds change, and codes.

        The codes are those of a detector that tells kinds of change apart; None where none does.
        """
        codes = None
        fused = np.zeros(pixels.is_valid.shape, np.float32)
        witnesses = np.zeros(pixels.is_valid.shape, np.uint8)
        for bit, name in enumerate(self.deciding):
            scorer = self.scorers[name]
            if isinstance(scorer, SiameseFit):
                score, codes = scorer.scored(pixels)
            else:
                score = scorer.score(pixels)
            _hear(score, np.float32(1.0 / self.cuts[name].value), np.uint8(1 << bit), fused, witnesses)
        levels = np.empty(fused.shape, np.uint8)
        _level(fused, pixels.is_valid, np.float32(len(self.deciding)), np.float32(self.low_share), levels)
        if codes is not None:
            codes[levels == 0] = 0
        return levels, witnesses, codes

    def packed(self, pixels: PairPixels) -> NDArray[np.uint16]:
        """Level, surface code and witnesses of each pixel, see `objects.recipes.packed`."""
        levels, witnesses, codes = self.levels(pixels)
        if self.surfaces is not None:
            codes = self.surfaces.codes(pixels.before, pixels.after, pixels.is_valid)
        return packed(levels, codes, witnesses)

    @property
    def takes_squares(self) -> bool:
        """Whether `packed_squares` gives what `packed` gives: no surface codes, every score smoothed."""
        return self.surfaces is None and all(
            isinstance(self.scorers[name], SquareScorer) for name in self.deciding
        )

    def packed_squares(
        self,
        before: NDArray[Any],
        after: NDArray[Any],
        is_valid: NDArray[np.bool_],
        inside: tuple[slice, slice],
    ) -> NDArray[np.uint16]:
        """As `packed`, from pixels as they are stored, (bands, rows, cols) of any type, on a part of them."""
        own, smooth = [], []
        is_whole = bool(is_valid.all())
        for name in self.deciding:
            scorer = self.scorers[name]
            if isinstance(scorer, SquareScorer):
                own.append(scorer.squares(before, after))
                smooth.append(smoothed_square(own[-1], is_valid, scorer.smooth_sigma_px, is_whole=is_whole))
        value = np.empty(is_valid[inside].shape, np.uint16)
        corner = np.array([part.start for part in inside], np.int64)
        scales = np.array([1.0 / self.cuts[name].value for name in self.deciding], np.float32)
        low_share = np.float32(self.low_share)
        for_numba = tuple(smooth), tuple(own)
        _decide(*for_numba, is_valid, scales, np.float32(OWN_LIMIT), low_share, corner, value)
        return value

    def report(self) -> dict[str, Any]:
        """What is stored with a run."""
        return {
            name: {
                "version": DETECTORS[name].spec.version,
                "parameters": dict(DETECTORS[name].spec.parameters),
                "decides": name in self.deciding,
                "fit": dict(scorer.report()),
                "cut": self.cuts[name].report(),
            }
            for name, scorer in self.scorers.items()
        }


@compiled_fast
def _decide(
    smooth: tuple[FloatGrid, ...],
    own: tuple[FloatGrid, ...],
    is_valid: NDArray[np.bool_],
    scales: NDArray[np.float32],
    limit: np.float32,
    low_share: np.float32,
    corner: NDArray[np.int64],
    value: NDArray[np.uint16],
) -> None:
    """What `_limited_root`, `_hear`, `_level` and `recipes.packed` do in turn, line by line."""
    rows, cols = value.shape
    left = corner[1]
    right = left + cols  # parts, not `left + col`: an index that might be negative would not be vectorised
    fused = np.empty(cols, np.float32)
    heard = np.empty(cols, np.uint16)
    voices = np.float32(len(smooth))
    for row in range(rows):
        at = row + corner[0]
        fused[:] = 0.0
        heard[:] = 0
        for number in range(len(smooth)):
            mean, alone = smooth[number][at, left:right], own[number][at, left:right]
            scale, bit = scales[number], np.uint16(1 << (WITNESS_SHIFT + number))
            for col in range(cols):
                smoothed, most = mean[col], limit * alone[col]
                square = smoothed if smoothed < most else most
                relative = np.sqrt(square if square > np.float32(0.0) else np.float32(0.0)) * scale
                fused[col] += relative
                heard[col] |= bit if relative >= np.float32(1.0) else np.uint16(0)
        line, seen = value[row], is_valid[at, left:right]
        for col in range(cols):
            share = fused[col] / voices
            marked = heard[col] | (np.uint16(HIGH) if share >= np.float32(1.0) else np.uint16(LOW))
            shown = marked if share >= low_share else np.uint16(0)
            line[col] = shown if seen[col] else np.uint16(UNSEEN)


@compiled_fast
def _hear(
    score: NDArray[np.float32],
    scale: np.float32,
    bit: np.uint8,
    fused: NDArray[np.float32],
    witnesses: NDArray[np.uint8],
) -> None:
    rows, cols = score.shape
    for row in range(rows):
        for col in range(cols):
            relative = score[row, col] * scale
            fused[row, col] += relative
            if relative >= 1.0:
                witnesses[row, col] |= bit


@compiled_fast
def _level(
    fused: NDArray[np.float32],
    is_valid: NDArray[np.bool_],
    voices: np.float32,
    low_share: np.float32,
    levels: NDArray[np.uint8],
) -> None:
    rows, cols = fused.shape
    for row in range(rows):
        for col in range(cols):
            mean = fused[row, col] / voices
            level = HIGH if mean >= 1.0 else (LOW if mean >= low_share else 0)
            levels[row, col] = level if is_valid[row, col] else UNSEEN


def read_samples(reader: PairReader, registration: Registration, screen: CloudScreen) -> list[PairPixels]:
    """The whole of a small scene, else about 40 blocks spread evenly over it.

    Raises
    ------
    InvalidInput
        ``detection.pair.nothing_observed``.
    """
    boxes = _sample_boxes(reader.pair.grid.shape)
    samples = [screen.screened(read_aligned(reader, box, registration), box) for box in boxes]
    observed = sum(int(block.is_valid.sum()) for block in samples)
    if observed < MIN_OBSERVED_PX:
        raise InvalidInput("detection.pair.nothing_observed", pixels=observed)
    return samples


def fit_panel(
    pair: ImagePair, choice: SensorChoice, samples: Sequence[PairPixels], weights: Weights | None = None
) -> Fit:
    """Fit every detector of the sensor's panel, then normalise and read the bands.

    Parameters
    ----------
    weights : Weights, optional
        Of the net, where the panel has one; by default those that the product ships.
    """
    panel = PANELS[choice.sensor]
    fit = _fit_scorers(panel.all, pair, choice, samples, weights)
    roles, irmad = fit.roles, fit.scorers.get(Irmad.spec.name)
    normalisation = fit.normalisation
    if isinstance(irmad, IrmadFit):
        normalisation = fit_normalisation(samples, irmad)
    gsd_m = pair.grid.gsd_m()
    is_fine = gsd_m is not None and gsd_m <= FINE_GSD_M and choice.sensor == "multispectral"
    surfaces = SurfaceModel.fit(samples, roles, normalisation) if is_fine and roles.is_reflectance else None
    return replace(fit, normalisation=normalisation, surfaces=surfaces)


def _fit_scorers(
    names: Sequence[str],
    pair: ImagePair,
    choice: SensorChoice,
    samples: Sequence[PairPixels],
    weights: Weights | None,
) -> Fit:
    """Scorers and cuts of some of the panel's detectors; nothing normalised, no surfaces."""
    panel = PANELS[choice.sensor]
    roles = band_roles(pair.before, samples)
    detectors = {name: DETECTORS[name] for name in names}
    if Siamese.spec.name in detectors:
        detectors[Siamese.spec.name] = Siamese.suited(roles, pair.grid, weights)
    scorers = {name: detector.fit(samples) for name, detector in detectors.items()}
    cuts = {name: _cut(name, scorer, samples) for name, scorer in scorers.items()}
    heard = tuple(name for name in panel.heard if name in detectors)
    identity = Normalisation.identity(samples[0].after.shape[0])
    return Fit(panel.deciding, heard, scorers, cuts, roles, identity, None)


def no_change_control(
    pair: ImagePair, choice: SensorChoice, samples: Sequence[PairPixels], weights: Weights | None = None
) -> float:
    """Share of pixels flagged when the same chain fits an unchanged twin of the sample."""
    some = samples[:: max(1, len(samples) // CONTROL_BLOCKS)]
    twins = unchanged_twins(some, is_speckle=choice.sensor == "sar")
    fit = _fit_scorers(PANELS[choice.sensor].deciding, pair, choice, twins, weights)
    flags = [fit.levels(twin)[0][twin.is_valid] == HIGH for twin in twins]
    return float(np.concatenate(flags).mean())


def _cut(name: str, scorer: Scorer, samples: Sequence[PairPixels]) -> Cut:
    spec = DETECTORS[name].spec
    if spec.cut is not None:
        return Cut(spec.cut, spec.cut, spec.cut)
    observed = sum(int(block.is_valid.sum()) for block in samples)
    step = max(1, observed // CUT_SAMPLE_PX)
    scores = np.concatenate([scorer.score(block)[block.is_valid][::step] for block in samples])
    return choose_cut(scores, floor_sigmas=spec.floor_sigmas, is_folded=spec.is_folded)


def is_sampled(shape: tuple[int, int]) -> bool:
    """Whether the sample lies far apart in the scene: few of the files' blocks are decoded for it."""
    return is_sparse(Box(0, 0, *shape), SAMPLE_SIDE_PX)


def _sample_boxes(shape: tuple[int, int]) -> list[Box]:
    rows, cols = shape
    if rows * cols <= WHOLE_SAMPLE_PX:
        return [Box(0, 0, rows, cols)]
    scene = Box(0, 0, rows, cols)
    if is_sampled(shape):
        return tile_boxes(scene, SAMPLE_SIDE_PX)
    side_rows, side_cols = min(SAMPLE_SIDE_PX, rows), min(SAMPLE_SIDE_PX, cols)
    across = max(1, round((SAMPLE_BLOCKS * cols / rows) ** 0.5))
    down = max(1, -(-SAMPLE_BLOCKS // across))
    return [
        Box(
            _snapped((i + 0.5) * (rows - side_rows) / down),
            _snapped((j + 0.5) * (cols - side_cols) / across),
            side_rows,
            side_cols,
        )
        for i in range(down)
        for j in range(across)
    ]


def _snapped(start: float) -> int:
    """On the grid of the blocks in which files are stored, so that one sample needs one of them."""
    return int(start // SAMPLE_SIDE_PX) * SAMPLE_SIDE_PX
