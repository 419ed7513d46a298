"""Camera vendors at the door: keys of devices, pictures and events as they were received."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NEW_TABLES = ("camera_key", "camera_picture", "camera_event")


def upgrade() -> None:
    _keys()
    _pictures()
    _events()
    for name in NEW_TABLES:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_sees(division_code))")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (revoked_at) ON camera_key TO landwarden_app")


def _keys() -> None:
    op.create_table(
        "camera_key",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.camera_id"], name=op.f("fk_camera_key_camera_id_camera")
        ),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_camera_key")),
    )
    op.create_index("uq_camera_key_token", "camera_key", ["token_sha256"], unique=True)
    op.create_index(op.f("ix_camera_key_camera_id"), "camera_key", ["camera_id"], unique=False)


def _pictures() -> None:
    op.create_table(
        "camera_picture",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("picture_sha256", sa.String(length=64), nullable=False),
        sa.Column("served_sha256", sa.String(length=64), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.camera_id"], name=op.f("fk_camera_picture_camera_id_camera")
        ),
        sa.PrimaryKeyConstraint("camera_id", "picture_sha256", name=op.f("pk_camera_picture")),
    )


def _events() -> None:
    op.create_table(
        "camera_event",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "fate IN ('new', 'known', 'repeated', 'disputed') AND (fate = 'disputed') = (lead_id IS NULL)",
            name=op.f("ck_camera_event_fate"),
        ),
        sa.CheckConstraint("form IN ('canonical', 'gbt28181')", name=op.f("ck_camera_event_form")),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["camera.camera_id"], name=op.f("fk_camera_event_camera_id_camera")
        ),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_camera_event_lead_id_lead")),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_camera_event")),
    )
    op.create_index(
        "uq_camera_event_taken",
        "camera_event",
        ["camera_id", "event_id"],
        unique=True,
        postgresql_where=sa.text("fate <> 'disputed'"),
    )
    op.create_index(
        "uq_camera_event_body", "camera_event", ["camera_id", "event_id", "body_sha256"], unique=True
    )


def downgrade() -> None:
    for name in reversed(NEW_TABLES):
        op.drop_table(name)
