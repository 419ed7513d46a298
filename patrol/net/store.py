"""SQL of posts and grid cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from patrol.net.grid import CellShare
from patrol.net.posts import Post
from patrol.tables import PostRow

CELLS_UNDER_PATCH = text(
    """
    SELECT c.cell_id, c.code, c.name, c.division_code, ST_Area(c.geometry::geography) AS area_m2,
           ST_Area(ST_Intersection(c.geometry, p.geometry)::geography) AS overlap_m2
    FROM patch p JOIN grid_cell c ON c.geometry && p.geometry AND ST_Intersects(c.geometry, p.geometry)
    WHERE p.patch_id = :patch_id AND c.valid_to IS NULL
    """
)


def upsert_posts(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Insert posts or bring them up to date, by post number; the id of a known post stays."""
    if not rows:
        return
    statement = insert(PostRow)
    changed = {
        column: statement.excluded[column]
        for column in rows[0]
        if column not in {"post_id", "post_no", "valid_from"}
    }
    session.execute(
        statement.on_conflict_do_update(index_elements=["post_no"], set_={**changed, "valid_to": None}),
        list(rows),
    )


def posts_over(session: Session, division_code: str, on: date) -> list[Post]:
    """Posts in force of a division, of all above it and of all below it."""
    rows = session.scalars(
        select(PostRow)
        .where(
            PostRow.valid_from <= on,
            (PostRow.valid_to.is_(None)) | (PostRow.valid_to > on),
            text(
                "(starts_with(:code, landwarden_prefix(post.division_code))"
                " OR starts_with(post.division_code, landwarden_prefix(:code)))"
            ).bindparams(code=division_code),
        )
        .order_by(PostRow.post_no)
    )
    return [post_of(row) for row in rows]


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
