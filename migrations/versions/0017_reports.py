"""Review of bulletins, their corrections and receipts; an issued bulletin cannot be changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AREA = {
    "bulletin_erratum": "landwarden_touches(division_code)",
    "bulletin_receipt": "landwarden_sees(division_code)",
}


def upgrade() -> None:
    op.add_column("bulletin", sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("bulletin", sa.Column("reviewed_by", sa.Uuid(), nullable=True))
    op.add_column("bulletin", sa.Column("review_note", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_bulletin_reviewed_by_account"), "bulletin", "account", ["reviewed_by"], ["account_id"]
    )
    op.create_check_constraint(op.f("ck_bulletin_two_persons"), "bulletin", "reviewed_by <> issued_by")
    op.execute(
        "CREATE FUNCTION landwarden_bulletin_stays() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'an issued bulletin does not change' USING ERRCODE = '23001'; END $$"
    )
    op.execute(
        "CREATE TRIGGER bulletin_stays BEFORE UPDATE OR DELETE ON bulletin FOR EACH ROW"
        " WHEN (OLD.status = 'issued') EXECUTE FUNCTION landwarden_bulletin_stays()"
    )
    op.create_table(
        "bulletin_erratum",
        sa.Column("erratum_id", sa.Uuid(), nullable=False),
        sa.Column("bulletin_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("was", sa.Float(), nullable=True),
        sa.Column("should_be", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_in", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulletin_id"], ["bulletin.bulletin_id"], name=op.f("fk_bulletin_erratum_bulletin_id_bulletin")
        ),
        sa.ForeignKeyConstraint(
            ["noted_by"], ["account.account_id"], name=op.f("fk_bulletin_erratum_noted_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["told_in"], ["bulletin.bulletin_id"], name=op.f("fk_bulletin_erratum_told_in_bulletin")
        ),
        sa.PrimaryKeyConstraint("erratum_id", name=op.f("pk_bulletin_erratum")),
    )
    for column in ("bulletin_id", "told_in"):
        op.create_index(op.f(f"ix_bulletin_erratum_{column}"), "bulletin_erratum", [column], unique=False)
    op.create_table(
        "bulletin_receipt",
        sa.Column("receipt_id", sa.Uuid(), nullable=False),
        sa.Column("bulletin_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("post_title", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.Uuid(), nullable=True),
        sa.Column("signed_by_name", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["bulletin_id"], ["bulletin.bulletin_id"], name=op.f("fk_bulletin_receipt_bulletin_id_bulletin")
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f("fk_bulletin_receipt_post_id_post")),
        sa.ForeignKeyConstraint(
            ["signed_by"], ["account.account_id"], name=op.f("fk_bulletin_receipt_signed_by_account")
        ),
        sa.PrimaryKeyConstraint("receipt_id", name=op.f("pk_bulletin_receipt")),
    )
    op.create_index("uq_bulletin_receipt_post", "bulletin_receipt", ["bulletin_id", "post_id"], unique=True)
    op.create_index(op.f("ix_bulletin_receipt_post_id"), "bulletin_receipt", ["post_id"], unique=False)
    for name, condition in AREA.items():
        op.execute(f"CREATE POLICY area ON {name} USING ({condition})")
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (told_in) ON bulletin_erratum TO landwarden_app")
    op.execute("GRANT UPDATE (signed_at, signed_by, signed_by_name) ON bulletin_receipt TO landwarden_app")


def downgrade() -> None:
    op.drop_table("bulletin_receipt")
    op.drop_table("bulletin_erratum")
    op.execute("DROP TRIGGER bulletin_stays ON bulletin")
    op.execute("DROP FUNCTION landwarden_bulletin_stays()")
    op.drop_constraint(op.f("ck_bulletin_two_persons"), "bulletin")
    for column in ("review_note", "reviewed_by", "reviewed_at"):
        op.drop_column("bulletin", column)
