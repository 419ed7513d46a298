"""Notices, how persons want to be told, and the messages that go out."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("notice", "notice_preference", "push_device", "notice_message", "notice_message_item")
SYSTEM = "landwarden_role() = 'system'"
OWN = f"(account_id = landwarden_account() OR {SYSTEM})"
KEEPERS = "landwarden_role() IN ('system', 'system_admin')"
POLICIES = (
    f"own ON notice FOR SELECT USING {OWN}",
    f"reading ON notice FOR UPDATE USING {OWN}",
    "telling ON notice FOR INSERT WITH CHECK (landwarden_role() IS NOT NULL)",
    f"own ON notice_preference USING {OWN}",
    f"own ON push_device USING {OWN}",
    f"own ON notice_message FOR SELECT USING ({OWN} OR {KEEPERS})",
    f"sending ON notice_message FOR INSERT WITH CHECK ({SYSTEM})",
    f"keeping ON notice_message FOR UPDATE USING ({KEEPERS})",
    "own ON notice_message_item USING (EXISTS (SELECT FROM notice_message m"
    " WHERE m.message_id = notice_message_item.message_id)) WITH CHECK (" + SYSTEM + ")",
)
GRANTS = (
    "UPDATE (read_at, planned_at) ON notice",
    "UPDATE (choices, updated_at) ON notice_preference",
    "UPDATE (name, ended_at) ON push_device",
    "UPDATE (status, tries, not_before, claimed_at, ended_at, fault) ON notice_message",
)


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "notice",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("read_at", moment, nullable=True),
        sa.Column("planned_at", moment, nullable=True),
        _to_account("notice"),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_account_id", "notice", ["account_id", "created_at"])
    op.create_index(
        "ix_notice_planned_at", "notice", ["created_at"], postgresql_where=sa.text("planned_at IS NULL")
    )
    op.create_table(
        "notice_preference",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("choices", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", moment, nullable=False),
        _to_account("notice_preference"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_notice_preference")),
    )
    op.create_table(
        "push_device",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        _to_account("push_device"),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_push_device")),
    )
    op.create_index(op.f("ix_push_device_account_id"), "push_device", ["account_id"])
    _create_messages(moment)
    for name in TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    for policy in POLICIES:
        op.execute(f"CREATE POLICY {policy}")
    for grant in GRANTS:
        op.execute(f"GRANT {grant} TO landwarden_app")


def _create_messages(moment: sa.DateTime) -> None:
    op.create_table(
        "notice_message",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", moment, nullable=False),
        sa.Column("claimed_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        _to_account("notice_message"),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_notice_message")),
    )
    op.create_index(op.f("ix_notice_message_account_id"), "notice_message", ["account_id"])
    op.create_index(
        "ix_notice_message_not_before",
        "notice_message",
        ["not_before"],
        postgresql_where=sa.text("status <> 'sent'"),
    )
    op.create_table(
        "notice_message_item",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["notice_message.message_id"],
            name=op.f("fk_notice_message_item_message_id_notice_message"),
        ),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notice.notice_id"], name=op.f("fk_notice_message_item_notice_id_notice")
        ),
        sa.PrimaryKeyConstraint("message_id", "notice_id", name=op.f("pk_notice_message_item")),
    )
    op.create_index(op.f("ix_notice_message_item_notice_id"), "notice_message_item", ["notice_id"])


def _to_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["account.account_id"], name=op.f(f"fk_{table}_account_id_account")
    )


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
