"""Time series monitors and their alarms."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AREAS = {
    "series_monitor": "landwarden_touches(county_code)",
    "series_alarm": "landwarden_sees(division_code)",
}


def upgrade() -> None:
    _monitor()
    _alarm()
    for name, area in AREAS.items():
        op.execute(f"CREATE POLICY area ON {name} USING ({area})")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute(
        "GRANT UPDATE (grid, parameters, scenes, first_at, last_at, state_key, state_sha256, advanced_at)"
        " ON series_monitor TO landwarden_app"
    )
    op.execute(
        "GRANT UPDATE (division_code, geometry, area_m2, change_from, change_to, confirmed_on, shift, pixels,"
        " lead_id, told_m2, tellings, updated_at, withdrawn_at) ON series_alarm TO landwarden_app"
    )


def _monitor() -> None:
    op.create_table(
        "series_monitor",
        sa.Column("monitor_id", sa.Uuid(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("sensor", sa.Text(), nullable=False),
        sa.Column("index_name", sa.Text(), nullable=False),
        sa.Column("grid", postgresql.JSONB(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("scenes", postgresql.JSONB(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_key", sa.String(length=64), nullable=False),
        sa.Column("state_sha256", sa.String(length=64), nullable=False),
        sa.Column("advanced_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("monitor_id", name=op.f("pk_series_monitor")),
    )
    op.create_index(op.f("ix_series_monitor_county_code"), "series_monitor", ["county_code"], unique=False)


def _alarm() -> None:
    outline = Geometry("MULTIPOLYGON", srid=4490, spatial_index=False, nullable=False)
    op.create_table(
        "series_alarm",
        sa.Column("alarm_id", sa.Uuid(), nullable=False),
        sa.Column("monitor_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("geometry", outline, nullable=False),
        sa.Column("area_m2", sa.Float(), nullable=False),
        sa.Column("change_from", sa.Date(), nullable=False),
        sa.Column("change_to", sa.Date(), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=False),
        sa.Column("shift", sa.Float(), nullable=False),
        sa.Column("pixels", sa.Integer(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("told_m2", sa.Float(), nullable=False),
        sa.Column("tellings", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["monitor_id"],
            ["series_monitor.monitor_id"],
            name=op.f("fk_series_alarm_monitor_id_series_monitor"),
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_series_alarm_lead_id_lead")),
        sa.CheckConstraint("change_from < change_to", name=op.f("ck_series_alarm_interval")),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_series_alarm")),
    )
    op.create_index(op.f("ix_series_alarm_monitor_id"), "series_alarm", ["monitor_id"], unique=False)
    op.create_index(op.f("ix_series_alarm_division_code"), "series_alarm", ["division_code"], unique=False)
    op.create_index(
        "idx_series_alarm_geometry", "series_alarm", ["geometry"], unique=False, postgresql_using="gist"
    )


def downgrade() -> None:
    op.drop_table("series_alarm")
    op.drop_table("series_monitor")
