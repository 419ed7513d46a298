"""Corrected base data, and questions of what would flip."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

AREA = {
    "base_correction": "landwarden_touches(county_code)",
    "what_if": "landwarden_role() = 'system' OR asked_by = landwarden_account()",
}


def upgrade() -> None:
    op.create_table(
        "base_correction",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("layer_kind", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("feature_no", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False),
        sa.Column("geometry", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "action IN ('removed', 'changed', 'added')", name=op.f("ck_base_correction_action")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["layer_version.version_id"],
            name=op.f("fk_base_correction_version_id_layer_version"),
        ),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_base_correction")),
    )
    op.create_index("ix_base_correction_version_id", "base_correction", ["version_id"])
    op.create_table(
        "what_if",
        sa.Column("what_if_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("question", postgresql.JSONB(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("what_if_id", name=op.f("pk_what_if")),
    )
    op.create_index("ix_what_if_asked_by", "what_if", ["asked_by"])
    for name, condition in AREA.items():
        op.execute(f"CREATE POLICY area ON {name} USING ({condition})")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (result, refusal, finished_at) ON what_if TO landwarden_app")


def downgrade() -> None:
    op.drop_table("what_if")
    op.drop_table("base_correction")
