"""Initial schema: tables of all floors, the job queue, and area rights behind every row."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


RIGHTS = Path(__file__).with_name("0001_rights.sql")
APPLICATION_ROLE = """
DO $$ BEGIN
    CREATE ROLE landwarden_app LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def upgrade() -> None:
    """Tables first, then the queue, then rights over all of it."""
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.execute(APPLICATION_ROLE)
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_subject_id"), "audit_entry", ["subject_id"], unique=False)
    op.create_geospatial_table(
        "division",
        sa.Column("code", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("parent_code", sa.String(length=12), nullable=True),
        sa.Column(
            "outline",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["division.code"], name=op.f("fk_division_parent_code_division")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_division")),
    )
    op.create_geospatial_index(
        "idx_division_outline",
        "division",
        ["outline"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_geospatial_table(
        "grid_cell",
        sa.Column("cell_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("cell_id", name=op.f("pk_grid_cell")),
        sa.UniqueConstraint("code", name=op.f("uq_grid_cell_code")),
    )
    op.create_geospatial_index(
        "idx_grid_cell_geometry",
        "grid_cell",
        ["geometry"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_grid_cell_division_code"), "grid_cell", ["division_code"], unique=False)
    op.create_table(
        "layer_version",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("layer_kind", sa.Text(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("source_crs", sa.Text(), nullable=False),
        sa.Column("feature_count", sa.Integer(), nullable=False),
        sa.Column("decisions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_layer_version")),
    )
    op.create_index(op.f("ix_layer_version_layer_kind"), "layer_version", ["layer_kind"], unique=False)
    op.create_index(
        "uq_layer_version_source",
        "layer_version",
        ["layer_kind", "county_code", "source_sha256"],
        unique=True,
    )
    op.create_geospatial_table(
        "patch",
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "geometry_3857",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geometry, 3857)", persisted=True),
            nullable=False,
        ),
        sa.Column("area_m2", sa.Float(), nullable=False),
        sa.Column("area_min_m2", sa.Float(), nullable=False),
        sa.Column("area_max_m2", sa.Float(), nullable=False),
        sa.Column("change_class", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("before_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("patch_id", name=op.f("pk_patch")),
    )
    op.create_geospatial_index(
        "idx_patch_geometry", "patch", ["geometry"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_geospatial_index(
        "idx_patch_geometry_3857",
        "patch",
        ["geometry_3857"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_patch_division_code"), "patch", ["division_code"], unique=False)
    op.create_index("uq_patch_number", "patch", ["number"], unique=True)
    op.create_geospatial_table(
        "scene",
        sa.Column("scene_id", sa.Uuid(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sensor", sa.Text(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bands", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("gsd_m", sa.Float(), nullable=False),
        sa.Column("crs", sa.Text(), nullable=False),
        sa.Column("cloud_pct", sa.Float(), nullable=True),
        sa.Column(
            "footprint",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("cog_sha256", sa.String(length=64), nullable=False),
        sa.Column("display_range", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scene_id", name=op.f("pk_scene")),
        sa.UniqueConstraint("source_sha256", name=op.f("uq_scene_source_sha256")),
    )
    op.create_geospatial_index(
        "idx_scene_footprint",
        "scene",
        ["footprint"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_scene_county_code"), "scene", ["county_code"], unique=False)
    op.create_table(
        "account",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("area_code", sa.String(length=12), nullable=False),
        sa.Column("is_demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_count", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["area_code"], ["division.code"], name=op.f("fk_account_area_code_division")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "case_event",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("undone_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_case_event_patch_id_patch")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_case_event")),
    )
    op.create_index(op.f("ix_case_event_at"), "case_event", ["at"], unique=False)
    op.create_index("uq_case_event_version", "case_event", ["patch_id", "version"], unique=True)
    op.create_table(
        "detection_run",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("before_scene_id", sa.Uuid(), nullable=False),
        sa.Column("after_scene_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("method_version", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parameters_sha256", sa.String(length=64), nullable=False),
        sa.Column("registration", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("control", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("statistics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("change_sha256", sa.String(length=64), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["after_scene_id"], ["scene.scene_id"], name=op.f("fk_detection_run_after_scene_id_scene")
        ),
        sa.ForeignKeyConstraint(
            ["before_scene_id"], ["scene.scene_id"], name=op.f("fk_detection_run_before_scene_id_scene")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_detection_run")),
    )
    op.create_index(
        "uq_detection_run_inputs",
        "detection_run",
        ["before_scene_id", "after_scene_id", "method", "method_version", "parameters_sha256"],
        unique=True,
    )
    op.create_table(
        "field_label",
        sa.Column("label_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("change_class", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_field_label_patch_id_patch")),
        sa.PrimaryKeyConstraint("label_id", name=op.f("pk_field_label")),
    )
    op.create_index(op.f("ix_field_label_patch_id"), "field_label", ["patch_id"], unique=False)
    op.create_table(
        "judgement",
        sa.Column("judgement_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=False),
        sa.Column("violation_code", sa.Text(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("is_borderline", sa.Boolean(), nullable=False),
        sa.Column("law_date", sa.Date(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("result_sha256", sa.String(length=64), nullable=False),
        sa.Column("basic_farmland_m2", sa.Float(), nullable=False),
        sa.Column("cropland_m2", sa.Float(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_judgement_patch_id_patch")),
        sa.PrimaryKeyConstraint("judgement_id", name=op.f("pk_judgement")),
    )
    op.create_index("uq_judgement_revision", "judgement", ["patch_id", "revision"], unique=True)
    op.create_geospatial_table(
        "layer_feature",
        sa.Column("feature_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("layer_kind", sa.Text(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("feature_no", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=True),
        sa.Column("land_class_code", sa.Text(), nullable=True),
        sa.Column("class_scheme", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("area_m2", sa.Float(), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "geometry_3857",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geometry, 3857)", persisted=True),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["layer_version.version_id"],
            name=op.f("fk_layer_feature_version_id_layer_version"),
        ),
        sa.PrimaryKeyConstraint("feature_id", name=op.f("pk_layer_feature")),
    )
    op.create_geospatial_index(
        "idx_layer_feature_geometry",
        "layer_feature",
        ["geometry"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_geospatial_index(
        "idx_layer_feature_geometry_3857",
        "layer_feature",
        ["geometry_3857"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_layer_feature_version_id"), "layer_feature", ["version_id"], unique=False)
    op.create_index(
        "ix_layer_feature_version_no", "layer_feature", ["version_id", "feature_no"], unique=False
    )
    op.create_table(
        "bulletin",
        sa.Column("bulletin_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("files", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["issued_by"], ["account.account_id"], name=op.f("fk_bulletin_issued_by_account")
        ),
        sa.PrimaryKeyConstraint("bulletin_id", name=op.f("pk_bulletin")),
    )
    op.create_index("uq_bulletin_period", "bulletin", ["kind", "period", "division_code"], unique=True)
    op.create_geospatial_table(
        "lead",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("observed_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("observed_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "geometry",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("area_m2", sa.Float(), nullable=False),
        sa.Column("area_min_m2", sa.Float(), nullable=False),
        sa.Column("area_max_m2", sa.Float(), nullable=False),
        sa.Column("change_class", sa.Text(), nullable=False),
        sa.Column("class_probabilities", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("witnesses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("before_chip_sha256", sa.String(length=64), nullable=True),
        sa.Column("after_chip_sha256", sa.String(length=64), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["detection_run.run_id"], name=op.f("fk_lead_run_id_detection_run")
        ),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead")),
    )
    op.create_geospatial_index(
        "idx_lead_geometry", "lead", ["geometry"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_index(op.f("ix_lead_division_code"), "lead", ["division_code"], unique=False)
    op.create_index(op.f("ix_lead_run_id"), "lead", ["run_id"], unique=False)
    op.create_table(
        "post",
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("post_no", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("holder_account_id", sa.Uuid(), nullable=True),
        sa.Column("deputy_name", sa.Text(), nullable=True),
        sa.Column("deputy_account_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deputy_account_id"], ["account.account_id"], name=op.f("fk_post_deputy_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["holder_account_id"], ["account.account_id"], name=op.f("fk_post_holder_account_id_account")
        ),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_post")),
        sa.UniqueConstraint("post_no", name=op.f("uq_post_post_no")),
    )
    op.create_index(op.f("ix_post_division_code"), "post", ["division_code"], unique=False)
    op.create_index(op.f("ix_post_holder_account_id"), "post", ["holder_account_id"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f("fk_web_session_account_id_account")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_account_id"), "web_session", ["account_id"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("holder_name", sa.Text(), nullable=False),
        sa.Column("holder_account_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["holder_account_id"],
            ["account.account_id"],
            name=op.f("fk_assignment_holder_account_id_account"),
        ),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_assignment_patch_id_patch")),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_assignment_post_id_post")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_assignment")),
    )
    op.create_index(op.f("ix_assignment_division_code"), "assignment", ["division_code"], unique=False)
    op.create_index(
        op.f("ix_assignment_holder_account_id"), "assignment", ["holder_account_id"], unique=False
    )
    op.create_index(op.f("ix_assignment_patch_id"), "assignment", ["patch_id"], unique=False)
    op.create_index(op.f("ix_assignment_post_id"), "assignment", ["post_id"], unique=False)
    op.create_index(op.f("ix_assignment_status"), "assignment", ["status"], unique=False)
    op.create_table(
        "case_file",
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("display_state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_post_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_urgent", sa.Boolean(), nullable=False),
        sa.Column("verdict_kind", sa.Text(), nullable=True),
        sa.Column("violation_code", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("verdict_note", sa.Text(), nullable=True),
        sa.Column("verdict_by", sa.Uuid(), nullable=True),
        sa.Column("verdict_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("watch_until", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_post_id"], ["post.post_id"], name=op.f("fk_case_file_owner_post_id_post")
        ),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_case_file_patch_id_patch")),
        sa.ForeignKeyConstraint(
            ["verdict_by"], ["account.account_id"], name=op.f("fk_case_file_verdict_by_account")
        ),
        sa.PrimaryKeyConstraint("patch_id", name=op.f("pk_case_file")),
    )
    op.create_index(op.f("ix_case_file_display_state"), "case_file", ["display_state"], unique=False)
    op.create_index(op.f("ix_case_file_division_code"), "case_file", ["division_code"], unique=False)
    op.create_index(op.f("ix_case_file_due_at"), "case_file", ["due_at"], unique=False)
    op.create_index(op.f("ix_case_file_owner_post_id"), "case_file", ["owner_post_id"], unique=False)
    op.create_index(op.f("ix_case_file_state"), "case_file", ["state"], unique=False)
    op.create_index(op.f("ix_case_file_updated_at"), "case_file", ["updated_at"], unique=False)
    op.create_table(
        "patch_lead",
        sa.Column("link_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("attached_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detached_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_patch_lead_lead_id_lead")),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_patch_lead_patch_id_patch")),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_patch_lead")),
    )
    op.create_index(op.f("ix_patch_lead_lead_id"), "patch_lead", ["lead_id"], unique=False)
    op.create_index(op.f("ix_patch_lead_patch_id"), "patch_lead", ["patch_id"], unique=False)
    op.create_geospatial_table(
        "patrol",
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fixes", sa.LargeBinary(), nullable=False),
        sa.Column("fix_count", sa.Integer(), nullable=False),
        sa.Column(
            "track",
            Geometry(
                geometry_type="LINESTRING",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("distance_m", sa.Float(), nullable=False),
        sa.Column("duration_min", sa.Float(), nullable=False),
        sa.Column("tasks_visited", sa.Integer(), nullable=False),
        sa.Column("is_valid", sa.Boolean(), nullable=False),
        sa.Column("reasons", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_patrol_post_id_post")),
        sa.PrimaryKeyConstraint("patrol_id", name=op.f("pk_patrol")),
    )
    op.create_geospatial_index(
        "idx_patrol_track", "patrol", ["track"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_index(op.f("ix_patrol_division_code"), "patrol", ["division_code"], unique=False)
    op.create_index(op.f("ix_patrol_post_id"), "patrol", ["post_id"], unique=False)
    op.create_index(op.f("ix_patrol_started_at"), "patrol", ["started_at"], unique=False)
    op.create_geospatial_table(
        "visit",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("visitor_id", sa.Uuid(), nullable=False),
        sa.Column("visitor_name", sa.Text(), nullable=False),
        sa.Column("device_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("device_counter", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "location",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("accuracy_m", sa.Float(), nullable=False),
        sa.Column("coord_source", sa.Text(), nullable=False),
        sa.Column("distance_m", sa.Float(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.assignment_id"], name=op.f("fk_visit_assignment_id_assignment")
        ),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_visit_patch_id_patch")),
        sa.ForeignKeyConstraint(
            ["visitor_id"], ["account.account_id"], name=op.f("fk_visit_visitor_id_account")
        ),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_visit")),
    )
    op.create_geospatial_index(
        "idx_visit_location", "visit", ["location"], unique=False, postgresql_using="gist", postgresql_ops={}
    )
    op.create_index(op.f("ix_visit_assignment_id"), "visit", ["assignment_id"], unique=False)
    op.create_index(op.f("ix_visit_patch_id"), "visit", ["patch_id"], unique=False)
    op.create_geospatial_table(
        "evidence",
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "location",
            Geometry(
                geometry_type="POINT",
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("bearing_deg", sa.Float(), nullable=True),
        sa.Column("coord_source", sa.Text(), nullable=True),
        sa.Column("distance_m", sa.Float(), nullable=True),
        sa.Column("flags", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.Column("by_id", sa.Uuid(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["account.account_id"], name=op.f("fk_evidence_by_id_account")),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_evidence_patch_id_patch")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.visit_id"], name=op.f("fk_evidence_visit_id_visit")),
        sa.PrimaryKeyConstraint("evidence_id", name=op.f("pk_evidence")),
    )
    op.create_geospatial_index(
        "idx_evidence_location",
        "evidence",
        ["location"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_index(op.f("ix_evidence_patch_id"), "evidence", ["patch_id"], unique=False)
    op.create_index(op.f("ix_evidence_visit_id"), "evidence", ["visit_id"], unique=False)
    driver = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema())
    driver.execute(RIGHTS.read_text("utf-8"))


def downgrade() -> None:
    """There is nothing before the first version: drop the database instead."""
    raise NotImplementedError("drop the database instead")
