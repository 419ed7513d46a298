"""Verbs of outings: record one, once, with its validity and the reasons for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, NotAllowed
from patrol.cases.store import lock_key
from patrol.net import service as net
from patrol.rounds import store
from patrol.rounds.measures import measure, spans_of
from patrol.rounds.packing import pack, unpack
from patrol.rounds.patrols import Assessment, PatrolBody, assess, body_sha256, check_body, patrol_policy
from patrol.rounds.plausibility import Former, path_of, plausibility_policy, weigh
from patrol.rounds.tracks import tracks_of
from patrol.tables import PatrolRow

Profile = Literal["full", "unit_only"]


@dataclass(frozen=True, slots=True)
class PatrolRecorded:
    """What came of an outing."""

    patrol_id: UUID
    is_new: bool
    is_valid: bool
    reasons: tuple[dict[str, object], ...]


def record_patrol(
    session: Session,
    actor: Actor,
    body: PatrolBody,
    *,
    now: datetime,
    profile: Profile = "full",
    ground_4490: BaseGeometry | None = None,
) -> PatrolRecorded:
    """Store an outing with its validity; the same body again gives the same answer.

    Parameters
    ----------
    profile : str
        With ``unit_only`` the track is kept for outings with tasks only.
    ground_4490 : geometry, optional
        The post's ground, where the caller has it already; EPSG:4490.

    Raises
    ------
    InvalidInput
        As `patrol.rounds.patrols.check_body`.
    NotFound
        ``patrol.post.not_found``.
    NotAllowed
        ``patrol.patrol.not_your_post``.
    Conflict
        ``patrol.patrol.other_body``.
    """
    check_body(body)
    post = net.get_post(session, body.post_id)
    require(actor, "patrol.record", post.division_code)
    if actor.role != "system" and body.post_id not in actor.post_ids:
        raise NotAllowed("patrol.patrol.not_your_post", post=post.title)
    digest = body_sha256(body)
    lock_key(session, f"patrol/{body.patrol_id}")
    known = store.find_patrol(session, body.patrol_id)
    if known is not None:
        if known.body_sha256 != digest:
            raise Conflict("patrol.patrol.other_body", patrol_id=str(body.patrol_id))
        return PatrolRecorded(known.patrol_id, False, known.is_valid, tuple(known.reasons))
    proved = store.proved_tasks(session, body.post_id, body.started_at, body.ended_at)
    ground = ground_4490 if ground_4490 is not None else store.ground_of(session, post.division_code)
    result = assess(body, ground_4490=ground, tasks_proved=proved, policy=patrol_policy())
    row = _row(body, result, post.division_code, proved, digest, keeps_track=profile == "full" or proved > 0)
    if row.track is not None:
        trust = weigh(result.tracks, result.walks, _formers(session, row))
        row.plausibility, row.doubts = trust.score, [doubt._asdict() for doubt in trust.doubts]
    session.add(row)
    session.flush()
    facts = {"is_valid": result.is_valid, "body_sha256": digest, "post_no": post.post_no}
    audit.record(
        session, actor, "patrol.patrol.recorded", subject=("patrol", body.patrol_id), at=now, facts=facts
    )
    return PatrolRecorded(body.patrol_id, True, result.is_valid, tuple(row.reasons))


def _formers(session: Session, row: PatrolRow) -> list[Former]:
    """Earlier outings on this ground that a replay could repeat."""
    rules = plausibility_policy()["replay"]
    if row.duration_min < rules["minutes_min"]:
        return []
    rows = store.formers(
        session,
        row,
        since=row.started_at - timedelta(days=rules["window_days"]),
        tolerance=rules["tolerance"],
        limit=rules["compared_max"],
    )
    tracks = unpack([former.fixes for former in rows])
    spans = spans_of([(former.started_at, former.ended_at) for former in rows])
    walks = measure(tracks, spans, patrol_policy().fix_rules)
    return [
        Former(f"{former.started_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", path_of(tracks, walks, place))
        for place, former in enumerate(rows)
    ]


def _row(
    body: PatrolBody,
    result: Assessment,
    division_code: str,
    tasks: int,
    digest: str,
    *,
    keeps_track: bool,
) -> PatrolRow:
    line = None
    if keeps_track and result.is_usable.sum() > 1:
        line = f"SRID=4490;{shapely.LineString(result.tracks.lonlat_deg(result.is_usable)).wkt}"
    return PatrolRow(
        patrol_id=body.patrol_id,
        post_id=body.post_id,
        division_code=division_code,
        started_at=body.started_at,
        ended_at=body.ended_at,
        fixes=pack(result.tracks if keeps_track else tracks_of([()]))[0],
        fix_count=len(body.fixes),
        track=line,
        distance_m=float(result.walks.distance_m[0]),
        duration_min=float(result.walks.duration_min[0]),
        tasks_visited=tasks,
        is_valid=result.is_valid,
        reasons=[reason._asdict() for reason in result.reasons],
        body_sha256=digest,
    )
