"""Helpers of shared patches: who led when the help began, for readers who do not see the lead's post."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dispatch_helper", sa.Column("lead_named", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("dispatch_helper", "lead_named")
