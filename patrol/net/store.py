"""SQL of posts and grid cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import ColumnElement, case, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from foundation.access import Actor
from foundation.errors import Conflict
from patrol.net.grid import CellShare
from patrol.net.posts import Post
from patrol.net.tables import AbsenceRow, HandoverRow, TenureRow
from patrol.net.terms import Absence, Tenure
from patrol.tables import PostRow

CELLS_UNDER_PATCH = text(
    """
    SELECT c.cell_id, c.code, c.name, c.division_code, ST_Area(c.geometry::geography) AS area_m2,
           ST_Area(ST_Intersection(c.geometry, p.geometry)::geography) AS overlap_m2
    FROM patch p JOIN grid_cell c ON c.geometry && p.geometry AND ST_Intersects(c.geometry, p.geometry)
    WHERE p.patch_id = :patch_id AND c.valid_to IS NULL
    """
)
OVER = (
    "(starts_with(:code, landwarden_prefix(post.division_code))"
    " OR starts_with(post.division_code, landwarden_prefix(:code)))"
)
STANDING = """
    WITH away AS (
        SELECT DISTINCT ON (post_id) post_id, person_name, account_id, stand_in_name, stand_in_account_id
        FROM post_absence WHERE NOT is_cancelled AND :today BETWEEN starts_on AND ends_on
        ORDER BY post_id, recorded_at DESC, absence_id
    ), standing AS (
        SELECT p.post_id, array_remove(ARRAY[
            CASE WHEN w.post_id IS NULL THEN nullif(p.holder_name, '')
                 WHEN w.stand_in_account_id IN (SELECT account_id FROM away) THEN NULL
                 ELSE w.stand_in_name END,
            CASE WHEN p.deputy_account_id IN (SELECT account_id FROM away) THEN NULL
                 ELSE nullif(p.deputy_name, '') END], NULL) AS names
        FROM post p LEFT JOIN away w ON w.post_id = p.post_id AND w.person_name = p.holder_name
        WHERE p.valid_from <= :today AND (p.valid_to IS NULL OR p.valid_to > :today)
    )
"""
"""Who stands in each post on ``:today``: the same rule as `standing_in` below, where SQL asks it."""


def answering(post: str, day: str) -> str:
    """SQL of whoever stands in a post on a day, else the post itself: the rule of `holder_of`.

    Parameters
    ----------
    post, day : str
        Alias of the row of ``post``; expression of the day.
    """
    return (
        f"coalesce((SELECT coalesce(w.stand_in_name, {post}.deputy_name, {post}.title) FROM post_absence w"
        f" WHERE w.post_id = {post}.post_id AND w.person_name = {post}.holder_name AND NOT w.is_cancelled"
        f" AND {day} BETWEEN w.starts_on AND w.ends_on ORDER BY w.recorded_at DESC, w.absence_id LIMIT 1),"
        f" nullif({post}.holder_name, ''), {post}.deputy_name, {post}.title)"
    )


STATED = (
    "WITH stated AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS s (post_id, day))"
)
"""Days that were stated for changes of holders."""
TENURES_CLOSED = text(
    f"""
    {STATED}
    UPDATE post_tenure t SET valid_to = greatest(t.valid_from, coalesce(p.valid_to, s.day, :today))
    FROM post p, post_tenure own LEFT JOIN stated s ON s.post_id = own.post_id AND own.part = 'holder'
    WHERE p.post_id = t.post_id AND own.tenure_id = t.tenure_id AND t.valid_to IS NULL
      AND (p.valid_to IS NOT NULL
        OR t.person_name <> CASE t.part WHEN 'holder' THEN p.holder_name ELSE coalesce(p.deputy_name, '') END)
    """
)
TENURES_OPENED = text(
    f"""
    {STATED}
    INSERT INTO post_tenure (tenure_id, post_id, division_code, part, person_name, account_id, valid_from,
                             recorded_at, recorded_by, recorded_by_name)
    SELECT gen_random_uuid(), p.post_id, p.division_code, n.part, n.name, n.account_id,
           coalesce(s.day, CASE WHEN n.part = 'deputy' AND NOT EXISTS (SELECT FROM post_tenure t
                                WHERE t.post_id = p.post_id) THEN p.valid_from END, :today),
           :at, :by, :by_name
    FROM post p CROSS JOIN LATERAL (VALUES ('holder', p.holder_name, p.holder_account_id),
                                           ('deputy', coalesce(p.deputy_name, ''), p.deputy_account_id))
         AS n (part, name, account_id)
    LEFT JOIN stated s ON s.post_id = p.post_id AND n.part = 'holder'
    WHERE n.name <> '' AND p.valid_to IS NULL AND NOT EXISTS (SELECT FROM post_tenure t
        WHERE t.post_id = p.post_id AND t.part = n.part AND t.valid_to IS NULL)
    """
)
TENURES_LINKED = text(
    """
    UPDATE post_tenure t SET account_id = CASE t.part WHEN 'holder' THEN p.holder_account_id
                                                      ELSE p.deputy_account_id END
    FROM post p WHERE p.post_id = t.post_id AND t.valid_to IS NULL AND t.account_id IS DISTINCT FROM
        CASE t.part WHEN 'holder' THEN p.holder_account_id ELSE p.deputy_account_id END
    """
)


def upsert_posts(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Insert posts or bring them up to date, by post number; the id of a known post stays."""
    if not rows:
        return
    statement = insert(PostRow)
    told = statement.excluded
    changed: dict[str, ColumnElement[Any]] = {
        column: told[column] for column in rows[0] if column not in {"post_id", "post_no", "valid_from"}
    }
    for part in ("holder", "deputy"):
        # What a list does not say of the same person stays.
        is_same = told[f"{part}_name"] == getattr(PostRow, f"{part}_name")
        for what in ("phone", "account_id"):
            column = f"{part}_{what}"
            changed[column] = func.coalesce(told[column], case((is_same, getattr(PostRow, column))))
    try:
        with session.begin_nested():
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["post_no"], set_={**changed, "valid_to": None}
                ),
                list(rows),
            )
    except ProgrammingError as error:
        # A number that somebody else's area uses, which row-level security does not show.
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        raise Conflict("patrol.post.number_taken") from error


