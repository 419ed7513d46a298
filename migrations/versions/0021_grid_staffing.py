"""Who stood in a post from when to when, and who is away; telephones of the net."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TABLES = ("post_tenure", "post_absence")


def upgrade() -> None:
    for name in ("holder_phone", "deputy_phone"):
        op.add_column("post", sa.Column(name, sa.Text(), nullable=True))
    op.create_table(
        "post_tenure",
        sa.Column("tenure_id", sa.Uuid(), nullable=False),
        *_of_a_post(),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint("part IN ('holder', 'deputy')", name=op.f("ck_post_tenure_part")),
        sa.CheckConstraint("valid_to >= valid_from", name=op.f("ck_post_tenure_forward")),
        *_keys("post_tenure", "tenure_id"),
    )
    op.create_index(op.f("ix_post_tenure_post_id"), "post_tenure", ["post_id"])
    op.create_index(
        "uq_post_tenure_open",
        "post_tenure",
        ["post_id", "part"],
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "post_absence",
        sa.Column("absence_id", sa.Uuid(), nullable=False),
        *_of_a_post(),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("stand_in_name", sa.Text(), nullable=True),
        sa.Column("stand_in_account_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("is_cancelled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_post_absence_forward")),
        sa.ForeignKeyConstraint(
            ["stand_in_account_id"],
            ["account.account_id"],
            name=op.f("fk_post_absence_stand_in_account_id_account"),
        ),
        *_keys("post_absence", "absence_id"),
    )
    op.create_index(op.f("ix_post_absence_post_id"), "post_absence", ["post_id"])
    op.create_index(op.f("ix_post_absence_ends_on"), "post_absence", ["ends_on"])
    for name in TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_touches(division_code))")
    op.execute("GRANT UPDATE (valid_to, account_id) ON post_tenure TO landwarden_app")
    op.execute("GRANT UPDATE (ends_on, is_cancelled) ON post_absence TO landwarden_app")
    _begin_tenures()


def _of_a_post() -> list[sa.Column]:
    return [
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("person_name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_by_name", sa.Text(), nullable=False),
    ]


def _keys(table: str, key: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["post_id"], ["post.post_id"], name=op.f(f"fk_{table}_post_id_post")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.account_id"], name=op.f(f"fk_{table}_account_id_account")
        ),
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{table}")),
    ]


def _begin_tenures() -> None:
    """Whoever stands in a post now has stood in it since the post began, as far as anybody wrote down."""
    for part in ("holder", "deputy"):
        op.execute(
            "INSERT INTO post_tenure (tenure_id, post_id, division_code, person_name, account_id, recorded_at,"
            f" recorded_by, recorded_by_name, part, valid_from, valid_to) SELECT gen_random_uuid(), post_id,"
            f" division_code, {part}_name, {part}_account_id, now(),"
            " '00000000-0000-0000-0000-000000000000', '', "
            f"'{part}', valid_from, valid_to FROM post WHERE coalesce({part}_name, '') <> ''"
        )


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
    for name in ("holder_phone", "deputy_phone"):
        op.drop_column("post", name)
