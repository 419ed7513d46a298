"""SQL of standings: posts, holders and their outings in one value of bytes. Never commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from patrol.reports.standings.columns import DUTY, KINDS, NO_END


def duties(
    session: Session,
    prefix: str,
    *,
    days: tuple[date, date],
    spans: tuple[tuple[datetime, datetime], tuple[datetime, datetime]],
    tiers: Sequence[int],
) -> NDArray[np.void]:
    """One record for each time in a post that touches some days, by post and day; a record is a `DUTY`.

    Ten thousand rows of Python values cost more than the whole ranking: so one value.

    Parameters
    ----------
    spans : two of (begin, end)
        Between which the valid outings of each post are counted.
    """
    statement = text(
        "WITH walked AS (SELECT post_id, count(*) FILTER (WHERE started_at >= :begin0 AND started_at < :end0)"
        " AS before, count(*) FILTER (WHERE started_at >= :begin1 AND started_at < :end1) AS now"
        " FROM patrol WHERE is_valid AND starts_with(division_code, :prefix) AND started_at >= :begin0"
        " AND started_at < greatest(:end0, :end1) GROUP BY post_id),"
        " duty AS (SELECT post_id, tenure_id, p.division_code, p.tier, p.kind,"
        ' dense_rank() OVER (ORDER BY t.person_name COLLATE "C") AS name,'
        " greatest(p.valid_from, t.valid_from) AS valid_from, least(p.valid_to, t.valid_to) AS valid_to,"
        " t.valid_from AS came"
        " FROM post p JOIN post_tenure t USING (post_id)"
        " WHERE starts_with(p.division_code, :prefix) AND p.valid_from <= :last"
        " AND (p.valid_to IS NULL OR p.valid_to > :first) AND p.tier = ANY(:tiers) AND p.kind = ANY(:kinds)"
        " AND t.part = 'holder' AND t.valid_from <= :last"
        " AND (t.valid_to IS NULL OR t.valid_to > greatest(:first, t.valid_from)))"
        " SELECT string_agg(uuid_send(d.post_id) || uuid_send(d.tenure_id)"
        " || int8send(d.division_code::bigint) || int2send(d.tier::smallint)"
        " || int2send((array_position(CAST(:kinds AS text[]), d.kind::text) - 1)::smallint)"
        " || int4send(d.name::integer) || int4send(d.valid_from - DATE '1970-01-01')"
        " || int4send(coalesce(d.valid_to - DATE '1970-01-01', :no_end))"
        " || int4send(coalesce(w.before, 0)::integer) || int4send(coalesce(w.now, 0)::integer), ''::bytea"
        " ORDER BY d.post_id, d.came, d.tenure_id) FROM duty d LEFT JOIN walked w USING (post_id)"
    )
    (begin0, end0), (begin1, end1) = spans
    found = session.execute(
        statement,
        {
            "prefix": prefix,
            "first": days[0],
            "last": days[1],
            "tiers": list(tiers),
            "kinds": list(KINDS),
            "no_end": NO_END,
            "begin0": begin0,
            "end0": end0,
            "begin1": begin1,
            "end1": end1,
        },
    ).scalar_one()
    return np.frombuffer(found or b"", dtype=DUTY)


class Named(NamedTuple):
    """Who somebody's time in a post is of, and what the post is called."""

    tenure_id: UUID
    person_name: str
    title: str


def names(session: Session, tenure_ids: Sequence[UUID]) -> dict[UUID, Named]:
    """Names of persons and titles of posts, by tenure."""
    rows = session.execute(
        text(
            "SELECT t.tenure_id, t.person_name, p.title"
            " FROM unnest(CAST(:ids AS uuid[])) AS asked (tenure_id)"
            " JOIN post_tenure t USING (tenure_id) JOIN post p USING (post_id)"
        ),
        {"ids": list(tenure_ids)},
    )
    return {row[0]: Named(*row) for row in rows}