def end_posts_but(session: Session, division_code: str, numbers: Sequence[str], on: date) -> int:
    """End the posts of a division and below it but some; how many."""
    found = session.execute(
        text(
            "UPDATE post SET valid_to = greatest(:on, valid_from) WHERE starts_with(division_code,"
            " landwarden_prefix(:code)) AND (valid_to IS NULL OR valid_to > :on) AND post_no <> ALL(:numbers)"
            " RETURNING post_id"
        ),
        {"on": on, "code": division_code, "numbers": list(numbers)},
    )
    return len(found.all())


def post_rows(session: Session, division_code: str, on: date) -> list[PostRow]:
    """Posts in force of a division, of all above it and of all below it, by number."""
    return list(
        session.scalars(
            select(PostRow)
            .where(
                PostRow.valid_from <= on,
                (PostRow.valid_to.is_(None)) | (PostRow.valid_to > on),
                text(OVER).bindparams(code=division_code),
            )
            .order_by(PostRow.post_no)
        )
    )


def cell_counts(session: Session, prefix: str) -> dict[str, int]:
    """Cells in force of each village below a prefix."""
    rows = session.execute(
        text(
            "SELECT division_code, count(*) FROM grid_cell WHERE valid_to IS NULL"
            " AND starts_with(division_code, :prefix) GROUP BY division_code"
        ),
        {"prefix": prefix},
    )
    return {row[0]: row[1] for row in rows}


def posts_over(session: Session, division_code: str, on: date) -> list[Post]:
    """Posts in force of a division, of all above it and of all below it, as they stand on a day."""
    rows = _handed_over(session, post_rows(session, division_code, on), on)
    return standing_in(rows, absences_on(session, on))


def _handed_over(session: Session, rows: Sequence[PostRow], on: date) -> list[Post]:
    """Posts with whoever will have taken them over by a day."""
    posts = {row.post_id: post_of(row) for row in rows}
    for coming in handovers_to_come(session, on=on):
        post = posts.get(coming.post_id)
        if post is None:
            continue
        if coming.part == "deputy":
            named: dict[str, Any] = {
                "deputy_name": coming.person_name,
                "deputy_account_id": coming.account_id,
            }
        else:
            named = {"holder_name": coming.person_name, "holder_account_id": coming.account_id}
            if post.deputy_name == coming.person_name:
                named |= {"deputy_name": None, "deputy_account_id": None}
        posts[coming.post_id] = replace(post, **named)
    return list(posts.values())


def standing_in(rows: Iterable[PostRow | Post], absences: Sequence[Absence]) -> list[Post]:
    """Posts with who stands in them, the newest leave of a day deciding; who is away stands in nowhere."""
    away = {absence.post_id: absence for absence in absences}
    people = {absence.account_id for absence in absences} - {None}
    posts = []
    for row in rows:
        post = row if isinstance(row, Post) else post_of(row)
        absence = away.get(post.post_id)
        if post.deputy_account_id in people:
            post = replace(post, deputy_name=None, deputy_account_id=None)
        if absence is not None and absence.name == post.holder_name:
            is_there = absence.stand_in_account_id not in people
            post = replace(
                post,
                is_away=True,
                stand_in_name=absence.stand_in_name if is_there else None,
                stand_in_account_id=absence.stand_in_account_id if is_there else None,
            )
        posts.append(post)
    return posts


