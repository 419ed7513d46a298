"""Sightings: leads that know a place, not an outline; the standing of patches; what people decide; cameras."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

POINT = {"geometry_type": "POINT", "srid": 4490, "spatial_index": False}
PATCH_COLUMNS = (
    sa.Column("standing", sa.Text(), server_default="open", nullable=False),
    sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("watched_until", sa.Date(), nullable=True),
    sa.Column("shaped_since", sa.DateTime(timezone=True), nullable=True),
    sa.Column("relapsed_at", sa.DateTime(timezone=True), nullable=True),
    sa.Column("follows_patch_id", sa.Uuid(), nullable=True),
)
NEW_TABLES = ("lead_decision", "camera", "camera_preset")
TELL_STANDING = """
UPDATE patch SET standing = c.state, settled_at = coalesce(c.closed_at, c.entered_at), watched_until = c.watch_until
FROM case_file c WHERE c.patch_id = patch.patch_id AND c.state IN ('closed', 'dismissed')
"""


def upgrade() -> None:
    _sightings()
    _standing()
    op.create_index(
        "uq_patch_lead_active",
        "patch_lead",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("detached_at IS NULL"),
    )
    _decisions()
    _cameras()
    for name in NEW_TABLES:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_sees(division_code))")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (undone_at) ON lead_decision TO landwarden_app")
    op.execute(
        "GRANT UPDATE (name, division_code, place, place_sigma_m, height_m, height_sigma_m, imported_at)"
        " ON camera TO landwarden_app"
    )
    op.execute("GRANT UPDATE (division_code, name, settings) ON camera_preset TO landwarden_app")


def _sightings() -> None:
    op.alter_column("lead", "geometry", nullable=True)
    op.add_column("lead", sa.Column("place", Geometry(**POINT), nullable=True))
    op.add_column("lead", sa.Column("radius_m", sa.Float(), nullable=True))
    op.create_index("idx_lead_place", "lead", ["place"], unique=False, postgresql_using="gist")
    op.create_check_constraint(
        op.f("ck_lead_outline_or_place"),
        "lead",
        "num_nonnulls(geometry, place) = 1 AND (place IS NULL) = (radius_m IS NULL)"
        " AND coalesce(radius_m > 0, true)",
    )


def _standing() -> None:
    for column in PATCH_COLUMNS:
        op.add_column("patch", column)
    op.create_foreign_key(
        op.f("fk_patch_follows_patch_id_patch"), "patch", "patch", ["follows_patch_id"], ["patch_id"]
    )
    # The owner reads past the area rights that it otherwise obeys itself.
    for name in ("patch", "case_file"):
        op.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
    op.execute(TELL_STANDING)
    for name in ("patch", "case_file"):
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(
        op.f("ck_patch_standing"),
        "patch",
        "standing IN ('open', 'closed', 'dismissed') AND (standing = 'open') = (settled_at IS NULL)",
    )


def _decisions() -> None:
    op.create_table(
        "lead_decision",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(kind = 'attached' AND patch_id IS NOT NULL)"
            " OR (kind = 'dismissed' AND reason_code IS NOT NULL)",
            name=op.f("ck_lead_decision_kind"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_lead_decision_lead_id_lead")),
        sa.ForeignKeyConstraint(
            ["patch_id"], ["patch.patch_id"], name=op.f("fk_lead_decision_patch_id_patch")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_lead_decision")),
    )
    op.create_index(op.f("ix_lead_decision_lead_id"), "lead_decision", ["lead_id"], unique=False)
    op.create_index(
        "uq_lead_decision_standing",
        "lead_decision",
        ["lead_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
    )


def _cameras() -> None:
    op.create_table(
        "camera",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("place", Geometry(**POINT, nullable=False), nullable=False),
        sa.Column("place_sigma_m", sa.Float(), nullable=False),
        sa.Column("height_m", sa.Float(), nullable=False),
        sa.Column("height_sigma_m", sa.Float(), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_camera")),
    )
    op.create_index("idx_camera_place", "camera", ["place"], unique=False, postgresql_using="gist")
    op.create_index(op.f("ix_camera_division_code"), "camera", ["division_code"], unique=False)
    op.create_table(
        "camera_preset",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("preset_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.camera_id"], name=op.f("fk_camera_preset_camera_id_camera")
        ),
        sa.PrimaryKeyConstraint("camera_id", "preset_no", name=op.f("pk_camera_preset")),
    )


def downgrade() -> None:
    for name in ("camera_preset", "camera", "lead_decision"):
        op.drop_table(name)
    op.drop_index("uq_patch_lead_active", "patch_lead")
    op.drop_constraint(op.f("ck_patch_standing"), "patch")
    op.drop_constraint(op.f("fk_patch_follows_patch_id_patch"), "patch")
    for column in PATCH_COLUMNS:
        op.drop_column("patch", column.name)
    op.drop_constraint(op.f("ck_lead_outline_or_place"), "lead")
    op.drop_column("lead", "radius_m")
    op.drop_column("lead", "place")
    op.alter_column("lead", "geometry", nullable=False)
