"""Second-stage models and their scores."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "detection_model",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trained_by", sa.Text(), nullable=False),
        sa.Column("data_sha256", sa.String(length=64), nullable=False),
        sa.Column("label_count", sa.Integer(), nullable=False),
        sa.Column("data_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.Column("blob_sha256", sa.String(length=64), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_detection_model")),
    )
    op.create_index(
        "uq_detection_model_active",
        "detection_model",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("is_active"),
    )
    # A model belongs to the whole city and names nobody: every role may read it, as it may read the rule sets.
    op.execute("GRANT SELECT, INSERT ON detection_model TO landwarden_app")
    op.execute("GRANT UPDATE (is_active, activated_at) ON detection_model TO landwarden_app")


def downgrade() -> None:
    op.drop_table("detection_model")
