"""Rule sets: the tables of rules as they stood when a judgement used them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rule_set",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_rule_set")),
    )
    op.execute("GRANT SELECT, INSERT ON rule_set TO landwarden_app")


def downgrade() -> None:
    op.drop_table("rule_set")
