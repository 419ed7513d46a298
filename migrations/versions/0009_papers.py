"""Legal papers and their numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
BY_DIVISION = ("case_party", "paper", "paper_version")
BY_COUNTY = ("paper_series", "paper_template")


def upgrade() -> None:
    _parties()
    _papers()
    _versions()
    _series_and_templates()
    for name in BY_DIVISION:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_sees(division_code))")
    for name in BY_COUNTY:
        op.execute(f"CREATE POLICY area ON {name} USING (landwarden_touches(county_code))")
    for name in (*BY_DIVISION, *BY_COUNTY):
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
    op.execute("GRANT UPDATE (replaced_by) ON case_party TO landwarden_app")
    op.execute(
        "GRANT UPDATE (status, version, year, serial, number, approved_at, approved_by, approved_name,"
        " issued_at, issued_by, issued_name, issued_docx_sha256, issued_pdf_sha256, ended_at, ended_name,"
        " ended_reason, served_on, served_how, served_to) ON paper TO landwarden_app"
    )
    op.execute("GRANT UPDATE (last_serial) ON paper_series TO landwarden_app")
    op.execute("GRANT UPDATE (retired_at) ON paper_template TO landwarden_app")


def _parties() -> None:
    op.create_table(
        "case_party",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id_number", sa.Text(), nullable=True),
        sa.Column("representative", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_name", sa.Text(), nullable=False),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("kind IN ('person', 'organisation')", name=op.f("ck_case_party_kind")),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_case_party_patch_id_patch")),
        sa.ForeignKeyConstraint(
            ["recorded_by"], ["account.account_id"], name=op.f("fk_case_party_recorded_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["replaced_by"], ["case_party.party_id"], name=op.f("fk_case_party_replaced_by_case_party")
        ),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_case_party")),
    )
    op.create_index(op.f("ix_case_party_patch_id"), "case_party", ["patch_id"], unique=False)


def _papers() -> None:
    accounts = ("drafted_by", "approved_by", "issued_by")
    op.create_table(
        "paper",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("patch_id", sa.Uuid(), nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("refers_to", sa.Uuid(), nullable=True),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("drafted_at", MOMENT, nullable=False),
        sa.Column("drafted_by", sa.Uuid(), nullable=False),
        sa.Column("drafted_name", sa.Text(), nullable=False),
        sa.Column("approved_at", MOMENT, nullable=True),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_name", sa.Text(), nullable=True),
        sa.Column("issued_at", MOMENT, nullable=True),
        sa.Column("issued_by", sa.Uuid(), nullable=True),
        sa.Column("issued_name", sa.Text(), nullable=True),
        sa.Column("issued_docx_sha256", sa.String(length=64), nullable=True),
        sa.Column("issued_pdf_sha256", sa.String(length=64), nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_name", sa.Text(), nullable=True),
        sa.Column("ended_reason", sa.Text(), nullable=True),
        sa.Column("served_on", sa.Date(), nullable=True),
        sa.Column("served_how", sa.Text(), nullable=True),
        sa.Column("served_to", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'issued', 'void', 'withdrawn')", name=op.f("ck_paper_status")
        ),
        sa.CheckConstraint(
            "(status IN ('issued', 'void')) = (number IS NOT NULL)"
            " AND num_nulls(number, year, serial, issued_at, issued_docx_sha256) IN (0, 5)",
            name=op.f("ck_paper_numbered_when_issued"),
        ),
        sa.ForeignKeyConstraint(["patch_id"], ["patch.patch_id"], name=op.f("fk_paper_patch_id_patch")),
        sa.ForeignKeyConstraint(
            ["party_id"], ["case_party.party_id"], name=op.f("fk_paper_party_id_case_party")
        ),
        sa.ForeignKeyConstraint(["refers_to"], ["paper.paper_id"], name=op.f("fk_paper_refers_to_paper")),
        *(
            sa.ForeignKeyConstraint([name], ["account.account_id"], name=op.f(f"fk_paper_{name}_account"))
            for name in accounts
        ),
        sa.PrimaryKeyConstraint("paper_id", name=op.f("pk_paper")),
    )
    op.create_index(op.f("ix_paper_patch_id"), "paper", ["patch_id"], unique=False)
    op.create_index(op.f("ix_paper_division_code"), "paper", ["division_code"], unique=False)
    op.create_index(
        "uq_paper_number",
        "paper",
        ["series", "county_code", "year", "serial"],
        unique=True,
        postgresql_where=sa.text("serial IS NOT NULL"),
    )


def _versions() -> None:
    op.create_table(
        "paper_version",
        sa.Column("paper_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("division_code", sa.String(length=12), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("template_sha256", sa.String(length=64), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("overrides", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("docx_sha256", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_name", sa.Text(), nullable=False),
        sa.CheckConstraint("origin IN ('generated', 'edited')", name=op.f("ck_paper_version_origin")),
        sa.ForeignKeyConstraint(
            ["paper_id"], ["paper.paper_id"], name=op.f("fk_paper_version_paper_id_paper")
        ),
        sa.ForeignKeyConstraint(
            ["made_by"], ["account.account_id"], name=op.f("fk_paper_version_made_by_account")
        ),
        sa.PrimaryKeyConstraint("paper_id", "version", name=op.f("pk_paper_version")),
    )


def _series_and_templates() -> None:
    op.create_table(
        "paper_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_serial", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("series", "county_code", "year", name=op.f("pk_paper_series")),
    )
    op.create_table(
        "paper_template",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("county_code", sa.String(length=6), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_at", MOMENT, nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_name", sa.Text(), nullable=False),
        sa.Column("retired_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["added_by"], ["account.account_id"], name=op.f("fk_paper_template_added_by_account")
        ),
        sa.PrimaryKeyConstraint("template_id", name=op.f("pk_paper_template")),
    )
    op.create_index(op.f("ix_paper_template_county_code"), "paper_template", ["county_code"], unique=False)


def downgrade() -> None:
    for name in ("paper_template", "paper_series", "paper_version", "paper", "case_party"):
        op.drop_table(name)
