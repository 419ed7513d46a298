"""The watch over closed cases: every later image of their ground is looked at and noted, by itself."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy.orm import Session

from detection.looking_again import look_at
from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.ids import derived_id
from patrol.cases.tables import WatchRow
from patrol.cases.watching import store

RULES_FILE = Path(__file__).resolve().parents[3] / "data" / "rules" / "watch.toml"


def note_later_images(session: Session, actor: Actor, *, blobs: BlobStore, now: datetime) -> list[UUID]:
    """Note what later images say of the ground of closed cases that are still watched.

    Each image of each case is noted once, as soon as it has been compared with an earlier one: nothing
    changed, changed (what was found fuses into a lead of the case, and reopens it), or not observed where
    cloud, a gap or the image's edge hid the ground.

    Returns
    -------
    list of UUID
        Patches of which something was noted.
    """
    require(actor, "clock.run")
    noted = []
    for row in store.scenes_to_note(session):
        outcome, facts = _outcome(row, blobs)
        session.add(
            WatchRow(
                watch_id=derived_id("case_watch", row["patch_id"], row["scene_id"]),
                patch_id=row["patch_id"],
                division_code=row["division_code"],
                scene_id=row["scene_id"],
                observed_at=row["acquired_at"],
                outcome=outcome,
                facts=facts,
                noted_at=now,
            )
        )
        session.flush()
        told = {"scene_id": str(row["scene_id"]), "outcome": outcome}
        audit.record(
            session, actor, "patrol.case.looked_again", subject=("patch", row["patch_id"]), at=now, facts=told
        )
        noted.append(row["patch_id"])
    return noted


def _outcome(row: dict[str, Any], blobs: BlobStore) -> tuple[str, dict[str, Any]]:
    rules = watch_rules()
    facts: dict[str, Any] = {"sensor": row["sensor"], "run_id": str(row["run_id"]), "leads": row["leads"]}
    if row["change_sha256"] is None or row["change_sha256"] not in blobs:
        return "not_observed", {**facts, "why": "比对成果缺失"}
    look = look_at(blobs.path(row["change_sha256"]), shapely.from_wkb(bytes(row["outline"])))
    facts |= {"observed_share": round(look.observed, 3), "changed_share": round(look.changed, 3)}
    if look.observed < rules["observed_min"]:
        cloud = row["cloud_pct"]
        why = f"云量{cloud:.0f}%，图斑被遮挡" if cloud else "影像未覆盖或被遮挡"
        return "not_observed", {**facts, "why": why}
    if row["leads"] or look.changed >= rules["changed_min"]:
        return "changed", facts
    return "unchanged", facts


@lru_cache(maxsize=1)
def watch_rules() -> dict[str, float]:
    """From which shares on ground counts as observed and as changed."""
    table: dict[str, float] = tomllib.loads(RULES_FILE.read_text("utf-8"))
    return table
