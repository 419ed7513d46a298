"""Editions of the grid, whose former cells stay as history."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "grid_edition",
        sa.Column("edition_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("report", postgresql.JSONB(), nullable=False),
        sa.Column("cell_count", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_by_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_grid_edition")),
    )
    op.create_index(op.f("ix_grid_edition_division_code"), "grid_edition", ["division_code"], unique=False)
    op.add_column("grid_cell", sa.Column("edition_id", sa.Uuid(), nullable=True))
    op.add_column("grid_cell", sa.Column("field_m2", sa.Float(), nullable=True))
    op.add_column("grid_cell", sa.Column("mountain_m2", sa.Float(), nullable=True))
    op.create_foreign_key(
        op.f("fk_grid_cell_edition_id_grid_edition"),
        "grid_cell",
        "grid_edition",
        ["edition_id"],
        ["edition_id"],
    )
    op.drop_constraint(op.f("uq_grid_cell_code"), "grid_cell")
    op.create_index(
        "uq_grid_cell_code_now",
        "grid_cell",
        ["code"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_index(op.f("ix_grid_cell_code"), "grid_cell", ["code"], unique=False)
    op.execute("CREATE POLICY area ON grid_edition USING (landwarden_touches(division_code))")
    op.execute("ALTER TABLE grid_edition ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE grid_edition FORCE ROW LEVEL SECURITY")
    op.execute("GRANT SELECT, INSERT ON grid_edition TO landwarden_app")


def downgrade() -> None:
    op.drop_index(op.f("ix_grid_cell_code"), "grid_cell")
    op.drop_index("uq_grid_cell_code_now", "grid_cell")
    # Former cells carry the numbers of those in force: they cannot stay where a number is unique.
    op.execute("DELETE FROM grid_cell WHERE valid_to IS NOT NULL")
    op.create_unique_constraint(op.f("uq_grid_cell_code"), "grid_cell", ["code"])
    op.drop_constraint(op.f("fk_grid_cell_edition_id_grid_edition"), "grid_cell")
    for column in ("edition_id", "field_m2", "mountain_m2"):
        op.drop_column("grid_cell", column)
    op.drop_table("grid_edition")
