"""Verbs of outings: record them, once, each with its validity, the trust in it, and the reasons for both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.audit import canonical
from foundation.blobs import BlobStore
from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol.cases.store import lock_key
from patrol.net import service as net
from patrol.net.posts import Post
from patrol.rounds import store
from patrol.rounds.measures import Grounds, Walks, in_ground, measure, spans_of
from patrol.rounds.packing import pack, unpack
from patrol.rounds.patrols import (
    Assessment,
    PatrolBody,
    body_sha256,
    check_body,
    in_ground_share,
    patrol_policy,
    weigh_up,
)
from patrol.rounds.plausibility import Former, Plausibility, WalkedPath, path_of, plausibility_policy, weigh
from patrol.rounds.tracks import joined, tracks_of
from patrol.tables import PatrolRow
from patrol.visits.receiving import hold_other_body

Profile = Literal["full", "unit_only"]
CLOCK_SLACK = timedelta(minutes=5)
"""How far a phone's clock may be ahead."""
DAYS_MOST = 366


@dataclass(frozen=True, slots=True)
class PatrolRecorded:
    """What came of an outing."""

    patrol_id: UUID
    is_new: bool
    is_valid: bool
    reasons: tuple[dict[str, object], ...]
    doubts: tuple[dict[str, object], ...] = ()
    findings: int = 0
    """How many have arrived so far; one may come before its outing, or after."""


@dataclass(frozen=True, slots=True)
class OwnPatrol:
    """One of somebody's own outings, as it stands in the ledger."""

    patrol_id: UUID
    post_id: UUID
    post_title: str
    started_at: datetime
    ended_at: datetime
    fix_count: int
    distance_m: float
    duration_min: float
    tasks_visited: int
    is_valid: bool
    reasons: tuple[dict[str, object], ...]
    doubts: tuple[dict[str, object], ...]
    keeps_track: bool
    findings: int
    walked_by: str | None


class OwnPost(NamedTuple):
    """A post for which somebody may walk, and its cells; whom this person stands in for, and until when."""

    post_id: UUID
    title: str
    cells: tuple[str, ...] = ()
    instead_of: str | None = None
    until: date | None = None


@dataclass
class GroundBook:
    """Grounds of divisions, kept by a caller that records outings by the thousand.

    Attributes
    ----------
    known : dict of division code -> geometry
        EPSG:4490; filled as grounds are asked for.
    lattice, spans : optional
        All grid cells on a lattice, and first and last place of each division's among them.
    """

    known: dict[str, BaseGeometry | None] = field(default_factory=dict)
    lattice: Grounds | None = None
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class _Outing(NamedTuple):
    """One new outing on its way into the ledger."""

    body: PatrolBody
    post: Post
    digest: str
    tasks_proved: int


def record_patrol(
    session: Session, actor: Actor, body: PatrolBody, *, now: datetime, profile: Profile = "full"
) -> PatrolRecorded:
    """Store an outing with its validity; the same body again gives the same answer.

    See `record_patrols`.
    """
    return record_patrols(session, actor, [body], now=now, profile=profile)[0]


def keep_other_patrol(
    session: Session,
    actor: Actor,
    body: PatrolBody,
    plain: dict[str, Any],
    *,
    blobs: BlobStore,
    now: datetime,
) -> UUID:
    """Keep the second of two outings under one id, for a person to compare; what it is held under."""
    post = _own_post(session, actor, body.post_id, body.started_at.astimezone(SHANGHAI).date())
    return hold_other_body(
        session,
        actor,
        kind="patrol",
        identity=body.patrol_id,
        division_code=post.division_code,
        claim={key: value for key, value in plain.items() if key != "fixes"},
        blob=blobs.put(canonical(plain).encode()),
        now=now,
    )


