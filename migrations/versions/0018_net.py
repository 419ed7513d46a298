"""Who stood where on which day: tenures, absences; editions of the grid, whose former cells stay."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("post_tenure", "post_absence", "grid_edition")
# The net as it stands on a day: an absent holder has no name there, and whoever stands in is the deputy.
POSTS_ON = """
CREATE FUNCTION landwarden_posts_on(day date) RETURNS TABLE (
    post_id uuid, post_no text, title text, tier integer, kind text, division_code text,
    holder_name text, holder_account_id uuid, deputy_name text, deputy_account_id uuid,
    valid_from date, valid_to date, absent_name text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.post_id, p.post_no, p.title, p.tier, p.kind, p.division_code::text,
           CASE WHEN h.absence_id IS NULL THEN p.holder_name ELSE '' END,
           CASE WHEN h.absence_id IS NULL THEN p.holder_account_id END,
           CASE WHEN h.stand_in_name IS NOT NULL THEN h.stand_in_name
                WHEN d.absence_id IS NULL THEN p.deputy_name END,
           CASE WHEN h.stand_in_name IS NOT NULL THEN h.stand_in_account_id
                WHEN d.absence_id IS NULL THEN p.deputy_account_id END,
           p.valid_from, p.valid_to, h.name
    FROM post p
    LEFT JOIN LATERAL (
        SELECT a.* FROM post_absence a WHERE a.post_id = p.post_id AND a.cancelled_at IS NULL
        AND day BETWEEN a.first_on AND a.last_on AND a.name = p.holder_name
        ORDER BY a.noted_at DESC LIMIT 1) h ON p.holder_name <> ''
    LEFT JOIN LATERAL (
        SELECT a.absence_id FROM post_absence a WHERE a.post_id = p.post_id AND a.cancelled_at IS NULL
        AND day BETWEEN a.first_on AND a.last_on AND a.name = p.deputy_name LIMIT 1) d ON true
    WHERE p.valid_from <= day AND (p.valid_to IS NULL OR p.valid_to > day)
$$
"""
FIRST_TENURES = """
INSERT INTO post_tenure (tenure_id, post_id, division_code, seat, name, account_id, since, noted_at)
SELECT gen_random_uuid(), post_id, division_code, seat, name, account_id, valid_from, now()
FROM post, LATERAL (VALUES ('holder', holder_name, holder_account_id),
                           ('deputy', deputy_name, deputy_account_id)) AS s (seat, name, account_id)
WHERE s.name <> ''
"""


def upgrade() -> None:
    _tenures()
    _editions()
    op.execute(POSTS_ON)
    # The owner is under row-level security too: without a pause it would copy nothing.
    op.execute("ALTER TABLE post NO FORCE ROW LEVEL SECURITY")
    op.execute(FIRST_TENURES)
    op.execute("ALTER TABLE post FORCE ROW LEVEL SECURITY")
    for name in TABLES:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_touches(division_code))")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (until) ON post_tenure TO landwarden_app")
    op.execute("GRANT UPDATE (last_on, cancelled_at) ON post_absence TO landwarden_app")


def _tenures() -> None:
    op.create_table(
        "post_tenure",
        sa.Column("tenure_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("seat", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("until >= since", name=op.f("ck_post_tenure_days")),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_post_tenure_post_id_post")),
        sa.PrimaryKeyConstraint("tenure_id", name=op.f("pk_post_tenure")),
    )
    op.create_index(op.f("ix_post_tenure_post_id"), "post_tenure", ["post_id"], unique=False)
    op.create_index(
        "uq_post_tenure_now",
        "post_tenure",
        ["post_id", "seat"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "post_absence",
        sa.Column("absence_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("stand_in_name", sa.Text(), nullable=True),
        sa.Column("stand_in_account_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=False),
        sa.Column("noted_by_name", sa.Text(), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("last_on >= first_on", name=op.f("ck_post_absence_days")),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_post_absence_post_id_post")),
        sa.PrimaryKeyConstraint("absence_id", name=op.f("pk_post_absence")),
    )
    op.create_index(op.f("ix_post_absence_post_id"), "post_absence", ["post_id"], unique=False)


def _editions() -> None:
    op.create_table(
        "grid_edition",
        sa.Column("edition_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("report", postgresql.JSONB(), nullable=False),
        sa.Column("cell_count", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_grid_edition")),
    )
    op.create_index(op.f("ix_grid_edition_division_code"), "grid_edition", ["division_code"], unique=False)
    op.add_column("grid_cell", sa.Column("edition_id", sa.Uuid(), nullable=True))
    op.add_column("grid_cell", sa.Column("field_m2", sa.Float(), nullable=True))
    op.add_column("grid_cell", sa.Column("mountain_m2", sa.Float(), nullable=True))
    op.create_foreign_key(
        op.f("fk_grid_cell_edition_id_grid_edition"),
        "grid_cell",
        "grid_edition",
        ["edition_id"],
        ["edition_id"],
    )
    op.drop_constraint(op.f("uq_grid_cell_code"), "grid_cell")
    op.create_index(
        "uq_grid_cell_code_now",
        "grid_cell",
        ["code"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(op.f("ix_grid_cell_code"), "grid_cell", ["code"], unique=False)


def downgrade() -> None:
    op.execute("DROP FUNCTION landwarden_posts_on")
    op.drop_index(op.f("ix_grid_cell_code"), "grid_cell")
    op.drop_index("uq_grid_cell_code_now", "grid_cell")
    # Former cells carry the numbers of those in force: they cannot stay where a number is unique.
    op.execute("DELETE FROM grid_cell WHERE valid_to IS NOT NULL")
    op.create_unique_constraint(op.f("uq_grid_cell_code"), "grid_cell", ["code"])
    op.drop_constraint(op.f("fk_grid_cell_edition_id_grid_edition"), "grid_cell")
    for column in ("edition_id", "field_m2", "mountain_m2"):
        op.drop_column("grid_cell", column)
    for name in TABLES:
        op.drop_table(name)
