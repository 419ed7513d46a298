"""Who walked is written down as whoever acted, like in every ledger: without a key into the list of accounts."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("fk_patrol_walker_id_account"), "patrol", type_="foreignkey")


def downgrade() -> None:
    op.create_foreign_key(
        op.f("fk_patrol_walker_id_account"), "patrol", "account", ["walker_id"], ["account_id"]
    )
