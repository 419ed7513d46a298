"""Handovers of posts that are arranged for a day to come."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "post_handover",
        sa.Column("handover_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("takes_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("recorded_at", moment, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("part IN ('holder', 'deputy')", name=op.f("ck_post_handover_part")),
        sa.CheckConstraint(
            "outcome IN ('done', 'cancelled', 'void') AND settled_at IS NOT NULL"
            " OR outcome IS NULL AND settled_at IS NULL",
            name=op.f("ck_post_handover_outcome"),
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_post_handover_post_id_post")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_post_handover_account_id_account")
        ),
        sa.PrimaryKeyConstraint("handover_id", name=op.f("pk_post_handover")),
    )
    op.create_index(op.f("ix_post_handover_post_id"), "post_handover", ["post_id"])
    op.create_index(
        "uq_post_handover_open",
        "post_handover",
        ["post_id", "part"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.execute("ALTER TABLE post_handover ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE post_handover FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY area ON post_handover USING (landwarden_sees(division_code))")
    op.execute("GRANT SELECT, INSERT ON post_handover TO landwarden_app")
    op.execute("GRANT UPDATE (settled_at, outcome) ON post_handover TO landwarden_app")


def downgrade() -> None:
    op.drop_table("post_handover")
