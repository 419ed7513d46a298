"""Which parcel was last seen by what, and how much of each cell's cropland was walked in a period."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TABLES = ("parcel_seen", "seen_source", "cell_coverage")
KINDS = ("patrol", "visit", "image", "camera")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "parcel_seen",
        sa.Column("feature_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("cell_id", sa.Uuid(), nullable=True),
        sa.Column("area_m2", sa.Float(), nullable=False),
        *(
            column
            for kind in KINDS
            for column in (
                sa.Column(f"{kind}_at", moment, nullable=True),
                sa.Column(f"{kind}_source", sa.Text(), nullable=True),
            )
        ),
        sa.Column(
            "last_at",
            moment,
            sa.Computed("GREATEST(patrol_at, visit_at, image_at, camera_at)", persisted=True),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["feature_id"], ["layer_feature.feature_id"], name=op.f("fk_parcel_seen_feature_id_layer_feature")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["layer_version.version_id"], name=op.f("fk_parcel_seen_version_id_layer_version")
        ),
        sa.ForeignKeyConstraint(
            ["cell_id"], ["grid_cell.cell_id"], name=op.f("fk_parcel_seen_cell_id_grid_cell")
        ),
        sa.PrimaryKeyConstraint("feature_id", name=op.f("pk_parcel_seen")),
    )
    for column in ("version_id", "division_code", "cell_id"):
        op.create_index(op.f(f"ix_parcel_seen_{column}"), "parcel_seen", [column])
    op.create_table(
        "seen_source",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("parcels", sa.Integer(), nullable=False),
        sa.Column("noted_at", moment, nullable=False),
        sa.CheckConstraint(f"kind IN {KINDS}", name=op.f("ck_seen_source_kind")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["layer_version.version_id"], name=op.f("fk_seen_source_version_id_layer_version")
        ),
        sa.PrimaryKeyConstraint("kind", "source", "version_id", name=op.f("pk_seen_source")),
    )
    op.create_table(
        "cell_coverage",
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("cell_code", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("cropland_m2", sa.Float(), nullable=False),
        sa.Column("near_m2", sa.Float(), nullable=False),
        sa.Column("measured_at", moment, nullable=False),
        sa.CheckConstraint("near_m2 >= 0 AND near_m2 <= cropland_m2", name=op.f("ck_cell_coverage_part")),
        sa.PrimaryKeyConstraint("period", "cell_code", name=op.f("pk_cell_coverage")),
    )
    op.create_index(op.f("ix_cell_coverage_division_code"), "cell_coverage", ["division_code"])
    for name in TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_sees(division_code))")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    columns = ", ".join(f"{kind}_at, {kind}_source" for kind in KINDS)
    op.execute(f"GRANT UPDATE (division_code, cell_id, {columns}) ON parcel_seen TO landwarden_app")
    op.execute(
        "GRANT UPDATE (division_code, cropland_m2, near_m2, measured_at) ON cell_coverage TO landwarden_app"
    )


def downgrade() -> None:
    for name in TABLES:
        op.drop_table(name)
