"""The product's own server over a city's posts and outings; it stops when nobody holds its input any more."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from foundation import accounts
from foundation.calendar import SHANGHAI
from foundation.cluster import OWNER, Cluster
from foundation.jobs import conninfo
from foundation.runtime import Runtime, open_runtime
from foundation.settings import Settings
from patrol.net import service as net
from patrol.rehearsal.city import Mix, make_city
from webmap.app import create_app
from webmap.server import serving

CITY = "410800000000"
SEED = 4108
OFFICERS_A_VILLAGE = 5
WEEKS = 6
"""Of outings in the table; two of them are asked for."""
NOW = datetime(2026, 9, 14, 9, tzinfo=SHANGHAI)
LOGIN, PASSWORD = "bench-manager", "bench-manager-only-here"
MOST_OUTINGS = 4
LEFT_EVERY, AWAY_EVERY = 50, 25
"""One post in so many changed hands in the week; one holder in so many was on leave for two days of it."""
OUTINGS = """
INSERT INTO patrol (patrol_id, post_id, division_code, started_at, ended_at, fixes, fix_count, distance_m,
                    duration_min, tasks_visited, is_valid, reasons, body_sha256)
SELECT gen_random_uuid(), p.post_id, p.division_code, o.at, o.at + interval '40 minutes',
       CAST(:fixes AS bytea), 160, 2000, 40, 0, o.is_valid, '[]', repeat('0', 64)
FROM unnest(CAST(:posts AS uuid[]), CAST(:moments AS timestamptz[]), CAST(:valid AS boolean[]))
     AS o (post_id, at, is_valid) JOIN post p USING (post_id)
"""
HANDED_ON = (
    "UPDATE post_tenure SET valid_to = :day WHERE part = 'holder' AND post_id = ANY(:posts)",
    "INSERT INTO post_tenure (tenure_id, post_id, division_code, part, person_name, recorded_at, recorded_by,"
    " recorded_by_name, valid_from) SELECT gen_random_uuid(), post_id, division_code, part, '接任者',"
    " recorded_at, recorded_by, recorded_by_name, :day FROM post_tenure WHERE part = 'holder'"
    " AND post_id = ANY(:posts)",
    "UPDATE post SET holder_name = '接任者' WHERE post_id = ANY(:posts)",
)
AWAY = (
    "INSERT INTO post_absence (absence_id, post_id, division_code, person_name, recorded_at, recorded_by,"
    " recorded_by_name, kind, starts_on, ends_on, note) SELECT gen_random_uuid(), post_id, division_code,"
    " holder_name, :at, gen_random_uuid(), '', 'leave', :day, :day + 1, '' FROM post"
    " WHERE post_id = ANY(:posts)"
)


def fill(runtime: Runtime, officers: int) -> None:
    """Posts of a city's grid officers with weeks of outings, people who came and went, people on leave."""
    city = make_city(CITY, seed=SEED, officers_a_village=OFFICERS_A_VILLAGE, mix=Mix())
    people = [person for person in city.people if person.kind == "grid_officer"][:officers]
    lines = ["post_no,title,tier,kind,division_code,holder,deputy,login,since"]
    lines += [
        f"{one.post_no},{one.title},{one.tier},{one.kind},{one.division_code},{one.name},,,2026-01-05"
        for one in people
    ]
    system = runtime.system
    with runtime.database.transaction(system) as session:
        net.import_posts(session, system, "\n".join(lines).encode(), now=NOW)
        accounts.create_account(
            session,
            system,
            login=LOGIN,
            name="管理甲",
            role="manager",
            area_code=CITY,
            password=PASSWORD,
            now=NOW,
        )
        posts = list(session.scalars(text("SELECT post_id FROM post ORDER BY post_no")))
        _add_outings(session, posts)
        values = {"day": NOW.date() - timedelta(days=4), "at": NOW}
        for statement in HANDED_ON:
            session.execute(text(statement), {**values, "posts": posts[::LEFT_EVERY]})
        session.execute(text(AWAY), {**values, "posts": posts[1::AWAY_EVERY]})


def _add_outings(session: Session, posts: list[UUID]) -> None:
    rng = np.random.default_rng(SEED)
    monday = datetime(2026, 9, 14, tzinfo=SHANGHAI) - timedelta(weeks=WEEKS)
    for week in range(WEEKS):
        counts = rng.integers(0, MOST_OUTINGS + 1, len(posts))
        hours = rng.uniform(0, 7 * 24, counts.sum())
        begin = monday + timedelta(weeks=week)
        session.execute(
            text(OUTINGS),
            {
                "posts": [posts[place] for place in np.repeat(np.arange(len(posts)), counts)],
                "moments": [begin + timedelta(hours=float(hour)) for hour in hours],
                "valid": (rng.random(len(hours)) < 0.9).tolist(),
                "fixes": bytes(100),
            },
        )


def serve(folder: Path, officers: int) -> None:
    """Run until the standard input ends."""
    settings = Settings(data_dir=folder / "data")
    with open_runtime(settings, clock=lambda: NOW) as runtime:
        fill(runtime, officers)
        address = conninfo(Cluster(settings.data_dir).url(OWNER))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("ANALYZE")
            row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        postmaster = str(row[0]).split("\n", 1)[0] if row else ""
        with serving(create_app(runtime)) as server:
            sys.stdout.write(f"{server.port}\t{os.getpid()}\t{postmaster}\n")
            sys.stdout.flush()
            sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
