"""The weekly lottery among closed cases."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

POINT = {"geometry_type": "POINT", "srid": 4490, "spatial_index": False}


def upgrade() -> None:
    op.create_table(
        "recheck_draw",
        sa.Column("draw_id", sa.Uuid(), nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), nullable=False),
        sa.Column("audit_hash", sa.String(length=64), nullable=False),
        sa.Column("population", postgresql.JSONB(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("draw_id", name=op.f("pk_recheck_draw")),
    )
    op.create_index("uq_recheck_draw_week", "recheck_draw", ["week", "division_code"], unique=True)
    op.create_table(
        "recheck_ticket",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("draw_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("by_division", sa.String(length=12), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("holder_account_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("brief", postgresql.JSONB(), nullable=False),
        sa.Column("involved", postgresql.JSONB(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("place", Geometry(**POINT), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_by", sa.Uuid(), nullable=True),
        sa.Column("found_by_name", sa.Text(), nullable=True),
        sa.CheckConstraint("(outcome IS NULL) = (found_at IS NULL)", name=op.f("ck_recheck_ticket_outcome")),
        sa.ForeignKeyConstraint(
            ["draw_id"], ["recheck_draw.draw_id"], name=op.f("fk_recheck_ticket_draw_id_recheck_draw")
        ),
        sa.ForeignKeyConstraint(
            ["patch_id"], ["patch.patch_id"], name=op.f("fk_recheck_ticket_patch_id_patch")
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_recheck_ticket_post_id_post")),
        sa.ForeignKeyConstraint(
            ["holder_account_id"],
            ["account.account_id"],
            name=op.f("fk_recheck_ticket_holder_account_id_account"),
        ),
        sa.ForeignKeyConstraint(
            ["found_by"], ["account.account_id"], name=op.f("fk_recheck_ticket_found_by_account")
        ),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_recheck_ticket")),
    )
    op.create_index("idx_recheck_ticket_place", "recheck_ticket", ["place"], postgresql_using="gist")
    op.create_index("uq_recheck_ticket_patch", "recheck_ticket", ["patch_id"], unique=True)
    for column in ("draw_id", "division_code", "by_division", "post_id"):
        op.create_index(op.f(f"ix_recheck_ticket_{column}"), "recheck_ticket", [column], unique=False)
    op.execute("CREATE POLICY area ON recheck_draw USING (landwarden_touches(division_code))")
    # The case's own county sees that it was drawn; the other county sees the ticket, and nothing else of the case.
    op.execute(
        "CREATE POLICY area ON recheck_ticket"
        " USING (landwarden_sees(division_code) OR landwarden_sees(by_division))"
    )
    for name in ("recheck_draw", "recheck_ticket"):
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    columns = "outcome, note, place, accuracy_m, distance_m, found_at, found_by, found_by_name"
    op.execute(f"GRANT UPDATE ({columns}) ON recheck_ticket TO landwarden_app")


def downgrade() -> None:
    op.drop_table("recheck_ticket")
    op.drop_table("recheck_draw")