def own_posts(session: Session, actor: Actor, *, now: datetime) -> list[OwnPost]:
    """Posts for which the actor may walk today: the own ones, and those in which the actor stands in.

    Runs in a transaction of the platform, as `own_patrols`.
    """
    require(actor, "patrol.record")
    today = now.astimezone(SHANGHAI).date()
    leaves = {
        absence.post_id: absence
        for absence in net.absences_between(session, today, today)
        if absence.stand_in_account_id == actor.account_id and absence.post_id not in actor.post_ids
    }
    found = []
    for post in net.posts_by_ids(session, actor.post_ids) + net.posts_by_ids(session, list(leaves)):
        leave, cells = leaves.get(post.post_id), tuple(net.cells_of_post(session, post, today))
        told = (leave.name, leave.ends_on) if leave else (None, None)
        found.append(OwnPost(post.post_id, post.title, cells, *told))
    return found


def own_patrols(session: Session, actor: Actor, *, first: date, last: date) -> list[OwnPatrol]:
    """Outings of the actor's posts, and those that the actor walked for others, of some days, newest first.

    Runs in a transaction of the platform: a post in which one stood in may lie beyond one's own ground.

    Parameters
    ----------
    first, last : date
        Days on which they began, in Shanghai.

    Raises
    ------
    InvalidInput
        ``patrol.patrol.bad_days``: the last before the first, or more than 366 days.
    """
    require(actor, "patrol.record")
    if not 0 <= (last - first).days < DAYS_MOST:
        raise InvalidInput("patrol.patrol.bad_days", first=first.isoformat(), last=last.isoformat())
    begin = datetime.combine(first, time(0), SHANGHAI)
    end = datetime.combine(last + timedelta(days=1), time(0), SHANGHAI)
    found = store.patrols_of(session, actor.post_ids, actor.account_id, begin, end)
    findings = store.findings_of(session, [row.patrol_id for row, _ in found])
    return [
        OwnPatrol(
            row.patrol_id,
            row.post_id,
            title,
            row.started_at,
            row.ended_at,
            row.fix_count,
            row.distance_m,
            row.duration_min,
            row.tasks_visited,
            row.is_valid,
            tuple(row.reasons),
            tuple(row.doubts),
            keeps_track=row.track is not None,
            findings=findings.get(row.patrol_id, 0),
            walked_by=row.walker_name,
        )
        for row, title in found
    ]


def record_patrols(
    session: Session,
    actor: Actor,
    bodies: Sequence[PatrolBody],
    *,
    now: datetime,
    profile: Profile = "full",
    grounds: GroundBook | None = None,
) -> list[PatrolRecorded]:
    """Store outings, all or none of them; each body that is known already gives its first answer again.

    Parameters
    ----------
    profile : str
        With ``unit_only`` the track is kept for outings with tasks only.
    grounds : GroundBook, optional
        What the caller keeps of grounds between calls.

    Raises
    ------
    InvalidInput
        As `patrol.rounds.patrols.check_body`; ``patrol.patrol.not_ended_yet``: by the phone's clock it ends
        in the future.
    NotFound
        ``patrol.post.not_found``.
    NotAllowed
        ``patrol.patrol.not_your_post``.
    Conflict
        ``patrol.patrol.other_body``.
    """
    answers: dict[UUID, PatrolRecorded] = {}
    outings = _sorted_out(session, actor, bodies, answers, now)
    for outing, row in zip(
        outings, _assessed(session, outings, grounds or GroundBook(), profile), strict=True
    ):
        if actor.role != "system":
            row.walker_id, row.walker_name = actor.account_id, actor.name
        session.add(row)
        facts = {"is_valid": row.is_valid, "body_sha256": outing.digest, "post_no": outing.post.post_no}
        subject = ("patrol", row.patrol_id)
        audit.record(session, actor, "patrol.patrol.recorded", subject=subject, at=now, facts=facts)
        answers[row.patrol_id] = PatrolRecorded(
            row.patrol_id, True, row.is_valid, tuple(row.reasons), tuple(row.doubts)
        )
    session.flush()
    findings = store.findings_of(session, list(answers))
    return [replace(answers[body.patrol_id], findings=findings.get(body.patrol_id, 0)) for body in bodies]