def posts_then(session: Session, division_code: str, on: date) -> list[Post]:
    """Likewise on a day that is past: who stood in them then, as written down."""
    rows = post_rows(session, division_code, on)
    people: dict[tuple[UUID, str], Tenure] = {}
    for tenure in tenures_of(session, [row.post_id for row in rows]):
        if tenure.valid_from <= on and (tenure.valid_to is None or tenure.valid_to > on):
            people[tenure.post_id, tenure.part] = tenure
    away, posts = absences_on(session, on), []
    for row in rows:
        holder, deputy = (people.get((row.post_id, part)) for part in ("holder", "deputy"))
        posts.append(
            replace(
                post_of(row),
                holder_name=holder.name if holder else "",
                holder_account_id=holder.account_id if holder else None,
                deputy_name=deputy.name if deputy else None,
                deputy_account_id=deputy.account_id if deputy else None,
            )
        )
    return standing_in(posts, away)


def cells_in(session: Session, prefix: str, on: date) -> list[RowMapping]:
    """Cells of a place on a day, with their outlines as GeoJSON (EPSG:4490), by code."""
    rows = session.execute(
        text(
            "SELECT code, name, division_code, field_m2, mountain_m2, ST_AsGeoJSON("
            " ST_Multi(ST_SimplifyPreserveTopology(geometry, 0.00002)), 6) AS outline FROM grid_cell"
            " WHERE starts_with(division_code, :prefix) AND valid_from <= :on"
            " AND (valid_to IS NULL OR valid_to > :on) ORDER BY code"
        ),
        {"prefix": prefix, "on": on},
    )
    return list(rows.mappings())


def place_at(session: Session, lon: float, lat: float, on: date) -> RowMapping | None:
    """The smallest cell at a place on a day, or else the smallest division whose outline holds it."""
    values = {"lon": lon, "lat": lat, "on": on}
    point = "ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)"
    cell = session.execute(
        text(
            f"SELECT code, name, division_code FROM grid_cell WHERE geometry && {point}"
            f" AND ST_Covers(geometry, {point}) AND valid_from <= :on"
            " AND (valid_to IS NULL OR valid_to > :on)"
            " ORDER BY ST_Area(geometry), code LIMIT 1"
        ),
        values,
    )
    found = cell.mappings().first()
    if found is not None:
        return found
    division = session.execute(
        text(
            "SELECT '' AS code, '' AS name, code AS division_code FROM division"
            f" WHERE outline && {point} AND ST_Covers(outline, {point}) ORDER BY level DESC, code LIMIT 1"
        ),
        {"lon": lon, "lat": lat},
    )
    return division.mappings().first()


def phones_of(session: Session, division_code: str) -> dict[tuple[UUID, str], str]:
    """Telephones by post and name, of the posts over and below a division."""
    rows = session.execute(
        select(
            PostRow.post_id,
            PostRow.holder_name,
            PostRow.holder_phone,
            PostRow.deputy_name,
            PostRow.deputy_phone,
        ).where(text(OVER).bindparams(code=division_code))
    )
    found: dict[tuple[UUID, str], str] = {}
    for row in rows:
        for name, phone in ((row.deputy_name, row.deputy_phone), (row.holder_name, row.holder_phone)):
            if name and phone:
                found[row.post_id, name] = phone
    return found


def absences_on(session: Session, on: date) -> list[Absence]:
    """Leaves of a day, in the order in which they were recorded."""
    return absences_between(session, on, on)


def handovers_to_come(
    session: Session, *, on: date | None = None, post_ids: Iterable[UUID] | None = None
) -> list[HandoverRow]:
    """Arranged handovers that are still open, soonest first: up to a day, or of some posts."""
    statement = select(HandoverRow).where(HandoverRow.outcome.is_(None))
    if on is not None:
        statement = statement.where(HandoverRow.takes_on <= on)
    if post_ids is not None:
        statement = statement.where(HandoverRow.post_id.in_(list(post_ids)))
    return list(session.scalars(statement.order_by(HandoverRow.takes_on, HandoverRow.handover_id)))


def lock_handover(session: Session, handover_id: UUID) -> HandoverRow | None:
    """An arranged handover, locked until the transaction ends."""
    statement = select(HandoverRow).where(HandoverRow.handover_id == handover_id)
    return session.scalar(statement.with_for_update())


def absences_of(session: Session, post_ids: Iterable[UUID]) -> list[Absence]:
    """All leaves of some posts that were not taken back, newest first."""
    rows = session.scalars(
        select(AbsenceRow)
        .where(~AbsenceRow.is_cancelled, AbsenceRow.post_id.in_(set(post_ids)))
        .order_by(AbsenceRow.starts_on.desc(), AbsenceRow.absence_id)
    )
    return [absence_of(row) for row in rows]


