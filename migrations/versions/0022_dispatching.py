"""Dispatching: corrected ground, helpers of shared patches, the queue in its order."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SEES = {
    "dispatch_correction": "landwarden_sees(division_code)",
    "dispatch_helper": "landwarden_sees(division_code) OR landwarden_sees(helper_division_code)",
}


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    revoked = (
        "(revoked_at IS NULL) = (revoked_by IS NULL) AND (revoked_at IS NULL) = (revoked_reason IS NULL)"
    )
    op.create_table(
        "dispatch_correction",
        sa.Column("correction_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("ground", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.Column("from_post_id", sa.Uuid(), nullable=False),
        sa.Column("to_post_id", sa.Uuid(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("recorded_at", moment, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
        sa.Column("revoked_at", moment, nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_by_name", sa.Text(), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(revoked, name=op.f("ck_dispatch_correction_revoked")),
        _to("dispatch_correction", "patch_id", "patch", "patch_id"),
        _to("dispatch_correction", "from_post_id", "post", "post_id"),
        _to("dispatch_correction", "to_post_id", "post", "post_id"),
        sa.PrimaryKeyConstraint("correction_id", name=op.f("pk_dispatch_correction")),
    )
    for column in ("patch_id", "division_code"):
        op.create_index(op.f(f"ix_dispatch_correction_{column}"), "dispatch_correction", [column])
    op.create_index(
        "idx_dispatch_correction_ground", "dispatch_correction", ["ground"], postgresql_using="gist"
    )
    op.create_table(
        "dispatch_helper",
        sa.Column("helper_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("helper_division_code", sa.String(12), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("lead_post_id", sa.Uuid(), nullable=False),
        sa.Column("cell_code", sa.Text(), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("patch_number", sa.Text(), nullable=False),
        sa.Column("outline", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.Column("named_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        _to("dispatch_helper", "patch_id", "patch", "patch_id"),
        _to("dispatch_helper", "post_id", "post", "post_id"),
        _to("dispatch_helper", "lead_post_id", "post", "post_id"),
        sa.PrimaryKeyConstraint("helper_id", name=op.f("pk_dispatch_helper")),
    )
    for column in ("patch_id", "division_code", "post_id"):
        op.create_index(op.f(f"ix_dispatch_helper_{column}"), "dispatch_helper", [column])
    op.create_index(
        "uq_dispatch_helper_open",
        "dispatch_helper",
        ["patch_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    for name, rule in SEES.items():
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
        op.execute(f"CREATE POLICY area ON {name} USING ({rule})")
    op.execute(
        "GRANT UPDATE (revoked_at, revoked_by, revoked_by_name, revoked_reason) ON dispatch_correction"
        " TO landwarden_app"
    )
    op.execute("GRANT UPDATE (ended_at) ON dispatch_helper TO landwarden_app")


def _to(table: str, column: str, other: str, key: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.{key}"], name=op.f(f"fk_{table}_{column}_{other}"))


def downgrade() -> None:
    for name in SEES:
        op.drop_table(name)