def _sorted_out(
    session: Session,
    actor: Actor,
    bodies: Sequence[PatrolBody],
    answers: dict[UUID, PatrolRecorded],
    now: datetime,
) -> list[_Outing]:
    """The new ones among some bodies, locked; the answers of those that are known go to ``answers``."""
    posts: dict[tuple[UUID, date], Post] = {}
    for body in bodies:
        check_body(body)
        if actor.role != "system" and body.ended_at > now + CLOCK_SLACK:
            raise InvalidInput("patrol.patrol.not_ended_yet", ended_at=body.ended_at.isoformat())
        key = body.post_id, body.started_at.astimezone(SHANGHAI).date()
        if key not in posts:
            posts[key] = _own_post(session, actor, *key)
    for patrol_id in sorted({body.patrol_id for body in bodies}):
        lock_key(session, f"patrol/{patrol_id}")
    known = store.find_patrols(session, [body.patrol_id for body in bodies])
    new: dict[UUID, _Outing] = {}
    for body in bodies:
        digest = body_sha256(body)
        if body.patrol_id in known:
            answers[body.patrol_id] = _known_answer(known[body.patrol_id], digest)
        elif body.patrol_id in new:
            _require_same(body.patrol_id, new[body.patrol_id].digest, digest)
        else:
            walker = None if actor.role == "system" else actor.account_id
            proved = store.proved_tasks(session, body.post_id, body.started_at, body.ended_at, walker)
            day = body.started_at.astimezone(SHANGHAI).date()
            new[body.patrol_id] = _Outing(body, posts[body.post_id, day], digest, proved)
    return list(new.values())


def _own_post(session: Session, actor: Actor, post_id: UUID, day: date) -> Post:
    """The post, if the actor has it now or stood in it on the day of the outing."""
    require(actor, "patrol.record")
    post = net.get_post(session, post_id)
    is_own = actor.role == "system" or post_id in actor.post_ids
    if not is_own and actor.account_id not in net.accounts_in_post(session, post, day):
        require(actor, "patrol.record", post.division_code)
        raise NotAllowed("patrol.patrol.not_your_post", post=post.title)
    return post


def _known_answer(known: PatrolRow, digest: str) -> PatrolRecorded:
    _require_same(known.patrol_id, known.body_sha256, digest)
    return PatrolRecorded(known.patrol_id, False, known.is_valid, tuple(known.reasons), tuple(known.doubts))


def _require_same(patrol_id: UUID, known: str, digest: str) -> None:
    if known != digest:
        raise Conflict("patrol.patrol.other_body", patrol_id=str(patrol_id))


def _assessed(
    session: Session, outings: Sequence[_Outing], grounds: GroundBook, profile: Profile
) -> list[PatrolRow]:
    tracks = joined([outing.body.track for outing in outings])
    spans = spans_of([(outing.body.started_at, outing.body.ended_at) for outing in outings])
    policy = patrol_policy()
    walks = measure(tracks, spans, policy.fix_rules)
    shares = _shares(session, outings, walks, grounds)
    rows = []
    for place, outing in enumerate(outings):
        keeps_track = profile == "full" or outing.tasks_proved > 0
        result = weigh_up(
            outing.body,
            walks,
            place,
            share=shares[place],
            tasks_proved=outing.tasks_proved,
            policy=policy,
            keeps_track=keeps_track,
        )
        own = walks.codes[tracks.starts[place] : tracks.starts[place + 1]]
        rows.append(_row(outing, result, own, keeps_track=keeps_track))
    paths = [path_of(tracks, walks, place) for place in range(len(outings))]
    for place, formers in enumerate(_formers(session, rows, paths)):
        if rows[place].track is not None:
            trust = weigh(tracks, walks, formers, place)
            rows[place].plausibility, rows[place].doubts = _trust(trust)
    return rows