def lock_absence(session: Session, absence_id: UUID) -> AbsenceRow | None:
    """One leave, locked."""
    return session.scalars(
        select(AbsenceRow).where(AbsenceRow.absence_id == absence_id).with_for_update()
    ).one_or_none()


def lock_posts_of(session: Session, post_id: UUID, account_id: UUID | None) -> list[PostRow]:
    """A post, and where the holder has an account all that it holds, locked in order."""
    own = PostRow.post_id == post_id
    if account_id is not None:
        own = own | ((PostRow.holder_account_id == account_id) & PostRow.valid_to.is_(None))
    return list(session.scalars(select(PostRow).where(own).order_by(PostRow.post_no).with_for_update()))


def absences_between(session: Session, first: date, last: date) -> list[Absence]:
    """Leaves that touch some days, in the order in which they were recorded."""
    rows = session.scalars(
        select(AbsenceRow)
        .where(~AbsenceRow.is_cancelled, AbsenceRow.starts_on <= last, AbsenceRow.ends_on >= first)
        .order_by(AbsenceRow.recorded_at, AbsenceRow.absence_id.desc())
    )
    return [absence_of(row) for row in rows]


def settle_tenures(
    session: Session, actor: Actor, *, today: date, at: datetime, since: Mapping[UUID, date]
) -> None:
    """Write down who came and who left: tenures follow the posts as they are. Again changes nothing.

    Parameters
    ----------
    since : mapping of post id -> first day
        Of changes whose day was stated; all others are of today.
    """
    session.flush()
    values = {"ids": list(since), "days": list(since.values()), "today": today}
    session.execute(TENURES_CLOSED, values)
    session.execute(TENURES_LINKED)
    told = {"at": at, "by": actor.account_id, "by_name": actor.name}
    session.execute(TENURES_OPENED, values | told)


def tenures_of(session: Session, post_ids: Iterable[UUID]) -> list[Tenure]:
    """Everybody who ever stood in some posts, oldest first."""
    rows = session.scalars(
        select(TenureRow)
        .where(TenureRow.post_id.in_(set(post_ids)))
        .order_by(TenureRow.valid_from, TenureRow.recorded_at)
    )
    return [
        Tenure(row.post_id, row.part, row.person_name, row.account_id, row.valid_from, row.valid_to)
        for row in rows
    ]


def post_by_id(session: Session, post_id: UUID) -> Post | None:
    """One post, or None when it is unknown or not to be seen."""
    row = session.get(PostRow, post_id)
    return post_of(row) if row else None


def posts_by_ids(session: Session, post_ids: Iterable[UUID]) -> dict[UUID, Post]:
    """Posts by id."""
    rows = session.scalars(select(PostRow).where(PostRow.post_id.in_(set(post_ids))))
    return {row.post_id: post_of(row) for row in rows}


def post_id_by_number(session: Session, post_no: str) -> UUID | None:
    """Id of a post number."""
    return session.scalar(select(PostRow.post_id).where(PostRow.post_no == post_no))


def post_places(session: Session, numbers: Sequence[str]) -> dict[str, str]:
    """Divisions of those post numbers that are known, whether in force or not."""
    rows = session.execute(select(PostRow.post_no, PostRow.division_code).where(PostRow.post_no.in_(numbers)))
    return {row.post_no: row.division_code for row in rows}


def account_by_login(session: Session, login: str) -> UUID | None:
    """Id of an account that the actor may see."""
    return session.execute(
        text("SELECT account_id FROM account WHERE login = :login"), {"login": login}
    ).scalar()


def cells_under_patch(session: Session, patch_id: UUID) -> list[CellShare]:
    """Grid cells that a patch touches, with ellipsoidal areas."""
    return [
        CellShare(row.cell_id, row.code, row.name, row.division_code, row.area_m2, row.overlap_m2)
        for row in session.execute(CELLS_UNDER_PATCH, {"patch_id": patch_id})
    ]


def cell_codes(session: Session, division_code: str) -> list[str]:
    """Codes of the cells of a division in order."""
    rows = session.execute(
        text("SELECT code FROM grid_cell WHERE division_code = :code AND valid_to IS NULL ORDER BY code"),
        {"code": division_code},
    )
    return list(rows.scalars())


def absence_of(row: AbsenceRow) -> Absence:
    """Value of a row."""
    return Absence(
        row.absence_id,
        row.post_id,
        row.division_code,
        row.person_name,
        row.account_id,
        row.kind,
        row.starts_on,
        row.ends_on,
        row.stand_in_name,
        row.stand_in_account_id,
        row.note,
    )


def post_of(row: PostRow) -> Post:
    """Value of a row."""
    return Post(
        row.post_id,
        row.post_no,
        row.title,
        row.tier,
        row.kind,
        row.division_code,
        row.holder_name,
        row.holder_account_id,
        row.deputy_name,
        row.deputy_account_id,
    )
