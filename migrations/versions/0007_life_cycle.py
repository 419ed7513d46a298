"""Objections, pauses, warnings, and the watch over closed cases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("case_pause", "objection", "case_warning", "case_watch")


def upgrade() -> None:
    op.add_column("case_file", sa.Column("pause_id", sa.Uuid(), nullable=True))
    op.add_column("case_file", sa.Column("paused_until", MOMENT, nullable=True))
    _pauses()
    _objections()
    _warnings()
    _watch()
    for name in TABLES:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_sees(division_code))")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute(
        "GRANT UPDATE (ended_at, ended_by, ended_name, is_automatic, is_undone) ON case_pause TO landwarden_app"
    )
    op.execute(
        "GRANT UPDATE (status, owner_post_id, decided_at, decided_by, decided_name, decision_code,"
        " decision_note, outcome) ON objection TO landwarden_app"
    )


def _patch_columns() -> tuple[sa.Column, ...]:
    return (
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
    )


def _patch_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f(f"fk_{table}_patch_id_patch"))


def _pauses() -> None:
    op.create_table(
        "case_pause",
        sa.Column("pause_id", sa.Uuid(), nullable=False),
        *_patch_columns(),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("started_by", sa.Uuid(), nullable=False),
        sa.Column("started_name", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_name", sa.Text(), nullable=True),
        sa.Column("is_automatic", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_undone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("held", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("ends_at > started_at", name=op.f("ck_case_pause_forward")),
        _patch_key("case_pause"),
        sa.PrimaryKeyConstraint("pause_id", name=op.f("pk_case_pause")),
    )
    op.create_index(op.f("ix_case_pause_patch_id"), "case_pause", ["patch_id"], unique=False)
    op.create_index(
        "uq_case_pause_open",
        "case_pause",
        ["patch_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL AND NOT is_undone"),
    )


def _objections() -> None:
    op.create_table(
        "objection",
        sa.Column("objection_id", sa.Uuid(), nullable=False),
        *_patch_columns(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("evidence_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("target", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("raised_at", MOMENT, nullable=False),
        sa.Column("raised_by", sa.Uuid(), nullable=False),
        sa.Column("raised_name", sa.Text(), nullable=False),
        sa.Column("raised_tier", sa.Integer(), nullable=False),
        sa.Column("decided_tier", sa.Integer(), nullable=False),
        sa.Column("owner_post_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("pause_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_name", sa.Text(), nullable=True),
        sa.Column("decision_code", sa.Text(), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("kind IN ('geometry', 'date', 'class', 'base')", name=op.f("ck_objection_kind")),
        sa.CheckConstraint(
            "status IN ('open', 'upheld', 'rejected', 'withdrawn') AND (status = 'open') = (decided_at IS NULL)",
            name=op.f("ck_objection_status"),
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR status = 'withdrawn' OR decided_by <> raised_by",
            name=op.f("ck_objection_others"),
        ),
        _patch_key("objection"),
        sa.ForeignKeyConstraint(
            ["raised_by"], ["account.account_id"], name=op.f("fk_objection_raised_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["account.account_id"], name=op.f("fk_objection_decided_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["owner_post_id"], ["post.post_id"], name=op.f("fk_objection_owner_post_id_post")
        ),
        sa.ForeignKeyConstraint(
            ["pause_id"], ["case_pause.pause_id"], name=op.f("fk_objection_pause_id_case_pause")
        ),
        sa.PrimaryKeyConstraint("objection_id", name=op.f("pk_objection")),
    )
    for column in ("patch_id", "division_code", "due_at"):
        op.create_index(op.f(f"ix_objection_{column}"), "objection", [column], unique=False)
    op.create_index(
        "uq_objection_open",
        "objection",
        ["patch_id", "kind"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )


def _warnings() -> None:
    op.create_table(
        "case_warning",
        sa.Column("warning_id", sa.Uuid(), nullable=False),
        *_patch_columns(),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("clock_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("to_name", sa.Text(), nullable=False),
        sa.Column("to_account_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('warn', 'escalate')", name=op.f("ck_case_warning_kind")),
        _patch_key("case_warning"),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_case_warning_post_id_post")),
        sa.ForeignKeyConstraint(
            ["to_account_id"], ["account.account_id"], name=op.f("fk_case_warning_to_account_id_account")
        ),
        sa.PrimaryKeyConstraint("warning_id", name=op.f("pk_case_warning")),
    )
    for column in ("division_code", "told_at", "to_account_id"):
        op.create_index(op.f(f"ix_case_warning_{column}"), "case_warning", [column], unique=False)
    op.create_index(
        "uq_case_warning", "case_warning", ["patch_id", "clock", "due_at", "kind", "level"], unique=True
    )


def _watch() -> None:
    op.create_table(
        "case_watch",
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        *_patch_columns(),
        sa.Column("scene_id", sa.Uuid(), nullable=False),
        sa.Column("observed_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("noted_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('unchanged', 'changed', 'not_observed')", name=op.f("ck_case_watch_outcome")
        ),
        _patch_key("case_watch"),
        sa.ForeignKeyConstraint(["scene_id"], ["scene.scene_id"], name=op.f("fk_case_watch_scene_id_scene")),
        sa.PrimaryKeyConstraint("watch_id", name=op.f("pk_case_watch")),
    )
    op.create_index("uq_case_watch_scene", "case_watch", ["patch_id", "scene_id"], unique=True)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
    for column in ("paused_until", "pause_id"):
        op.drop_column("case_file", column)