def _trust(found: Plausibility) -> tuple[float, list[dict[str, object]]]:
    return found.score, [doubt._asdict() for doubt in found.doubts]


def _shares(
    session: Session, outings: Sequence[_Outing], walks: Walks, grounds: GroundBook
) -> list[float | None]:
    margin_m = patrol_policy().grid_margin_m
    codes = [outing.post.division_code for outing in outings]
    if grounds.lattice is not None and all(code in grounds.spans for code in codes):
        tracks = joined([outing.body.track for outing in outings])
        own = np.array([grounds.spans[code] for code in codes], dtype=np.int64).reshape(-1, 2)
        found = in_ground(tracks, walks.codes, grounds.lattice, own, margin_m=margin_m)
        return [None if np.isnan(share) else float(share) for share in found]
    shares: list[float | None] = []
    ends = np.cumsum([0, *(outing.body.track.fix_count for outing in outings)])
    for place, (outing, code) in enumerate(zip(outings, codes, strict=True)):
        if code not in grounds.known:
            grounds.known[code] = store.ground_of(session, code)
        is_usable = walks.codes[ends[place] : ends[place + 1]] == 0
        lonlat = outing.body.track.lonlat_deg(is_usable)
        shares.append(in_ground_share(lonlat, grounds.known[code], margin_m=margin_m))
    return shares


def _formers(
    session: Session, rows: Sequence[PatrolRow], paths: Sequence[WalkedPath]
) -> Iterator[list[Former]]:
    """For each outing the earlier ones on its ground that it could repeat, those of this call included."""
    rules = plausibility_policy()["replay"]
    found = store.formers(
        session,
        [row for row in rows if row.track is not None and row.duration_min >= rules["minutes_min"]],
        window=timedelta(days=rules["window_days"]),
        tolerance=rules["tolerance"],
        limit=rules["compared_max"],
    )
    stored = list({former.patrol_id: former for formers in found.values() for former in formers}.values())
    tracks = unpack([former.fixes for former in stored])
    spans = spans_of([(former.started_at, former.ended_at) for former in stored])
    walks = measure(tracks, spans, patrol_policy().fix_rules)
    known = {
        former.patrol_id: Former(_label(former.started_at), path_of(tracks, walks, place))
        for place, former in enumerate(stored)
    }
    mates = _by_division(rows)
    for row in rows:
        here = [
            Former(_label(rows[place].started_at), paths[place])
            for place in mates[row.division_code]
            if (rows[place].started_at, rows[place].patrol_id) < (row.started_at, row.patrol_id)
            and rows[place].track is not None
        ]
        yield here + [known[former.patrol_id] for former in found.get(row.patrol_id, ())]


def _by_division(rows: Sequence[PatrolRow]) -> dict[str, list[int]]:
    order = sorted(range(len(rows)), key=lambda place: rows[place].division_code)
    groups = itertools.groupby(order, key=lambda place: rows[place].division_code)
    return {code: list(places) for code, places in groups}


def _label(started_at: datetime) -> str:
    return f"{started_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _row(outing: _Outing, result: Assessment, codes: NDArray[np.uint8], *, keeps_track: bool) -> PatrolRow:
    body, line = outing.body, None
    is_usable = codes == 0
    if keeps_track and is_usable.sum() > 1:
        line = f"SRID=4490;{shapely.LineString(body.track.lonlat_deg(is_usable)).wkt}"
    return PatrolRow(
        patrol_id=body.patrol_id,
        post_id=body.post_id,
        division_code=outing.post.division_code,
        started_at=body.started_at,
        ended_at=body.ended_at,
        fixes=pack(body.track if keeps_track else tracks_of([()]))[0],
        fix_count=body.track.fix_count,
        track=line,
        distance_m=result.distance_m,
        duration_min=result.duration_min,
        tasks_visited=outing.tasks_proved,
        is_valid=result.is_valid,
        reasons=[reason._asdict() for reason in result.reasons],
        plausibility=None,
        doubts=[],
        body_sha256=outing.digest,
    )
