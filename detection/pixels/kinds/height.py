"""What a change of height is, from the surface models of both dates."""

from __future__ import annotations

from detection.pixels.detectors.height_kind import height_kind, height_statistics
from detection.pixels.detectors.surface_height import SurfaceHeightFit
from detection.pixels.kinds.windows import Kind, ObjectWindow, Verdict


def surface_model_kind(fit: SurfaceHeightFit) -> Kind:
    """Storeys, building, heap, pit, demolition or plants."""

    def kind(window: ObjectWindow) -> Verdict:
        facts = height_statistics(fit, window.pixels, window.is_object, gsd_m=window.gsd_m or 1.0)
        return Verdict(*height_kind(facts))

    return kind
