"""Labelled pairs from a running system: chips of leads that people went to see, and what they signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy.orm import Session

from detection.leads import Lead
from detection.learning.labelled import LabelledPair
from detection.pixels.chips import chip_gsd_m, outline_in_chip
from detection.pixels.net.inference import HEADS
from detection.second_stage import store
from detection.second_stage.examples import truth_of_verdict
from detection.second_stage.models import settings as second_stage_settings
from foundation import access
from foundation.access import Actor
from foundation.blobs import BlobStore

EDGE_PX = 3
"""An outline is not known better: nothing is learned so close to it."""


def field_pairs(
    session: Session, actor: Actor, blobs: BlobStore, heads: Mapping[str, Sequence[str]]
) -> list[LabelledPair]:
    """One pair for each lead with chips whose patch somebody judged on site.

    A confirmed change teaches the heads of its class: changed within the outline, unchanged beyond it. A
    rejected one teaches every head that nothing changed within the outline, and nothing beyond.

    Parameters
    ----------
    heads : mapping
        Class of change → heads that it teaches (``[heads]`` of ``learning.toml``).
    """
    access.require(actor, "detection.run")
    labels = store.newest_labels(session)
    leads = store.leads_of(session, [label.patch_id for label in labels])
    pairs = []
    for label in labels:
        truth = truth_of_verdict(label.verdict, label.reason_code, second_stage_settings()["labels"])
        taught = [HEADS.index(head) for head in heads.get(label.change_class or "", ())]
        if truth is None or (truth and not taught):
            continue
        for lead in leads.get(label.patch_id, ()):
            pair = _pair(blobs, lead, taught if truth else None)
            if pair is not None:
                pairs.append(pair)
    return sorted(pairs, key=lambda pair: pair.name)


def _pair(blobs: BlobStore, lead: Lead, taught: Sequence[int] | None) -> LabelledPair | None:
    """Chips of a lead with its outline as the truth; ``taught`` None: it was a false alarm."""
    chips = (lead.before_chip_sha256, lead.after_chip_sha256)
    if lead.outline is None or chips[0] is None or chips[1] is None or lead.run_id is None:
        return None
    before, after = (_picture(blobs.read(sha256)) for sha256 in chips if sha256 is not None)
    shape = (before.shape[1], before.shape[2])
    inside = np.zeros(shape, np.uint8)
    edge = np.zeros(shape, np.uint8)
    for ring in outline_in_chip(lead.outline):
        corners = np.rint(ring).astype(np.int32)
        cv2.fillPoly(inside, [corners], 1)
        cv2.polylines(edge, [corners], True, 1, 2 * EDGE_PX)
    labels = np.zeros((len(HEADS), *shape), np.uint8)
    weights = np.zeros_like(labels)
    if taught is None:
        weights[:] = inside
    else:
        for head in taught:
            labels[head] = inside
            weights[head] = 1 - edge
    return LabelledPair(str(lead.lead_id), before, after, labels, weights, chip_gsd_m(lead.outline))


def _picture(data: bytes) -> NDArray[Any]:
    with Image.open(BytesIO(data)) as picture:
        return np.ascontiguousarray(np.moveaxis(np.asarray(picture.convert("RGB")), -1, 0))
