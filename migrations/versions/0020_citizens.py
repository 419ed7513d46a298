"""Citizens' reports; who reported lies sealed in a schema of its own."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = ("citizen_report", "citizen_photo", "citizen_answer")
OF_REPORT = "EXISTS (SELECT FROM citizen_report r WHERE r.report_id = {table}.report_id)"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "citizen_report",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("code_sha256", sa.String(64), nullable=False),
        sa.Column("division_code", sa.String(12), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("place", Geometry("POINT", srid=4490, spatial_index=False), nullable=True),
        sa.Column("radius_m", sa.Float(), nullable=True),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.lead_id"], name=op.f("fk_citizen_report_lead_id_lead")),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_citizen_report")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_citizen_report_code_sha256")),
    )
    op.create_index(op.f("ix_citizen_report_division_code"), "citizen_report", ["division_code"])
    op.create_index(op.f("ix_citizen_report_lead_id"), "citizen_report", ["lead_id"])
    op.create_index("idx_citizen_report_place", "citizen_report", ["place"], postgresql_using="gist")
    op.create_table(
        "citizen_photo",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        _to_report("citizen_photo"),
        sa.PrimaryKeyConstraint("report_id", "seq", name=op.f("pk_citizen_photo")),
    )
    op.create_table(
        "citizen_answer",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("satisfaction", sa.Integer(), nullable=False),
        sa.Column("remark", sa.Text(), nullable=False),
        sa.Column("answered_at", moment, nullable=False),
        sa.CheckConstraint("satisfaction BETWEEN 1 AND 5", name=op.f("ck_citizen_answer_satisfaction")),
        _to_report("citizen_answer"),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_citizen_answer")),
    )
    for name in TABLES:
        op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO landwarden_app")
        rule = "landwarden_sees(division_code)" if name == "citizen_report" else OF_REPORT.format(table=name)
        op.execute(f"CREATE POLICY area ON {name} USING ({rule})")
    op.execute("GRANT UPDATE (place, radius_m, lead_id) ON citizen_report TO landwarden_app")
    _create_vault()


def _create_vault() -> None:
    op.execute("CREATE SCHEMA vault")
    op.execute("GRANT USAGE ON SCHEMA vault TO landwarden_app")
    op.execute(
        "CREATE TABLE vault.reporter (report_id uuid PRIMARY KEY REFERENCES citizen_report (report_id),"
        " sealed bytea NOT NULL)"
    )
    op.execute("ALTER TABLE vault.reporter ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE vault.reporter FORCE ROW LEVEL SECURITY")
    op.execute("GRANT SELECT, INSERT ON vault.reporter TO landwarden_app")
    op.execute("CREATE POLICY sealing ON vault.reporter FOR INSERT WITH CHECK (landwarden_role() = 'system')")
    op.execute(
        "CREATE POLICY reading ON vault.reporter FOR SELECT USING"
        " (landwarden_role() IN ('city_officer', 'county_officer') AND "
        + OF_REPORT.format(table="reporter")
        + ")"
    )


def _to_report(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["report_id"],
        ["citizen_report.report_id"],
        name=op.f(f"fk_{table}_report_id_citizen_report"),
    )


def downgrade() -> None:
    op.execute("DROP SCHEMA vault CASCADE")
    for name in reversed(TABLES):
        op.drop_table(name)
